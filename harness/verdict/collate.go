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
	uncontrolled map[role.Role]string  // roles of which a control failed, and how
	cases        map[string][]*attempt // by case id, in the order of their first start
	attempts     map[attemptOf]*attempt
	order        []string // case ids, in the order of their first start
	witnesses    []witness
	begun        bool // there is more than the beginning
	closed       bool // its run-end is there
	cut          bool // a run-end says partial
	cutWhy       string
}

// attemptOf names an attempt.
type attemptOf struct {
	id      string
	attempt int
}

// attempt is one time that a case was played.
type attempt struct {
	number int
	start  journal.Event
	end    *journal.CaseEnd // nil before it
	ended  time.Time
	events []journal.Event
	left   int // events left out of the middle
	checks checks
}

// Collate sorts the events of a journal. Where another run-start follows, another
// journal was appended to it, and they count as joined.
func Collate(events iter.Seq[journal.Event]) *Runs {
	all := &Runs{runs: []*run{newRun()}}
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
	return &run{cases: map[string][]*attempt{}, attempts: map[attemptOf]*attempt{}, numbered: map[int]int{}, uncontrolled: map[role.Role]string{}}
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
	case e.Witness != nil:
		r.witness(e)
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
	if _, known := r.uncontrolled[c.Role]; !known && c.Observation.Outcome == journal.CouldNotRun {
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
	fresh := &attempt{number: e.Attempt, start: e}
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
	a := r.attempts[attemptOf{e.Case, e.Attempt}]
	switch {
	case a == nil:
		r.problem(Ours, e.Case, "the journal has a %s of the case before its case-start", e.Kind())
	case e.CaseEnd == nil:
		a.add(e)
	case a.end != nil:
		r.problem(Ours, e.Case, "the case ended twice")
	default:
		a.end, a.ended = e.CaseEnd, e.Time
	}
}

// add keeps the first half of the events, and of the others the last ones.
func (a *attempt) add(e journal.Event) {
	if e.Check != nil {
		a.checks.add(*e.Check)
	}
	if len(a.events) >= maxTranscript {
		a.events = slices.Delete(a.events, maxTranscript/2, maxTranscript/2+maxTranscript/8)
		a.left += maxTranscript / 8
	}
	a.events = append(a.events, e)
}

// transcript returns the events kept, with a mark where some were left out.
func (a *attempt) transcript() []journal.Event {
	if a.left == 0 {
		return a.events
	}
	at := maxTranscript / 2
	mark := journal.Event{
		Time: a.events[at].Time, Case: a.start.Case, Attempt: a.number,
		Step: &journal.Step{Who: "report", Text: fmt.Sprintf("%d events left out here; events.jsonl has them", a.left)},
	}
	return slices.Insert(slices.Clone(a.events), at, mark)
}

// duration is what the worker measured, or as long as the attempt can be seen.
func (a *attempt) duration() time.Duration {
	if a.end != nil && a.end.DurationMS > 0 {
		return time.Duration(a.end.DurationMS) * time.Millisecond
	}
	last := a.start.Time
	if a.end != nil {
		last = a.ended
	} else if n := len(a.events); n > 0 {
		last = a.events[n-1].Time
	}
	return max(0, last.Sub(a.start.Time))
}
