// Package demo makes up a run for the tests of the reports: every verdict occurs,
// and the text of the implementation is as hostile as it gets. Nothing in it was
// measured.
package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/scenarios"
)

// Hostile is text that an implementation might print to break a report.
const Hostile = "</script><script>alert(1)</script>]]><!-- <b>&amp;\" onload='x' \x1b[31mred\x1b[0m \u202etxt.exe\u2066 \u200b\xff {{.}} ${x} ::error::"

var start = time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)

// Now is when the reports of the demo are made.
var Now = start.Add(5 * time.Minute)

// played are the roles of the demo, in another order than the columns of reports.
var played = []role.Role{role.Runner, role.Worker, role.Supervisor}

// Index holds the cases of the demo: a verdict each.
func Index() []plan.Case {
	kase := func(area, id, says string, verifies ...string) plan.Case {
		parts := strings.Split(id, "/")
		return plan.Case{ID: id, Area: area, Role: role.Role(parts[1]), Says: says, Verifies: append(parts[:1:1], verifies...), BudgetMS: 60000}
	}
	return []plan.Case{
		kase("wire", "WIRE-002/runner/octet-by-octet", "StartupDetails arrives one octet at a time"),
		kase("wire", "WIRE-030/runner/one-write", "header and payload leave in one write"),
		kase("messages", "MSG-010/supervisor/hitl", "a HITL request is answered"),
		kase("messages", "MSG-011/runner/xcom-across-users", "alice pushes an XCom, bob pulls it unchanged"),
		kase("lifecycle", "LIFE-005/worker/stop-leaves-nothing", "a stopped task of alice leaves nothing alive"),
		kase("lifecycle", "LIFE-009/worker/gone", "a 410 on heartbeat stops the task", "LIFE-008"),
		kase("lifecycle", "LIFE-027/worker/on-kill", "SIGTERM reaches the task once"),
		kase("impersonation", "IMP-002/runner/logname", "LOGNAME=alice does not make the worker alice"),
		kase("impersonation", "IMP-003/runner/own-user", "run_as_user=airflow needs no sudo"),
		kase("impersonation", "IMP-004/runner/ids", "ids and groups are those of alice"),
		kase("impersonation", "IMP-026/runner/root", "root is refused as a target"),
		kase("impersonation", "IMP-035/runner/sudo-rs", "sudo-rs drops the environment"),
		kase("security", "SEC-003/runner/dumpable", "the task is not dumpable"),
		kase("bundles", "BND-014/worker/other-owner", "git works in storage of another owner"),
		kase("bundles", "BND-026/worker/one-connection", "64 tasks of 8 users ask for one version"),
	}
}

// known lists the deviations that are expected in the demo.
const known = `- case: IMP-002
  role: runner
  actual: uid 61001
  reason: decides by LOGNAME instead of the numeric uid
  issue: https://github.com/apache/airflow/issues/1
  cause: implementation
- case: SEC-003/runner
  actual: dumpable
  reason: nothing sets the flag again after sudo
  cause: gap
- case: BND-014
  outcome: could-not-run
  actual: no git
  reason: this image ships without git
  cause: gap
- case: IMP-004/runner
  actual: group 0
  reason: fixed in the meantime
  cause: implementation
`

// Known is the list of known deviations of the demo.
func Known() *expect.File {
	f, err := expect.Read("expectations.yaml", []byte(known))
	if err != nil {
		panic(err)
	}
	return f
}

