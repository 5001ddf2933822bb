package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// Build computes the model of a run. The index is the list of all cases of the
// suite; known may be nil; now decides which entries of known have expired.
// Nothing in the journal makes Build fail: what is missing or contradicts itself
// becomes a Problem.
func Build(c *catalogue.Catalogue, index []plan.Case, events []journal.Event, known *expect.File, now time.Time) Model {
	b := &builder{catalogue: c, index: index, run: collate(events), known: known}
	b.identity()
	b.cases()
	b.expectations(now)
	b.partial()
	b.requirements()
	b.summaries()
	return b.model
}

type builder struct {
	catalogue *catalogue.Catalogue
	index     []plan.Case
	run       *run
	known     *expect.File
	model     Model
}

func (b *builder) problem(kind ProblemKind, id, format string, args ...any) {
	b.model.Problems = append(b.model.Problems, Problem{Kind: kind, Case: id, Text: fmt.Sprintf(format, args...)})
}

// identity joins the identities of all journals: the first one, with the cases
// and roles of all.
func (b *builder) identity() {
	m, r := &b.model, b.run
	m.Started, m.Ended, m.Sandboxes, m.Controls = r.started, r.ended, r.sandboxes, r.controls
	m.Problems = append(m.Problems, r.problems...)
	if len(r.sandboxes) > 0 {
		m.Environment = r.sandboxes[0].Environment
	}
	defer func() { m.Identity.Version = cmp.Or(m.Identity.Version, m.Environment["implementation"]) }()
	switch {
	case len(r.identities) == 0 && !r.begun:
		b.problem(Incomplete, "", "the journal is empty: the run was ended before it began")
		return
	case len(r.identities) == 0:
		b.problem(Ours, "", "the journal has no run-start: nobody knows what was planned")
		m.Identity.Planned = slices.Clone(r.order)
	default:
		m.Identity = r.identities[0]
		m.Identity.Planned = slices.Clone(m.Identity.Planned)
		m.Identity.Roles = slices.Clone(m.Identity.Roles)
		for _, other := range r.identities[1:] {
			if other.Implementation != m.Identity.Implementation || other.Catalogue != m.Identity.Catalogue {
				b.problem(Usage, "", "the journals are not of one kind: %s with catalogue %s, and %s with catalogue %s",
					m.Identity.Implementation, m.Identity.Catalogue, other.Implementation, other.Catalogue)
			}
			m.Identity.Planned = union(m.Identity.Planned, other.Planned)
			m.Identity.Roles = union(m.Identity.Roles, other.Roles)
		}
		if len(m.Identity.Planned) == 0 {
			b.problem(Usage, "", "no case was planned")
		}
	}
	m.Unfinished = !r.begun
	switch {
	case m.Unfinished:
		b.problem(Incomplete, "", "unfinished: the run goes on, or was killed; of %s nothing is known yet", count(len(m.Identity.Planned), "case"))
	case len(r.closed) < max(1, len(r.identities)):
		b.problem(Incomplete, "", "the run was interrupted: its end is not in the journal")
	}
	if r.cut && len(r.identities) < 2 { // of joined journals another one may hold the rest; a gap shows as a case that never ran
		b.problem(Incomplete, "", "the run ended early%s", prefixed(": ", r.cutWhy))
	}
	for _, s := range r.sandboxes {
		if !s.Ended && !s.Lost {
			b.problem(Incomplete, "", "sandbox %d ended without its exit record", s.Number)
		}
	}
	for _, control := range r.controls {
		if o := control.Observation; o.Outcome != journal.Held {
			b.problem(Incomplete, "", "the control of role %s failed: %s", control.Role, o.Says)
		}
	}
	for _, id := range r.order {
		if !contains(m.Identity.Planned, id) {
			b.problem(Ours, id, "the case ran and was not planned")
		}
	}
}

// cases judges every planned case, in the order of the index.
func (b *builder) cases() {
	planned := map[string]bool{}
	for _, id := range b.model.Identity.Planned {
		planned[id] = true
	}
	for _, kase := range b.index {
		if planned[kase.ID] {
			b.model.Cases = append(b.model.Cases, b.judge(kase))
			delete(planned, kase.ID)
		}
	}
	for _, id := range b.model.Identity.Planned {
		if planned[id] {
			b.problem(Ours, id, "the case was planned and is not in the case index")
			b.model.Cases = append(b.model.Cases, b.judge(outside(id)))
			delete(planned, id)
		}
	}
}

// outside makes the most of the id of a case that the index does not have.
func outside(id string) plan.Case {
	kase := plan.Case{ID: id, Says: "not in the case index"}
	if parts := strings.SplitN(id, "/", 3); len(parts) == 3 {
		kase.Verifies, kase.Role = parts[:1], plan.Role(parts[1])
	}
	return kase
}

