// Package endings says what is left of a run in which something ended before its
// time: who, when, and what exit code and files say then. The table stands here
// once; docs/design.md shows it, and a test plays it row by row with a real
// understudy, in namespace sandboxes and as root, that of the engine in containers:
//
//	go test -tags endings ./ci/endings
//
// UNDERSTUDY_SERIES=20 plays each row so many times, at random moments.
package endings

import (
	"fmt"
	"strings"
)

// Who ends. Where it is a process, it is killed.
const (
	Outer  = "`understudy`: SIGKILL, no power"
	Signal = "`understudy`: SIGINT, SIGTERM, SIGHUP (closed terminal)"
	Reader = "the reader of its output (`\\| head -1`)"
	Room   = "room on the disk"
	Init   = "init of the sandbox"
	Worker = "worker in the sandbox"
	Task   = "the task under test"
	Engine = "the engine of the sandboxes"
	Nobody = "nobody"
)

// When, as far as the journal tells.
const (
	Ever    = "at any time"
	AtStart = "before it begins"
	Before  = "before the first case"
	In      = "in a case"
	Between = "between cases"
	Left    = "after the exit record"
	Writing = "while reports are written"
)

// Files are what index.html, result.json and junit.xml are, always all three.
type Files string

const (
	Earlier    Files = "of the earlier run, and so is the journal"
	Unfinished Files = "unfinished, exit 3"
	Own        Files = "of this run, with this exit code"
)

// Killed stands for the end by a signal in place of an exit code.
const Killed = -1

// Row is one line of the table. Several values are alternatives: which of them
// it is depends on what came first, and all that can be seen agrees with it.
type Row struct {
	Who   string
	When  []string
	Exit  []int
	Files []Files
	Later []int  // exit code of "understudy report" afterwards
	Says  string // what else the reports say
	Shown string // the test that plays the row, when it is not the one of this package
}

// Table is the whole of it. The implementation conforms, and all cases would hold.
var Table = []Row{
	{Who: Nobody, When: []string{Ever}, Exit: []int{0}, Files: []Files{Own}, Later: []int{0}},
	{Who: Outer, When: []string{Before, In, Between}, Exit: []int{Killed}, Files: []Files{Unfinished}, Later: []int{3}, Says: "later: the open case could not run"},
	{Who: Outer, When: []string{Left, Writing}, Exit: []int{Killed}, Files: []Files{Unfinished, Own}, Later: []int{3, 0}, Says: "later: 0 if the end of the run is in the journal"},
	{Who: Signal, When: []string{Before, In, Between}, Exit: []int{3}, Files: []Files{Own}, Later: []int{3}, Says: "the open case and those after it could not run"},
	{Who: Signal, When: []string{Left, Writing}, Exit: []int{3, 0, Killed}, Files: []Files{Own}, Later: []int{3, 0}, Says: "0 if the end of the run is in the journal"},
	{Who: Reader, When: []string{Before}, Exit: []int{0}, Files: []Files{Own}, Later: []int{0}},
	{Who: Room, When: []string{AtStart}, Exit: []int{3}, Files: []Files{Earlier}, Later: []int{0}, Says: "the run does not begin"},
	{Who: Room, When: []string{Before, In, Between}, Exit: []int{3}, Files: []Files{Unfinished}, Later: []int{3}, Says: "later: the open case could not run"},
	{Who: Room, When: []string{Left, Writing}, Exit: []int{3, 0}, Files: []Files{Unfinished, Own}, Later: []int{3, 0}},
	{Who: Init, When: []string{Before, Between}, Exit: []int{3}, Files: []Files{Own}, Later: []int{3}, Says: "all cases are played, the rest in a fresh sandbox"},
	{Who: Init, When: []string{In}, Exit: []int{4}, Files: []Files{Own}, Later: []int{4}, Says: "a harness error names the case, the rest is played"},
	{Who: Worker, When: []string{Before, Between}, Exit: []int{3}, Files: []Files{Own}, Later: []int{3}, Says: "all cases are played, the rest in a fresh sandbox"},
	{Who: Worker, When: []string{In}, Exit: []int{4}, Files: []Files{Own}, Later: []int{4}, Says: "a harness error names the case, the rest is played"},
	{Who: Worker, When: []string{Left}, Exit: []int{3}, Files: []Files{Own}, Later: []int{3}, Shown: "TestAnErrorAfterTheExitRecordIsNoCleanEnd in harness/run"},
	{Who: Task, When: []string{In}, Exit: []int{0, 1}, Files: []Files{Own}, Later: []int{0, 1}, Says: "a violation, unless the case was done with it"},
	{Who: Engine, When: []string{In}, Exit: []int{3}, Files: []Files{Own}, Later: []int{3}, Says: "the open case and those after it could not run"},
}

// Markdown is the table for people.
func Markdown() string {
	var out strings.Builder
	out.WriteString("| who ends | when | exit code | index.html, result.json, junit.xml | `understudy report` later | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range Table {
		var files []string
		for _, f := range r.Files {
			files = append(files, string(f))
		}
		says := r.Says
		if r.Shown != "" {
			says = strings.TrimPrefix(says+"; played by "+r.Shown, "; ")
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", r.Who, strings.Join(r.When, ", "), codes(r.Exit), strings.Join(files, ", or "), codes(r.Later), says)
	}
	return out.String()
}

func codes(list []int) string {
	var words []string
	for _, code := range list {
		word := fmt.Sprint(code)
		if code == Killed {
			word = "the signal"
		}
		words = append(words, word)
	}
	return strings.Join(words, " or ")
}