// Events is the journal of the demo.
func Events() []journal.Event {
	w := &writer{at: start}
	var planned []string
	for _, c := range Index() {
		planned = append(planned, c.ID)
	}
	w.add(0, journal.Event{RunStart: journal.Start(journal.Identity{
		RunID: "r-1", Suite: "0.1.0", Commit: "3f2c1ab", Catalogue: "9c1e0f3b77aa", Implementation: "Demo <runner>", Version: "1.3.2 " + Hostile,
		Manifest: "images/demo/implementation.yaml", Roles: played, Sandbox: "namespace",
		Command: []string{"understudy", "run", "--implementation", "images/demo/implementation.yaml"}, Planned: planned,
	})})
	w.add(120, journal.Event{SandboxStart: &journal.SandboxStart{Environment: map[string]string{
		"os": "Debian GNU/Linux 13 (trixie)", "kernel": "6.18.5", "sudo": "1.9.16p2", "git": "2.47.3", "python": "3.13.5",
	}}})
	for _, r := range played {
		w.add(300, journal.Event{Control: &journal.Control{Role: r, Observation: journal.Observation{Outcome: journal.Held, Says: "a plain task succeeds"}}})
	}
	held := &journal.Observation{Outcome: journal.Held}
	violated := func(requirement, says, expected, actual string) *journal.Observation {
		return &journal.Observation{Outcome: journal.Violated, Requirement: requirement, Says: says, Expected: expected, Actual: actual, Where: "scenarios/demo/demo.go:42"}
	}
	ends := map[string]*journal.Observation{
		"WIRE-002/runner/octet-by-octet":      held,
		"WIRE-030/runner/one-write":           violated("WIRE-030", "the header came in a write of its own", "one write of 27 octets", "two writes, of 4 and of 23 octets"),
		"MSG-010/supervisor/hitl":             violated("MSG-010", "answered as unhandled", "an answer", "API_SERVER_ERROR 400"),
		"MSG-011/runner/xcom-across-users":    held,
		"LIFE-005/worker/stop-leaves-nothing": violated("LIFE-005", "a process of alice outlived the kill by 25.0 s", "within 11 s after the 409: no process with uid 61002, and no request from the task", "pid 14512 (uid 61002, ppid 1) ran 25.0 s longer, wrote one XCom and reported success; then the worker reported failed.\n"+Hostile),
		"LIFE-009/worker/gone":                nil,
		"IMP-002/runner/logname":              violated("IMP-002", "the task ran as the worker", "uid 61002 (alice)", "uid 61001 (airflow)"),
		"IMP-003/runner/own-user":             violated("IMP-003", "with run_as_user=airflow the worker asked sudo for a password "+Hostile, "uid 61001 (airflow) without a sudo process", "sudo: a password is required; exit 1, no terminal message"),
		"IMP-004/runner/ids":                  held,
		"IMP-026/runner/root":                 {Outcome: journal.NotApplicable, Says: "the implementation declares that it lacks root-policy", Capability: "root-policy"},
		"IMP-035/runner/sudo-rs":              {Outcome: journal.CouldNotRun, Says: "sudo-rs is not in this image"},
		"SEC-003/runner/dumpable":             violated("SEC-003", "the task is dumpable", "PR_GET_DUMPABLE 0", "dumpable is 1"),
		"BND-014/worker/other-owner":          {Outcome: journal.CouldNotRun, Says: "no git in this image"},
		"BND-026/worker/one-connection":       held,
	}
	for _, c := range Index() {
		if c.ID == "LIFE-027/worker/on-kill" {
			w.flaky(c)
			continue
		}
		w.play(c, ends[c.ID])
	}
	w.add(10, journal.Event{SandboxEnd: &journal.SandboxEnd{}})
	w.add(5, journal.Event{RunEnd: &journal.RunEnd{}})
	return w.events
}

// Catalogue is that of the suite, but for the cuts: the cases of the demo verify sentences as
// wholes, however finely the suite cuts them. Of one sentence the clauses are shown.
func Catalogue() *catalogue.Catalogue {
	c, err := catalogue.Read(scenarios.Catalogue())
	if err != nil {
		panic(err) // embedded: its own tests say what is wrong
	}
	for _, r := range c.All() {
		if r.ID != "IMP-011" {
			r.Clauses = []catalogue.Clause{{ID: r.ID, Says: r.Sentence, Roles: r.Roles}}
		}
	}
	return c
}

// Model is the model of the demo.
func Model() verdict.Model {
	return verdict.Build(Catalogue(), Index(), verdict.Collate(slices.Values(Events())), Known(), Now)
}

// Many is the model of a run of n cases with full transcripts, a tenth of them violated.
func Many(n int) verdict.Model {
	c := Catalogue()
	var index []plan.Case
	var ids []string
	all := c.All()
	for i := range n {
		r := all[i%len(all)]
		kase := plan.Case{
			ID: fmt.Sprintf("%s/%s/case-%04d", r.ID, r.Roles[0], i), Role: r.Roles[0], Area: r.Area, Verifies: []string{r.ID},
			Says: fmt.Sprintf("what %s demands, in the circumstances of case %d", r.ID, i), BudgetMS: 60000,
		}
		index, ids = append(index, kase), append(ids, kase.ID)
	}
	w := &writer{at: start}
	w.add(0, journal.Event{RunStart: journal.Start(journal.Identity{RunID: "r-2", Suite: "0.1.0", Implementation: "Many", Version: "1", Roles: played, Planned: ids})})
	w.add(0, journal.Event{SandboxStart: &journal.SandboxStart{}})
	for i, kase := range index {
		o := &journal.Observation{Outcome: journal.Held}
		if i%10 == 3 {
			o = &journal.Observation{Outcome: journal.Violated, Requirement: kase.Verifies[0], Says: "it did not hold", Expected: strings.Repeat("expected ", 30), Actual: strings.Repeat("actual ", 30)}
		}
		w.play(kase, o)
	}
	w.add(0, journal.Event{SandboxEnd: &journal.SandboxEnd{}})
	w.add(0, journal.Event{RunEnd: &journal.RunEnd{}})
	return verdict.Build(c, index, verdict.Collate(slices.Values(w.events)), nil, Now)
}

// Noisy is the model of a run of n cases whose transcripts hardly compress.
func Noisy(n int) verdict.Model {
	m := Many(n)
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range m.Cases {
		for range 60 {
			var text strings.Builder
			for range 30 {
				fmt.Fprintf(&text, "%016x", noise.Uint64())
			}
			m.Cases[i].Transcript = append(m.Cases[i].Transcript, journal.Event{Time: m.Cases[i].Started, Log: &journal.Log{Channel: "stdout", Text: text.String()}})
		}
	}
	return m
}
