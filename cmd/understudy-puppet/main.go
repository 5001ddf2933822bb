// Command understudy-puppet plays a runner inside a sandbox; people do not start it. See
// package puppet.
package main

import (
	"os"

	"github.com/understudy-conformance/understudy/harness/puppet"
)

func main() { os.Exit(puppet.Main(os.Args[1:], os.Stdout, os.Stderr)) }
