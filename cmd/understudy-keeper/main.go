// Command understudy-keeper is started by understudy-supervisor serve, once for
// each task that runs at the same time. See package keeper.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/cmd/internal/part"
	"github.com/understudy-conformance/understudy/reference/keeper"
)

const usage = `understudy-keeper is the parent of one task at a time. understudy-supervisor serve
starts it, with a socket as descriptor 3; it is of no use by itself.

  understudy-keeper version
  understudy-keeper --help

Exit code: 0 the supervisor ended; 1 something failed; 2 wrong arguments, or not
started by the supervisor.
`

func main() {
	os.Exit(part.Program{Name: "understudy-keeper", Usage: usage, Started: started, Main: keeper.Main}.Run(os.Args[1:], os.Stdout, os.Stderr))
}

func started() bool {
	kind, err := unix.GetsockoptInt(keeper.Control, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_STREAM
}
