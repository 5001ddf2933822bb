package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// maxIdle is how many cases that were planned and never began a model lists; further ones are counted.
const maxIdle = 1000

// Build computes the model of a run, or of runs that were joined. The index is
// the list of all cases of the suite; known may be nil; now decides which entries
// of known have expired. Nothing in the journal makes Build fail: what is missing
// or contradicts itself becomes a Problem.
func Build(c *catalogue.Catalogue, index []plan.Case, all *Runs, known *expect.File, now time.Time) Model {
	b := &builder{catalogue: c, index: index, all: all, known: known, shown: map[string][]shown{}, entries: map[string][]*expect.Entry{}}
	b.order, b.owners = all.owners()
	b.runs()
	b.known = known.At(b.model.Airflow)
	b.identity()
	b.shards()
	b.cases()
	b.expectations(now)
	b.partial()
	b.requirements()
	b.model.Problems = b.list()
	b.summaries()
	return b.model
}

type builder struct {
	problems
	catalogue *catalogue.Catalogue
	index     []plan.Case
	all       *Runs
	known     *expect.File
	order     []string                   // ids of planned cases
	owners    map[string]*run            // of planned cases
	shown     map[string][]shown         // by requirement: what its cases show
	entries   map[string][]*expect.Entry // by case: those that explain it
	idle      int                        // planned cases that never began
	model     Model
}

// runs collects what the journals say as a whole, and what is wrong with each of them.
func (b *builder) runs() {
	m := &b.model
	m.Unfinished = true
	for _, r := range b.all.runs {
		m.Unfinished = m.Unfinished && r.identity != nil && !r.begun
		if m.Started.IsZero() || !r.started.IsZero() && r.started.Before(m.Started) {
			m.Started = r.started
		}
		if r.ended.After(m.Ended) {
			m.Ended = r.ended
		}
		if m.Environment == nil && len(r.sandboxes) > 0 {
			m.Environment = r.sandboxes[0].Environment
			m.Airflow = releaseOf(m.Environment)
		}
		m.Sandboxes = append(m.Sandboxes, r.sandboxes...)
		m.Controls = append(m.Controls, r.controls...)
		b.join(r.problems)
		b.gaps(r)
	}
}

// gaps reports what is missing in one journal.
func (b *builder) gaps(r *run) {
	switch {
	case r.identity == nil && !r.begun:
		b.problem(Incomplete, "", "the journal is empty: the run was ended before it began")
	case r.identity == nil:
		b.problem(Ours, "", "the journal has no run-start: nobody knows what was planned")
	}
	switch {
	case r.identity != nil && !r.begun:
		b.problem(Incomplete, "", "unfinished: the run goes on, or was killed; nothing is known yet of what is planned")
	case r.begun && !r.closed:
		b.problem(Incomplete, "", "the run was interrupted: its end is not in the journal")
	}
	elsewhere := len(b.all.runs) > 1 && r.identity != nil && r.identity.Shard == nil
	early := r.begun && !r.closed || r.cut && !elsewhere // and its sandboxes with it: no fault of theirs
	if r.cut && !elsewhere {                             // another journal may hold the rest; a gap shows as a case that never ran
		b.problem(Incomplete, "", "the run ended early%s", prefixed(": ", r.cutWhy))
	}
	for _, s := range r.sandboxes {
		if !s.Ended && !s.Lost && !early {
			b.problem(Incomplete, "", "sandbox %d ended without its exit record", s.Number)
		}
	}
	b.releases(r)
	b.uncontrolled(r)
	b.unplanned(r)
}

// uncontrolled reports the roles of which a control failed.
func (b *builder) uncontrolled(r *run) {
	said := map[string]bool{} // of one sandbox as of another
	for _, control := range r.controls {
		o := control.Observation
		if says := string(control.Role) + o.Says; o.Outcome == journal.CouldNotRun && !said[says] {
			said[says] = true
			b.problem(kindOf(o), "", "the control of role %s failed: %s", control.Role, o.Says)
		}
	}
}

// unplanned reports the cases that ran and were not to.
func (b *builder) unplanned(r *run) {
	planned := map[string]bool{}
	for _, id := range r.planned() {
		planned[id] = true
	}
	for _, id := range r.order {
		if !planned[id] {
			b.problem(Ours, id, "the case ran and was not planned")
		}
	}
}

// releases reports sandboxes of one run in which the implementation was judged as another
// release than in the first: what is not applicable in one of them is demanded in the other.
func (b *builder) releases(r *run) {
	for _, s := range r.sandboxes {
		if first, as := r.airflow(), s.Environment[journal.AirflowKey]; first != "" && as != "" && as != first {
			b.problem(Usage, "", "the implementation is of Airflow %s in sandbox %d and of %s in sandbox %d: it has to be one release in a run",
				first, r.sandboxes[0].Number, as, s.Number)
		}
	}
}

// releaseOf is the release as which an implementation is judged in a sandbox; none where
// nothing says it, as in journals of others.
func releaseOf(environment map[string]string) release.Version {
	v, _ := release.Parse(environment[journal.AirflowKey])
	return v
}

// kindOf says whose matter it is that something could not run.
func kindOf(o journal.Observation) ProblemKind {
	if o.Misled {
		return Usage
	}
	return Incomplete
}

// cases judges every planned case, in the order of the index.
func (b *builder) cases() {
	indexed := map[string]bool{}
	for _, kase := range b.index {
		indexed[kase.ID] = true
		if b.owners[kase.ID] != nil {
			if b.played(kase.Role) {
				b.model.Inside++
			}
			b.add(kase)
		}
	}
	for _, id := range b.order {
		if !indexed[id] {
			b.problem(Ours, id, "the case was planned and is not in the case index")
			b.add(outside(id))
		}
	}
	if more := b.idle - maxIdle; more > 0 {
		b.model.Unlisted = more
		b.problem(Incomplete, "", "%d planned cases never began; only the first %d of them are listed", b.idle, maxIdle)
	}
	for _, kase := range b.model.Cases {
		b.model.Identity.Planned = append(b.model.Identity.Planned, kase.ID)
	}
}

