package verdict

import (
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// again is the command that runs exactly this case again, as the run did that
// planned it; of a mutant, which "understudy run" does not know, all its cases.
func again(kase plan.Case, who *journal.Identity) string {
	if who == nil {
		who = &journal.Identity{}
	}
	if command := who.Command; len(command) > 1 && command[1] == "selftest" {
		return Pasted(command)
	}
	words := []string{"understudy", "run"}
	add := func(flag, value string) { words = append(words, "--"+flag, value) }
	if who.Manifest != "" {
		add("implementation", who.Manifest)
	}
	if who.Sandbox != "" {
		add("sandbox", who.Sandbox)
	}
	for _, name := range []string{"expect", "repeat"} {
		if value, given := flag(who.Command, name); given {
			add(name, value)
		}
	}
	add("filter", kase.ID)
	return Pasted(words)
}

// joined is the one command that runs again what several ran: nil when there is
// none, since they selected different cases and are not whole together.
func joined(runs []journal.Identity, common journal.Identity, whole bool) []string {
	first := runs[0].Command
	differs := func(name string) bool {
		value, _ := flag(first, name)
		return slices.ContainsFunc(runs, func(r journal.Identity) bool {
			other, _ := flag(r.Command, name)
			return other != value
		})
	}
	drop := []string{"out", "shard"}
	for _, name := range []string{"filter", "profile", "role"} {
		if differs(name) {
			drop = append(drop, name)
		}
	}
	if len(drop) > 2 && !whole {
		return nil
	}
	command := without(first, drop...)
	if slices.Contains(drop, "role") {
		command = append(command, "--role", role.Join(common.Roles, ","))
	}
	return command
}

// flag finds the value of a flag in a command, the last one given.
func flag(command []string, name string) (value string, given bool) {
	each(command, func(flag, v string, _ []string) {
		if flag == name {
			value, given = v, true
		}
	})
	return value, given
}

// without is the command without some of its flags.
func without(command []string, names ...string) []string {
	var kept []string
	each(command, func(flag, _ string, words []string) {
		if flag == "" || !slices.Contains(names, flag) {
			kept = append(kept, words...)
		}
	})
	return kept
}

// TakesValue says whether a flag of "understudy run" takes a value: all do, but one.
func TakesValue(flag string) bool { return flag != "keep-evidence" }

// each calls do for the words of a command, one by one, and for each flag together
// with its value.
func each(command []string, do func(flag, value string, words []string)) {
	for i := 0; i < len(command); i++ {
		name, isFlag := strings.CutPrefix(command[i], "--")
		name, value, joined := strings.Cut(name, "=")
		switch {
		case !isFlag:
			do("", "", command[i:i+1])
		case joined || !TakesValue(name) || i+1 == len(command):
			do(name, value, command[i:i+1])
		default:
			do(name, command[i+1], command[i:i+2])
			i++
		}
	}
}

// Pasted is a command as it is pasted into a POSIX shell, which then starts exactly
// these words. Quotes stand only around those that need them.
func Pasted(command []string) string {
	unsafe := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=", r))
	}
	words := make([]string, 0, len(command))
	for _, word := range command {
		if word == "" || strings.ContainsFunc(word, unsafe) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
