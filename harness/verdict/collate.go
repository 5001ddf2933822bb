package verdict

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
)

// maxTranscript bounds the events kept of one attempt: the first and the last half.
const maxTranscript = 4000

// run is one journal, sorted by what it speaks about.
type run struct {
	problems
	identity     *journal.Identity // nil without a run-start
	started      time.Time
	ended        time.Time
	sandboxes    []Sandbox
	numbered     map[int]int // sandboxes by their number
	controls     []Control
	uncontrolled map[role.Role]string // roles of which a control failed, and how
	cases        map[string][]*record // by case id, in the order of their first start
	attempts     map[attemptOf]*record
	order        []string // case ids, in the order of their first start
	begun        bool     // there is more than the beginning
	closed       bool     // its run-end is there
	cut          bool     // a run-end says partial
	cutWhy       string
}

// attemptOf names a record.
type attemptOf struct {
	id      string
	attempt int
}

// record is one attempt of one case.
type record struct {
	attempt int
	start   journal.Event
	end     *journal.CaseEnd // nil before it
	ended   time.Time
	events  []journal.Event
	left    int // events left out of the middle
	checks  checks
}

// Collate sorts the events of a journal. Where another run-start follows, another
// journal was appended to it, and they count as joined.
func Collate(events iter.Seq[journal.Event]) *Record {
	all := &Record{runs: []*run{newRun()}}
	for e := range events {
		r := all.runs[len(all.runs)-1]
		if e.RunStart != nil && r.identity != nil {
			r = newRun()
			all.runs = append(all.runs, r)
		}
		r.add(e)
	}
	all.joined = len(all.runs) > 1
	return all
}

func newRun() *run {
	return &run{cases: map[string][]*record{}, attempts: map[attemptOf]*record{}, numbered: map[int]int{}, uncontrolled: map[role.Role]string{}}
}

func (r *run) add(e journal.Event) {
	r.begun = r.begun || e.RunStart == nil
	if e.Time.After(r.ended) {
		r.ended = e.Time.UTC()
	}
	switch {
	case e.RunStart != nil:
		r.started, r.identity = e.Time.UTC(), &e.RunStart.Identity
	case e.RunEnd != nil:
		r.closed = true
		if e.RunEnd.Partial {
			r.cut, r.cutWhy = true, e.RunEnd.Why
		}
	case e.SandboxStart != nil:
		r.numbered[e.Sandbox] = len(r.sandboxes)
		r.sandboxes = append(r.sandboxes, Sandbox{Number: e.Sandbox, Environment: e.SandboxStart.Environment, Started: e.Time.UTC()})
	case e.SandboxEnd != nil:
		r.sandboxEnd(e)
	case e.SandboxLost != nil:
		r.sandboxLost(e)
	case e.Control != nil:
		r.control(Control{Sandbox: e.Sandbox, Role: e.Control.Role, Observation: e.Control.Observation})
	case e.CaseStart != nil:
		r.caseStart(e)
	case e.Malformed != nil:
		r.problem(Ours, "", "%s", e.Malformed.Why)
	default:
		r.caseEvent(e)
	}
}

func (r *run) control(c Control) {
	if c.Observation.Outcome == "" {
		r.problem(Ours, "", "the control of sandbox %d has no observation", c.Sandbox)
		return
	}
	r.controls = append(r.controls, c)
	if _, known := r.uncontrolled[c.Role]; !known && c.Observation.Outcome != journal.Held {
		r.uncontrolled[c.Role] = c.Observation.Says
	}
}

func (r *run) sandboxEnd(e journal.Event) {
	i, started := r.numbered[e.Sandbox]
	if !started || r.sandboxes[i].Ended {
		r.problem(Ours, "", "sandbox %d ended and had not started", e.Sandbox)
		return
	}
	r.sandboxes[i].Ended = true
}

// sandboxLost notes an end that was not clean, be it after the exit record.
func (r *run) sandboxLost(e journal.Event) {
	r.problem(Incomplete, "", "sandbox %d did not end as it should: %s", e.Sandbox, e.SandboxLost.Why)
	if i, started := r.numbered[e.Sandbox]; started {
		r.sandboxes[i].Lost = true
	}
}

// caseStart begins an attempt. Within one journal nothing is played twice, or the second time would hide the first.
func (r *run) caseStart(e journal.Event) {
	fresh := &record{attempt: e.Attempt, start: e}
	name := attemptOf{e.Case, e.Attempt}
	if old, twice := r.attempts[name]; twice {
		r.problem(Ours, e.Case, "the case began twice in one journal")
		*old = *fresh
		return
	}
	r.attempts[name] = fresh
	if len(r.cases[e.Case]) == 0 {
		r.order = append(r.order, e.Case)
	}
	r.cases[e.Case] = append(r.cases[e.Case], fresh)
}

// caseEvent adds an event to its attempt. Events outside any case belong to the
// preparation of a sandbox and stay in the journal only.
func (r *run) caseEvent(e journal.Event) {
	if e.Case == "" {
		return
	}
	rec := r.attempts[attemptOf{e.Case, e.Attempt}]
	switch {
	case rec == nil:
		r.problem(Ours, e.Case, "the journal has a %s of the case before its case-start", e.Kind())
	case e.CaseEnd == nil:
		rec.add(e)
	case rec.end != nil:
		r.problem(Ours, e.Case, "the case ended twice")
	default:
		rec.end, rec.ended = e.CaseEnd, e.Time
	}
}

// add keeps the first half of the events, and of the others the last ones.
func (rec *record) add(e journal.Event) {
	if e.Check != nil {
		rec.checks.add(*e.Check)
	}
	if len(rec.events) >= maxTranscript {
		rec.events = slices.Delete(rec.events, maxTranscript/2, maxTranscript/2+maxTranscript/8)
		rec.left += maxTranscript / 8
	}
	rec.events = append(rec.events, e)
}

// transcript returns the events kept, with a mark where some were left out.
func (rec *record) transcript() []journal.Event {
	if rec.left == 0 {
		return rec.events
	}
	at := maxTranscript / 2
	mark := journal.Event{
		Time: rec.events[at].Time, Case: rec.start.Case, Attempt: rec.attempt,
		Step: &journal.Step{Who: "report", Text: fmt.Sprintf("%d events left out here; events.jsonl has them", rec.left)},
	}
	return slices.Insert(slices.Clone(rec.events), at, mark)
}

// duration is what the worker measured, or as long as the attempt can be seen.
func (rec *record) duration() time.Duration {
	if rec.end != nil && rec.end.DurationMS > 0 {
		return time.Duration(rec.end.DurationMS) * time.Millisecond
	}
	last := rec.start.Time
	if rec.end != nil {
		last = rec.ended
	} else if n := len(rec.events); n > 0 {
		last = rec.events[n-1].Time
	}
	return max(0, last.Sub(rec.start.Time))
}
