// Package part is the command line of the programs that understudy-supervisor starts, and
// that are of no use by themselves.
package part

import (
	"fmt"
	"io"

	"github.com/understudy-conformance/understudy/reference"
)

// Program is one of them.
type Program struct {
	Name    string
	Usage   string
	Started func() bool // whether the supervisor seems to have started it
	Main    func() error
}

// Run returns the exit code: 0; 1 Main failed; 2 wrong arguments, or not started by the
// supervisor.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Fprintln(stdout, reference.Version)
		return 0
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Fprint(stdout, p.Usage)
		return 0
	case len(args) > 0:
		fmt.Fprintf(stderr, "%s: cannot make sense of the arguments %q\n%s", p.Name, args, p.Usage)
		return 2
	case !p.Started():
		fmt.Fprint(stderr, p.Usage)
		return 2
	}
	if err := p.Main(); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return 1
	}
	return 0
}
