// Package worker is what runs inside a sandbox.
//
//	init   first process: takes the plan, starts run, reaps, ends everything when its standard input ends
//	run    one Ginkgo process that plays the cases of the plan and writes the journal
//	exec   in place of run: one command for a shell, see package shell
//	index  prints the case index from the scenarios that are compiled in
//
//	stdin of init  ->  one line: the plan; then nothing until the sandbox shall end
//	               a plan with a command: its input and the size of its terminal, in frames
//	fd 3 of run    ->  the plan, in a memfd
//	fd 4 of run    ->  the journal: one write an event, straight to init's stdout; frames with exec
//	stdout, stderr of run -> init's stderr: diagnostics, Ginkgo's report among them
//
// The journal opens in mode run only and after the tree of specs is built; index
// never touches it.
package worker

// The descriptors that run is given.
const (
	planFD    = 3
	journalFD = 4
)
