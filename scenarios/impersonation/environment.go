package impersonation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// environment returns the variables that /proc shows for a process. One that rewrites
// its own memory shows none or nonsense; a child of it does not.
func environment(s *stage.Stage, p proc.Process) map[string]string {
	list, err := p.Environ()
	s.Must(err)
	variables := map[string]string{}
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return variables
}

// noneOf requires that none of the forbidden texts is in the list, but that the control
// is: a list that could not be had would lack them as well.
func noneOf(c stage.Check, what string, list []string, control string, forbidden ...string) {
	if !slices.Contains(list, control) {
		c.Fails("control: "+what+" cannot be seen", fmt.Sprintf("%q among them", control), strings.Join(list, " "))
	}
	c.Empty(what+" that should not be there", slices.DeleteFunc(slices.Sorted(slices.Values(list)), func(text string) bool {
		return !slices.Contains(forbidden, text)
	})...)
}

// noTrace requires that a text stands in no argument and no environment variable of a
// living process of the run. At least one environment must be readable.
func noTrace(s *stage.Stage, c stage.Check, r *stage.Run, text string) {
	readable, traces := false, []string{}
	living := slices.DeleteFunc(r.Processes(), func(p proc.Process) bool { return !p.Alive() })
	for _, p := range living {
		argv, err := p.Argv()
		s.Must(err)
		environ, err := p.Environ()
		s.Must(err)
		readable = readable || slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
		if strings.Contains(strings.Join(argv, "\x00"), text) {
			traces = append(traces, "argument list of "+p.String())
		}
		for _, entry := range environ {
			if name, value, _ := strings.Cut(entry, "="); strings.Contains(value, text) {
				traces = append(traces, fmt.Sprintf("variable %s of %s", name, p))
			}
		}
	}
	if !readable {
		c.Fails("control: no environment of the run can be read", "PATH in one of them", proc.Lines(living))
	}
	c.Empty("places where the startup data stands", traces...)
}
