// Command understudy-fetcher is started by understudy-supervisor for versions of git bundles
// that are not there, and to learn which version is the newest. See package fetch.
package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/bundle/fetch"
)

const usage = `understudy-fetcher brings one version of a git bundle into the storage of
understudy-supervisor, which starts it with a request on standard input and reads the
answer from standard output; it is of no use by itself.

  understudy-fetcher version
  understudy-fetcher --help

Exit code: 0 the answer is printed, which may be that the version cannot be had;
1 the request cannot be read, or something failed; 2 wrong arguments, or not started
by the supervisor.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Fprintln(stdout, reference.Version)
		return 0
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Fprint(stdout, usage)
		return 0
	case len(args) > 0:
		fmt.Fprintf(stderr, "understudy-fetcher: cannot make sense of the arguments %q\n%s", args, usage)
		return 2
	}
	var input unix.Stat_t
	if err := unix.Fstat(int(stdin.Fd()), &input); err != nil || input.Mode&unix.S_IFMT != unix.S_IFIFO {
		fmt.Fprint(stderr, usage) // at a terminal it could not be interrupted
		return 2
	}
	if err := fetch.Main(stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "understudy-fetcher: %v\n", err)
		return 1
	}
	return 0
}
