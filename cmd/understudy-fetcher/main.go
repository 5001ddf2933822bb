// Command understudy-fetcher is started by understudy-supervisor for a version of a git
// bundle that is not there. See package fetch.
package main

import (
	"fmt"
	"os"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/bundle/fetch"
)

const usage = `understudy-fetcher brings one version of a git bundle into the storage of
understudy-supervisor, which starts it with a request on standard input and reads the
answer from standard output; it is of no use by itself.

  understudy-fetcher version
  understudy-fetcher --help

Exit code: 0 the answer is printed, which may be that the version cannot be had;
1 the request cannot be read, or something failed; 2 wrong arguments.
`

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Println(reference.Version)
		return 0
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Print(usage)
		return 0
	case len(args) > 0:
		fmt.Fprintf(os.Stderr, "understudy-fetcher: cannot make sense of the arguments %q\n%s", args, usage)
		return 2
	}
	if err := fetch.Main(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "understudy-fetcher: %v\n", err)
		return 1
	}
	return 0
}
