package stage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// Environment returns the variables that /proc shows for a process. One that
// rewrites its own memory shows none or nonsense; a child of it does not.
func (s *Stage) Environment(p proc.Process) map[string]string {
	list, err := p.Environ()
	s.must(err)
	variables := map[string]string{}
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return variables
}

// Names returns a list of texts that the run saved.
func (r *Run) Names(key string) []string {
	list, ok := r.Result(key).([]any)
	if !ok {
		r.stage.violated(r.stage.first(), "a result is of the wrong kind", key+" is a list", shown(r.Result(key)))
	}
	names := make([]string, len(list))
	for i, entry := range list {
		names[i] = fmt.Sprint(entry)
	}
	return names
}

// NoneOf requires that none of the forbidden texts is in the list, but that the
// control is: a list that could not be had would lack them as well.
func (c Check) NoneOf(what string, list []string, control string, forbidden ...string) {
	if !slices.Contains(list, control) {
		c.fails("control: "+what+" cannot be seen", fmt.Sprintf("%q among them", control), strings.Join(list, " "))
	}
	c.Empty(what+" that should not be there", slices.DeleteFunc(slices.Sorted(slices.Values(list)), func(text string) bool {
		return !slices.Contains(forbidden, text)
	})...)
}

// NoTrace requires that a text stands in no argument and no environment variable
// of a living process of the run. At least one environment must be readable.
func (c Check) NoTrace(of Started, text string) {
	r := of.started()
	readable, traces := false, []string{}
	for _, p := range r.Living() {
		argv, err := p.Argv()
		c.stage.must(err)
		environ, err := p.Environ()
		c.stage.must(err)
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
		c.unreadable(r.Living())
	}
	c.Empty("places where the startup data stands", traces...)
}

func (c Check) unreadable(living []proc.Process) {
	c.fails("control: no environment of the run can be read", "PATH in one of them", listed(living))
}

// Living returns the processes of the run that live now.
func (r *Run) Living() []proc.Process {
	return slices.DeleteFunc(r.Processes(), func(p proc.Process) bool { return !p.Alive() })
}

// Ran reports whether a process of that name was seen among those of the run.
func (r *Run) Ran(name string) bool {
	return slices.ContainsFunc(r.Processes(), func(p proc.Process) bool { return p.Name == name })
}
