// Command understudy-keeper is started by understudy-supervisor serve, once for
// each task that runs at the same time. See package keeper.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/keeper"
)

const usage = `understudy-keeper is the parent of one task at a time. understudy-supervisor serve
starts it, with a socket as descriptor 3; it is of no use by itself.

  understudy-keeper version
  understudy-keeper --help

Exit code: 0 the supervisor ended; 1 something failed; 2 wrong arguments, or not
started by the supervisor.
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
		fmt.Fprintf(os.Stderr, "understudy-keeper: cannot make sense of the arguments %q\n%s", args, usage)
		return 2
	}
	if kind, err := unix.GetsockoptInt(keeper.Control, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if err := keeper.Main(); err != nil {
		fmt.Fprintf(os.Stderr, "understudy-keeper: %v\n", err)
		return 1
	}
	return 0
}
