package impersonation

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// rejection matches what a program may say about a name that it does not take.
const rejection = `(?i)refuse|reject|invalid|illegal|malformed|not allowed|not valid|must not|may not|null|unknown|no such|not found|does not exist`

var namesThatAreNoNames = stage.Spec{
	Slug:     "names-that-are-no-names",
	Says:     "a user given as an option of sudo, as a number, with NUL, in two lines or with a blank at the end is refused by name, and no code of the task ran",
	Verifies: []string{"IMP-027.option", "IMP-027.number", "IMP-027.nul", "IMP-027.line-break", "IMP-027.blank"},
	Roles:    both,
	Budget:   2 * time.Minute,
	Run: func(s *stage.Stage) {
		runs(s, "IMP-027.option", stage.Task{Settings: map[string]string{"core.default_impersonation": "alice"}}, "alice")
		for _, c := range []struct{ part, what, name, pattern string }{
			{"number", "number", "#61002", `#61002`},
			{"number", "number-of-root", "#0", `#0`},
			{"option", "option", "-ualice", `-ualice`},
			{"option", "long-option", "--user=alice", `--user=alice`},
			{"line-break", "two-lines", "alice\nroot", `alice.{1,12}root`},
			{"line-break", "line-break-at-the-end", "alice\n", `alice`},
			{"blank", "blank-at-the-end", "alice ", `alice`},
			{"blank", "tab-at-the-end", "alice\t", `alice`},
		} {
			task := stage.Task{Name: c.what, Settings: map[string]string{"core.default_impersonation": c.name}}
			refused(s, "IMP-027."+c.part, task, c.pattern, rejection)
		}
		for _, name := range []string{"alice\x00", "alice\x00root"} { // no variable can hold it
			task := stage.Task{Name: "nul", File: &stage.ConfigFile{Settings: map[string]string{"core.default_impersonation": name}}}
			refused(s, "IMP-027.nul", task, `alice`, rejection)
		}
	},
}