// add judges a case and lists it, unless it is one of too many that never began.
func (b *builder) add(kase plan.Case) {
	out := b.judge(kase, b.owners[kase.ID])
	out.Within = b.within(out)
	if len(out.Attempts) == 0 {
		b.idle++
	}
	listed := len(out.Attempts) > 0 || b.idle <= maxIdle
	b.show(out, listed)
	if listed {
		b.model.Cases = append(b.model.Cases, out)
	}
}

// outside makes the most of the id of a case that the index does not have.
func outside(id string) plan.Case {
	kase := plan.Case{ID: id, Says: "not in the case index"}
	if parts := strings.SplitN(id, "/", 3); len(parts) == 3 {
		kase.Verifies, kase.Role = parts[:1], role.Role(parts[1])
	}
	return kase
}

func (b *builder) judge(kase plan.Case, of *run) Case {
	var attempts []*attempt
	for _, a := range of.cases[kase.ID] {
		attempts = append(attempts, b.witnessed(kase, a))
	}
	out := Case{Case: kase, Again: again(kase, of.identity)}
	if len(attempts) == 0 {
		b.decide(&out, journal.Observation{Outcome: journal.CouldNotRun, Says: of.whyNotStarted(kase)})
		return out
	}
	var verdicts []Verdict
	intermittent := false
	for _, a := range attempts {
		o := of.observation(kase, a)
		j := Of(b.catalogue, kase, o, b.known)
		verdicts = append(verdicts, j.Verdict)
		intermittent = j.Intermittent
		out.Attempts = append(out.Attempts, Attempt{Number: a.number, Verdict: j.Verdict, Observation: o, Duration: a.duration()})
	}
	verdict, decides := together(verdicts, intermittent)
	a := attempts[decides]
	out.Started, out.Duration, out.Sandbox, out.Transcript = a.start.Time.UTC(), a.duration(), a.start.Sandbox, a.transcript()
	out.Checks, out.ChecksLeft = a.checks.list, a.checks.left
	if a.end != nil {
		out.ChecksLeft += max(0, a.end.LeftOut)
	}
	b.decide(&out, out.Attempts[decides].Observation)
	if out.Verdict = verdict; verdict == Flaky {
		out.Suggestion = "" // no entry can describe both ends
	}
	return out
}

// together is the verdict of several attempts, and which of them decides. What
// could not be seen every time is no flakiness of the implementation, and
// attempts that differ as an intermittent entry says are none either.
func together(verdicts []Verdict, intermittent bool) (Verdict, int) {
	for _, grave := range []Verdict{HarnessError, CouldNotRun} {
		if i := slices.Index(verdicts, grave); i >= 0 {
			return grave, i
		}
	}
	decides := slices.Index(verdicts, gravest(verdicts...))
	asListed := intermittent && !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !slices.Contains([]Verdict{Pass, ExpectedFail, ExpectedWarn}, v) })
	if !asListed && slices.ContainsFunc(verdicts, func(v Verdict) bool { return v != verdicts[0] }) {
		return Flaky, decides
	}
	return verdicts[decides], decides
}

// decide fills the verdict of a case from the observation that counts.
func (b *builder) decide(out *Case, o journal.Observation) {
	j := Of(b.catalogue, out.Case, o, b.known)
	out.Verdict, out.Observation = j.Verdict, o
	b.entries[out.ID] = j.Entries
	for _, e := range j.Entries {
		out.Known = append(out.Known, Known{Line: e.Line, Reason: e.Reason, Issue: e.Issue, Cause: string(e.Cause), Until: e.Until})
	}
	if j.Requirement != nil {
		out.Requirement, out.Level, out.Profile = j.Requirement.ID, j.Requirement.Level, j.Requirement.Profile
	}
	if j.Problem != "" {
		b.problem(Ours, out.ID, "%s", j.Problem)
	}
	if _, controlled := b.owners[out.ID].uncontrolled[out.Role]; o.Misled && !controlled {
		b.problem(Usage, out.ID, "%s", o.Says)
	}
	// What could not run because a control failed, or the run was interrupted, has no place
	// in a scenario: no entry can help there.
	if slices.Contains([]Verdict{Fail, Warn}, j.Verdict) || j.Verdict == CouldNotRun && o.Where != "" {
		out.Suggestion = expect.Suggest(out.Case, o)
	}
}

// observation is what the journal says about the end of an attempt, and what it cannot mean.
func (r *run) observation(kase plan.Case, a *attempt) journal.Observation {
	switch {
	case a.end == nil && !r.closed: // whoever wrote the journal was killed
		return journal.Observation{Outcome: journal.CouldNotRun, Says: "the run was interrupted during this case"}
	case a.end == nil:
		says := "the case began and did not end: its sandbox died, or was ended after the time budget"
		if n := len(a.events); n > 0 {
			says += "; the last event is a " + string(a.events[n-1].Kind())
		}
		return journal.Observation{Outcome: journal.HarnessError, Says: says}
	}
	return observed(kase, *a.end, &a.checks)
}

func (r *run) whyNotStarted(kase plan.Case) string {
	if says, failed := r.uncontrolled[kase.Role]; failed {
		return "the control failed, so nothing can be said: " + says
	}
	if !r.begun {
		return "the run is unfinished"
	}
	if len(r.sandboxes) == 0 {
		return "no sandbox started"
	}
	return "planned and never started"
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }
