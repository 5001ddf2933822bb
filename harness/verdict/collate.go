package verdict

import (
	"fmt"
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// maxTranscript bounds the events kept of one attempt: the first and the last half.
const maxTranscript = 4000

// run is the journal, sorted by what it speaks about.
type run struct {
	identities []journal.Identity
	started    time.Time
	ended      time.Time
	sandboxes  []Sandbox
	controls   []Control
	cases      map[string][]*record // by case id, in the order of their first start
	order      []string             // case ids, in the order of their first start
	closed     map[int]bool         // joined journals that have their run-end; the first is 1
	begun      bool                 // there is more than the beginning
	cut        bool                 // a run-end says partial
	cutWhy     string
	problems   []Problem
}

// record is one attempt of one case.
type record struct {
	attempt int
	journal int // which of the joined journals it is from
	start   journal.Event
	end     *journal.Event
	events  []journal.Event
	left    int  // events left out of the middle
	acted   bool // the stage did something in it
}

func collate(events []journal.Event) *run {
	r := &run{cases: map[string][]*record{}, closed: map[int]bool{}}
	for _, e := range events {
		r.begun = r.begun || e.Kind != journal.RunStart
		if e.Time.After(r.ended) {
			r.ended = e.Time.UTC()
		}
		switch e.Kind {
		case journal.RunStart:
			if e.Identity == nil {
				r.problem(Ours, "", "the journal has a run-start without identity")
				continue
			}
			if r.started.IsZero() || e.Time.Before(r.started) {
				r.started = e.Time.UTC()
			}
			r.identities = append(r.identities, *e.Identity)
		case journal.RunEnd:
			r.closed[len(r.identities)] = true
			if e.Partial {
				r.cut, r.cutWhy = true, e.Text
			}
		case journal.SandboxStart:
			r.sandboxes = append(r.sandboxes, Sandbox{Number: e.Sandbox, Environment: e.Environment, Started: e.Time.UTC()})
		case journal.SandboxEnd:
			r.sandboxEnd(e)
		case journal.SandboxLost:
			r.sandboxLost(e)
		case journal.Control:
			if e.Observation == nil {
				r.problem(Ours, "", fmt.Sprintf("the control of sandbox %d has no observation", e.Sandbox))
				continue
			}
			r.controls = append(r.controls, Control{Sandbox: e.Sandbox, Role: e.Role, Observation: *e.Observation})
		case journal.CaseStart:
			r.caseStart(e)
		case journal.Malformed:
			r.problem(Ours, "", e.Text)
		default:
			r.caseEvent(e)
		}
	}
	return r
}

func (r *run) problem(kind ProblemKind, id, text string) {
	r.problems = append(r.problems, Problem{Kind: kind, Case: id, Text: text})
}

func (r *run) sandboxEnd(e journal.Event) {
	for i, s := range slices.Backward(r.sandboxes) {
		if s.Number == e.Sandbox && !s.Ended {
			r.sandboxes[i].Ended = true
			return
		}
	}
	r.problem(Ours, "", fmt.Sprintf("sandbox %d ended and had not started", e.Sandbox))
}

// sandboxLost notes an end that was not clean, be it after the exit record.
func (r *run) sandboxLost(e journal.Event) {
	r.problem(Incomplete, "", fmt.Sprintf("sandbox %d did not end as it should: %s", e.Sandbox, e.Text))
	for i, s := range slices.Backward(r.sandboxes) {
		if s.Number == e.Sandbox {
			r.sandboxes[i].Lost = true
			return
		}
	}
}

// cutOff says whether the journal that the attempt is from has no end: whoever wrote it was killed.
func (r *run) cutOff(rec *record) bool { return !r.closed[rec.journal] }

// caseStart begins an attempt. One from another journal is replaced: journals that
// were joined hold the later run of a case behind the earlier one. Within one
// journal nothing is played twice, or the second time would hide the first.
func (r *run) caseStart(e journal.Event) {
	fresh := &record{attempt: e.Attempt, journal: len(r.identities), start: e}
	records, seen := r.cases[e.Case]
	if !seen {
		r.order = append(r.order, e.Case)
	}
	if i := slices.IndexFunc(records, func(old *record) bool { return old.attempt == e.Attempt }); i >= 0 {
		if records[i].journal == fresh.journal {
			r.problem(Ours, e.Case, "the case began twice in one journal")
		}
		records[i] = fresh
		return
	}
	r.cases[e.Case] = append(records, fresh)
}

// caseEvent adds an event to its attempt. Events outside any case belong to the
// preparation of a sandbox and stay in the journal only.
func (r *run) caseEvent(e journal.Event) {
	if e.Case == "" {
		return
	}
	records := r.cases[e.Case]
	i := slices.IndexFunc(records, func(rec *record) bool { return rec.attempt == e.Attempt })
	if i < 0 {
		r.problem(Ours, e.Case, fmt.Sprintf("the journal has a %s of the case before its case-start", e.Kind))
		return
	}
	rec := records[i]
	if e.Kind == journal.CaseEnd {
		if rec.end != nil {
			r.problem(Ours, e.Case, "the case ended twice")
			return
		}
		rec.end = &e
		return
	}
	rec.add(e)
}

// add keeps the first half of the events, and of the others the last ones.
func (rec *record) add(e journal.Event) {
	rec.acted = rec.acted || e.Kind == journal.Step && e.Who == journal.Stage
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
		Kind: journal.Step, Time: rec.events[at].Time, Case: rec.start.Case, Attempt: rec.attempt, Who: "report",
		Text: fmt.Sprintf("%d events left out here; events.jsonl has them", rec.left),
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
		last = rec.end.Time
	} else if n := len(rec.events); n > 0 {
		last = rec.events[n-1].Time
	}
	return max(0, last.Sub(rec.start.Time))
}