func (b *builder) judge(kase plan.Case) Case {
	records := b.run.cases[kase.ID]
	out := Case{Case: kase, Again: b.again(kase)}
	if len(records) == 0 {
		b.decide(&out, journal.Observation{Outcome: journal.CouldNotRun, Says: b.whyNotStarted(kase)})
		out.Suggestion = "" // that nobody looked is nothing to know about the implementation
		return out
	}
	var verdicts []Verdict
	intermittent := false
	for _, rec := range records {
		o := b.run.observation(rec)
		j := Of(b.catalogue, kase, o, b.known)
		verdicts = append(verdicts, j.Verdict)
		intermittent = j.Intermittent
		out.Attempts = append(out.Attempts, Attempt{Number: rec.attempt, Verdict: j.Verdict, Observation: o, Duration: rec.duration()})
	}
	verdict, decides := together(verdicts, intermittent)
	rec := records[decides]
	out.Started, out.Duration, out.Sandbox, out.Transcript = rec.start.Time.UTC(), rec.duration(), rec.start.Sandbox, rec.transcript()
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
	asListed := intermittent && !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !contains([]Verdict{Pass, ExpectedFail, ExpectedWarn}, v) })
	if !asListed && slices.ContainsFunc(verdicts, func(v Verdict) bool { return v != verdicts[0] }) {
		return Flaky, decides
	}
	return verdicts[decides], decides
}

// decide fills the verdict of a case from the observation that counts.
func (b *builder) decide(out *Case, o journal.Observation) {
	j := Of(b.catalogue, out.Case, o, b.known)
	out.Verdict, out.Observation, out.Entries = j.Verdict, o, j.Entries
	if j.Requirement != nil {
		out.Requirement, out.Level, out.Profile = j.Requirement.ID, j.Requirement.Level, j.Requirement.Profile
	}
	if j.Problem != "" {
		b.problem(Ours, out.ID, "%s", j.Problem)
	}
	if contains([]Verdict{Fail, Warn, CouldNotRun}, j.Verdict) {
		out.Suggestion = expect.Suggest(out.Case, o)
	}
}

// observation is what the journal says about the end of an attempt, and what it cannot mean.
func (r *run) observation(rec *record) journal.Observation {
	switch {
	case rec.end == nil && r.cutOff(rec):
		return journal.Observation{Outcome: journal.CouldNotRun, Says: "the run was interrupted during this case"}
	case rec.end == nil:
		says := "the case began and did not end: its sandbox died, or was ended after the time budget"
		if n := len(rec.events); n > 0 {
			says += "; the last event is a " + string(rec.events[n-1].Kind)
		}
		return journal.Observation{Outcome: journal.HarnessError, Says: says}
	case rec.end.Observation == nil:
		return journal.Observation{Outcome: journal.HarnessError, Says: "the case ended without an observation"}
	case rec.end.Observation.Outcome == journal.Held && !rec.acted:
		return journal.Observation{Outcome: journal.HarnessError, Says: "the case is said to hold, and the stage did nothing in it: something else wrote that into the journal"}
	}
	return *rec.end.Observation
}

func (b *builder) whyNotStarted(kase plan.Case) string {
	for _, control := range b.run.controls {
		if control.Role == string(kase.Role) && control.Observation.Outcome != journal.Held {
			return "the control failed, so nothing can be said: " + control.Observation.Says
		}
	}
	if b.model.Unfinished {
		return "the run is unfinished"
	}
	if len(b.run.sandboxes) == 0 {
		return "no sandbox started"
	}
	return "planned and never started"
}

// again is the command that runs exactly this case again; of a mutant, which
// "understudy run" does not know, all its cases.
func (b *builder) again(kase plan.Case) string {
	if command := b.model.Identity.Command; len(command) > 1 && command[1] == "selftest" {
		return strings.Join(command, " ")
	}
	words := []string{"understudy", "run"}
	if manifest := b.model.Identity.Manifest; manifest != "" {
		words = append(words, "--implementation", shellWord(manifest))
	}
	if sandbox := b.model.Identity.Sandbox; sandbox != "" {
		words = append(words, "--sandbox", shellWord(sandbox))
	}
	return strings.Join(append(words, "--filter", shellWord(kase.ID)), " ")
}

// shellWord quotes a word for a POSIX shell where that is necessary.
func shellWord(s string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// partial says in what respect the run is less than a whole one.
func (b *builder) partial() {
	m := &b.model
	why := func(format string, args ...any) { m.PartialWhy = append(m.PartialWhy, fmt.Sprintf(format, args...)) }
	if f := m.Identity.Filter; f != "" {
		why("only cases that the filter %s selects", f)
	}
	if offered := b.offered(); len(m.Cases) < len(offered) && m.Identity.Filter == "" {
		why("%d of %d cases were planned", len(m.Cases), len(offered))
	}
	if m.Unfinished {
		why("the run is unfinished")
	}
	if b.run.cut {
		why("the run ended early%s", prefixed(": ", b.run.cutWhy))
	}
	m.Partial = len(m.PartialWhy) > 0
}

// offered lists the cases of the index in the roles that the implementation plays.
func (b *builder) offered() []plan.Case {
	if len(b.model.Identity.Roles) == 0 {
		return b.index
	}
	var cases []plan.Case
	for _, kase := range b.index {
		if contains(b.model.Identity.Roles, string(kase.Role)) {
			cases = append(cases, kase)
		}
	}
	return cases
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func union(a, b []string) []string {
	for _, s := range b {
		if !contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
