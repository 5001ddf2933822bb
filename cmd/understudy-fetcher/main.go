// Command understudy-fetcher is started by understudy-supervisor for versions of git bundles
// that are not there, and to learn which version is the newest. See package fetch.
package main

import (
	"io"
	"os"

	"github.com/understudy-conformance/understudy/cmd/internal/part"
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

func main() {
	os.Exit(program(os.Stdin, os.Stdout).Run(os.Args[1:], os.Stdout, os.Stderr))
}

func program(stdin *os.File, stdout io.Writer) part.Program {
	return part.Program{
		Name:    "understudy-fetcher",
		Usage:   usage,
		Started: func() bool { return isPipe(stdin) }, // at a terminal it could not be interrupted
		Main:    func() error { return fetch.Main(stdin, stdout) },
	}
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}
