package record

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
	MaxText   = 4 << 10   // octets of any text
	maxOctets = 64        // leading octets of a frame
	MaxEvents = 500       // frames and requests of a case; sights of processes
	maxChecks = 200       // checks of a case that held, apart from the first of each clause
	maxLog    = 256 << 10 // octets of log of a case
	minSecret = 4         // octets; a shorter secret occurs in any text
)

// Record writes the events of one case.
type Record struct {
	Write   func(journal.Event)
	Secrets func() []string // that no event may show
	Stamp   journal.Event   // Case and Attempt of every event

	mu      sync.Mutex
	redacts *journal.Redactor
	known   int // secrets that redacts knows

	events, processes, log             int // so far
	leftEvents, leftProcesses, leftLog int // of them not written
	checks, leftChecks                 int
	shown                              map[string]bool // clauses of which a check held that is no premise
}

// Put writes an event of the case, cleaned.
func (r *Record) Put(e journal.Event) {
	e.Case, e.Attempt, e.Time = r.Stamp.Case, r.Stamp.Attempt, time.Now()
	r.Write(e.Clean(r.redactor(), MaxText))
}

// Step writes one line of "who did what".
func (r *Record) Step(who, text string) {
	r.Put(journal.Event{Step: &journal.Step{Who: who, Text: text}})
}

// Longer says that the case has more time than its case-start says, and by how much.
func (r *Record) Longer(budget time.Duration, factor int) {
	r.Put(journal.Event{Step: &journal.Step{
		Who: journal.Stage, MoreMS: (time.Duration(factor-1) * budget).Milliseconds(),
		Text: "the case has a budget of " + busy.Words(budget, factor),
	}})
}

// Exchange writes a frame or an HTTP request, unless the case had too many.
func (r *Record) Exchange(e journal.Event) {
	r.mu.Lock()
	r.events++
	keep := r.events <= MaxEvents
	if !keep {
		r.leftEvents++
	}
	r.mu.Unlock()
	if keep {
		r.Put(e)
	}
}

// Process writes what was seen of one process, unless the case had too many; r
// may be nil.
func (r *Record) Process(run string, p *journal.Process) {
	e := journal.Event{Run: run, Process: p}
	r.mu.Lock()
	r.processes++
	keep := r.processes <= MaxEvents
	if !keep {
		r.leftProcesses++
	}
	r.mu.Unlock()
	if keep {
		r.Put(e)
	}
}

// Check writes what was compared, unless the case had too many checks that held. Of each
// clause one is there whatever their number: without it nothing would be shown.
func (r *Record) Check(c journal.Check) {
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
		r.Put(journal.Event{Check: &c})
	}
}

// Shows says whether a check of the clause held that is no premise.
func (r *Record) Shows(clause string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown[clause]
}

// Lines writes whole lines of a channel, unless the case had too much log.
func (r *Record) Lines(run, channel, text string) {
	r.mu.Lock()
	r.log += len(text)
	keep := r.log <= maxLog
	if !keep {
		r.leftLog += len(text)
	}
	r.mu.Unlock()
	if keep {
		r.Put(journal.Event{Run: run, Log: &journal.Log{Channel: channel, Text: text}})
	}
}

// Close says once what was left out, and returns how many checks were.
func (r *Record) Close() int {
	r.mu.Lock()
	events, processes, log, checks := r.leftEvents, r.leftProcesses, r.leftLog, r.leftChecks
	r.mu.Unlock()
	if events+processes+log+checks > 0 {
		r.Step("stage", fmt.Sprintf("left out of the journal: %d frames and requests, %d sights of processes, %d octets of log, %d checks that held", events, processes, log, checks))
	}
	return checks
}

// Clean makes text fit for the journal: secrets replaced, valid UTF-8, bounded.
func (r *Record) Clean(text string) string {
	return journal.Bound(r.redactor().Text(text), MaxText)
}

// Octets shows the head of a frame in hexadecimal, secrets masked.
func (r *Record) Octets(raw []byte) string {
	return r.redactor().Octets(hex.EncodeToString(raw[:min(len(raw), maxOctets)]))
}

// redactor knows the secrets that there are now. Secrets only ever join, longest
// first, so their number tells whether the last redactor is still good.
func (r *Record) redactor() *journal.Redactor {
	secrets := slices.DeleteFunc(r.Secrets(), func(secret string) bool { return len(secret) < minSecret })
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
