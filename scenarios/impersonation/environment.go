package impersonation

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
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

// noTrace requires that a text stands in no argument and no environment variable of a
// living process of the run, in whatever form a program may have written it there. At
// least one environment must be readable.
func noTrace(s *stage.Stage, arguments, variables stage.Check, r *stage.Run, text string) {
	forms, readable := formsOf(text), false
	var inArguments, inVariables []string
	living := slices.DeleteFunc(r.Processes(), func(p proc.Process) bool { return !p.Alive() })
	for _, p := range living {
		argv, err := p.Argv()
		s.Must(err)
		environ, err := p.Environ()
		s.Must(err)
		readable = readable || slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
		if form := formIn(strings.Join(argv, "\x00"), forms); form != "" {
			inArguments = append(inArguments, "argument list of "+p.String()+form)
		}
		for _, entry := range environ {
			name, value, _ := strings.Cut(entry, "=")
			if form := formIn(value, forms); form != "" {
				inVariables = append(inVariables, fmt.Sprintf("variable %s of %s%s", name, p, form))
			}
		}
	}
	if !readable {
		variables.Fails("control: no environment of the run can be read", "PATH in one of them", proc.Lines(living))
	}
	arguments.Empty("arguments in which the startup data stands", inArguments...)
	variables.Empty("variables in which the startup data stands", inVariables...)
}

// form is a way to write a text.
type form struct{ name, text string }

// formsOf are the ways in which a text of letters and digits may stand in a string that
// holds it encoded: within base64 at each of three offsets, whatever comes before and after.
func formsOf(text string) []form {
	forms := []form{
		{"", text},
		{", in hexadecimal", hex.EncodeToString([]byte(text))},
		{", in hexadecimal", strings.ToUpper(hex.EncodeToString([]byte(text)))},
	}
	for offset := range 3 {
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, offset), text...))
		inner := whole[(offset*8+5)/6 : (offset+len(text))*8/6] // without what depends on the neighbours
		forms = append(forms, form{", in base64", inner}, form{", in base64", strings.NewReplacer("+", "-", "/", "_").Replace(inner)})
	}
	for _, each := range []string{`\u%04x`, `\x%02x`, `%%%02x`} {
		var escaped strings.Builder
		for _, c := range []byte(text) {
			fmt.Fprintf(&escaped, each, c)
		}
		forms = append(forms, form{", escaped", escaped.String()})
	}
	return forms
}

// formIn says in which of the forms a text stands in another, "" for none. What is
// written plainly is not said to be in any.
func formIn(in string, forms []form) string {
	for _, f := range forms {
		if strings.Contains(in, f.text) {
			return cmp.Or(f.name, " as it is")
		}
	}
	return ""
}

// known are variables that say nothing of a second start: those of a login, and what sudo adds.
func known(name string) bool {
	return strings.HasPrefix(name, "SUDO_") || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "XDG_") ||
		slices.Contains([]string{"HOME", "USER", "LOGNAME", "SHELL", "MAIL", "PATH", "TERM", "LANG", "LANGUAGE", "TZ", "USERNAME", "HOSTNAME", "PWD", "SHLVL", "_"}, name)
}

// onlyAfter requires that no variable is there after the switch that is not there without
// one, what is known aside: such a variable says that there was a switch.
func onlyAfter(c stage.Check, what string, after, without []string) {
	if !slices.Contains(after, "HOME") {
		c.Fails("control: "+what+" cannot be seen", "HOME among them", strings.Join(after, " "))
	}
	c.Empty(what+" that a task without switch has not", slices.DeleteFunc(slices.Sorted(slices.Values(after)), func(name string) bool {
		return known(name) || slices.Contains(without, name)
	})...)
}

// hasNot requires that a text stands in the value of no variable, in whatever form.
func hasNot(c stage.Check, what string, variables map[string]string, text string) {
	forms := formsOf(text)
	c.Empty("variables of a child of the task in which "+what+" stands", slices.DeleteFunc(slices.Sorted(maps.Keys(variables)), func(name string) bool {
		return formIn(variables[name], forms) == ""
	})...)
}
