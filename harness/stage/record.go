package stage

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// Bounds of what one case may write into the journal. What comes from the
// implementation is hostile in size as well.
const (
	maxText   = 4 << 10   // octets of any text
	maxOctets = 64        // leading octets of a frame
	maxEvents = 500       // frames and requests of a case; sights of processes
	maxChecks = 200       // checks of a case that held, apart from the first of each clause
	maxLog    = 256 << 10 // octets of log of a case
	minSecret = 4         // octets; a shorter secret occurs in any text
)

// record writes the events of one case.
type record struct {
	write   func(journal.Event)
	secrets func() []string
	stamp   journal.Event // Case and Attempt of every event

	mu      sync.Mutex
	redacts *journal.Redactor
	known   int // secrets that redacts knows

	events, processes, log             int // so far
	leftEvents, leftProcesses, leftLog int // of them not written
	checks, leftChecks                 int
	shown                              map[string]bool // clauses of which a check held that is no premise
}

func (r *record) put(e journal.Event) {
	e.Case, e.Attempt, e.Time = r.stamp.Case, r.stamp.Attempt, time.Now()
	r.write(e.Clean(r.redactor(), maxText))
}

func (r *record) step(who, text string) {
	r.put(journal.Event{Step: &journal.Step{Who: who, Text: text}})
}

// longer says that the case has more time than its case-start says, and by how much.
func (r *record) longer(budget time.Duration, factor int) {
	r.put(journal.Event{Step: &journal.Step{
		Who: journal.Stage, MoreMS: (time.Duration(factor-1) * budget).Milliseconds(),
		Text: "the case has a budget of " + busy.Words(budget, factor),
	}})
}

// exchange writes a frame or an HTTP request, unless the case had too many.
func (r *record) exchange(e journal.Event) {
	r.mu.Lock()
	r.events++
	keep := r.events <= maxEvents
	if !keep {
		r.leftEvents++
	}
	r.mu.Unlock()
	if keep {
		r.put(e)
	}
}

// process writes what was seen of one process, unless the case had too many; r
// may be nil.
func (r *record) process(run *Run, p *journal.Process) {
	e := journal.Event{Process: p}
	if run != nil {
		e.Run = run.label
	}
	r.mu.Lock()
	r.processes++
	keep := r.processes <= maxEvents
	if !keep {
		r.leftProcesses++
	}
	r.mu.Unlock()
	if keep {
		r.put(e)
	}
}

// check writes what was compared, unless the case had too many checks that held. Of each
// clause one is there whatever their number: without it nothing would be shown.
func (r *record) check(c journal.Check) {
	r.mu.Lock()
	first := c.Held && !c.Premise && !r.shown[c.Clause]
	keep := !c.Held || first || r.checks < maxChecks
	switch {
	case first:
		if r.shown == nil {
			r.shown = map[string]bool{}
		}
		r.shown[c.Clause] = true
	case keep:
		r.checks++
	default:
		r.leftChecks++
	}
	r.mu.Unlock()
	if keep {
		r.put(journal.Event{Check: &c})
	}
}

// shows says whether a check of the clause held that is no premise.
func (r *record) shows(clause string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown[clause]
}

// lines writes whole lines of a channel, unless the case had too much log.
func (r *record) lines(run, channel, text string) {
	r.mu.Lock()
	r.log += len(text)
	keep := r.log <= maxLog
	if !keep {
		r.leftLog += len(text)
	}
	r.mu.Unlock()
	if keep {
		r.put(journal.Event{Run: run, Log: &journal.Log{Channel: channel, Text: text}})
	}
}

// close says once what was left out, and returns how many checks were.
func (r *record) close() int {
	r.mu.Lock()
	events, processes, log, checks := r.leftEvents, r.leftProcesses, r.leftLog, r.leftChecks
	r.mu.Unlock()
	if events+processes+log+checks > 0 {
		r.step("stage", fmt.Sprintf("left out of the journal: %d frames and requests, %d sights of processes, %d octets of log, %d checks that held", events, processes, log, checks))
	}
	return checks
}

// clean makes text fit for the journal: secrets replaced, valid UTF-8, bounded.
func (r *record) clean(text string) string {
	return journal.Bound(r.redactor().Text(text), maxText)
}

// octets shows the head of a frame in hexadecimal, secrets masked.
func (r *record) octets(raw []byte) string {
	return r.redactor().Octets(hex.EncodeToString(raw[:min(len(raw), maxOctets)]))
}

// redactor knows the secrets that there are now. Secrets only ever join, longest
// first, so their number tells whether the last redactor is still good.
func (r *record) redactor() *journal.Redactor {
	secrets := slices.DeleteFunc(r.secrets(), func(secret string) bool { return len(secret) < minSecret })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.redacts == nil || r.known != len(secrets) {
		redacts, err := journal.NewRedactor(secrets...)
		if err != nil {
			panic(fmt.Sprintf("stage: %v", err)) // the only fault is a short secret, and there is none
		}
		r.redacts, r.known = redacts, len(secrets)
	}
	return r.redacts
}
