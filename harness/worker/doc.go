// Package worker is what runs inside a sandbox.
//
//	init   first process: takes the plan, starts run, reaps, ends everything when its standard input ends
//	run    one Ginkgo process that plays those cases of the plan that it is told, and writes the journal
//	exec   in place of run: one command for a shell, see package shell
//	index  prints the case index from the scenarios that are compiled in
//
//	stdin of init  ->  one line: the plan; then what is for run, until its end ends the sandbox:
//	               one line for each "ready" of the journal: the case that is next
//	               a plan with a command: its input and the size of its terminal, in frames
//	fd 0 of run    ->  the same, through a pipe of init's. Whoever writes sends no more than was asked
//	               for, so the pipe never fills, and init sees the end of its stdin at once
//	fd 3 of run    ->  the plan, in a memfd
//	fd 4 of run    ->  the journal: one write an event, straight to init's stdout; frames with exec
//	stdout, stderr of run -> init's stderr: diagnostics, Ginkgo's report among them
//
// The journal opens in mode run only and after the tree of specs is built; index
// never touches it.
package worker

// The descriptors that run is given.
const (
	inputFD   = 0
	planFD    = 3
	journalFD = 4
)
