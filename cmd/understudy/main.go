// Command understudy tests programs that run Airflow tasks as another user.
// "understudy help" says how.
package main

import "os"

func main() {
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}
