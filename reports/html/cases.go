package html

import (
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// caseArea is a group of cases.
type caseArea struct {
	Title string
	Cases []kase
}

// kase is the page of one case.
type kase struct {
	ID, Anchor, Says              string
	Verdict                       verdict.Verdict
	Role, Area                    string
	Duration                      string
	Open                          bool
	Requirement                   *catalogue.Requirement // that decided; nil when unknown
	Verifies                      []string
	Sandbox                       int
	Observed                      string
	Expected, Actual              string
	Where                         string
	Known                         []known
	Attempts                      []attempt
	Lanes                         []lane
	Sequence, Wire, Requests, Log rows
	Processes                     []process
	Again, Suggestion             string
}

type known struct {
	Reason, Issue, Cause, Until string
	Line                        int
}

type attempt struct {
	Number   int
	Verdict  verdict.Verdict
	Duration string
	Says     string
}

func casesOf(m verdict.Model) ([]caseArea, []chip) {
	requirements := map[string]*catalogue.Requirement{}
	for _, r := range m.Requirements {
		requirements[r.ID] = r.Requirement
	}
	byArea := map[string][]kase{}
	counts := map[verdict.Verdict]int{}
	for _, c := range m.Cases {
		byArea[c.Area] = append(byArea[c.Area], caseOf(c, requirements))
		counts[c.Verdict]++
	}
	var groups []caseArea
	for _, a := range m.Areas {
		if cases := byArea[a.Name]; len(cases) > 0 {
			groups = append(groups, caseArea{a.Title, cases})
			delete(byArea, a.Name)
		}
	}
	var strangers []kase
	for _, c := range m.Cases {
		if _, left := byArea[c.Area]; left {
			strangers = append(strangers, caseOf(c, requirements))
		}
	}
	if len(strangers) > 0 {
		groups = append(groups, caseArea{"Outside the case index", strangers})
	}
	var chips []chip
	for _, v := range verdict.All() {
		if counts[v] > 0 {
			chips = append(chips, chip{v, counts[v]})
		}
	}
	return groups, chips
}

func caseOf(c verdict.Case, requirements map[string]*catalogue.Requirement) kase {
	o := c.Observation
	out := kase{
		ID: visible.Line(c.ID), Anchor: "case=" + c.ID, Says: visible.Short(c.Says, 240), Verdict: c.Verdict,
		Role: string(c.Role), Area: c.Area, Duration: human.Duration(c.Duration), Open: c.Verdict.Unexpected(),
		Requirement: requirements[c.Requirement], Verifies: c.Verifies, Sandbox: c.Sandbox,
		Observed: visible.Short(o.Says, 1000), Expected: visible.Text(o.Expected), Actual: visible.Text(o.Actual), Where: visible.Short(o.Where, 200),
		Again: visible.Line(c.Again), Suggestion: visible.Text(c.Suggestion),
	}
	for _, e := range c.Entries {
		out.Known = append(out.Known, knownOf(e))
	}
	if len(c.Attempts) > 1 {
		for _, a := range c.Attempts {
			out.Attempts = append(out.Attempts, attempt{a.Number, a.Verdict, human.Duration(a.Duration), visible.Short(a.Observation.Says, 240)})
		}
	}
	out.transcript(c)
	return out
}

func knownOf(e *expect.Entry) known {
	return known{Reason: visible.Line(e.Reason), Issue: e.Issue, Cause: string(e.Cause), Until: e.Until, Line: e.Line}
}

// Bounds of what one case shows, in rows and in characters a row. A case that
// needs no attention shows the few; without evidence of its end the many.
type bounds struct{ sequence, wire, log, processes, width int }

var (
	many = bounds{sequence: 200, wire: 200, log: 400, processes: 60, width: 400}
	few  = bounds{sequence: 8, wire: 6, log: 4, processes: 4, width: 120}
)

func (k *kase) transcript(c verdict.Case) {
	b := few
	if c.Verdict.Unexpected() || c.Observation.Outcome == journal.Violated {
		b = many
		k.Lanes = lanesOf(c)
	}
	for _, e := range c.Transcript {
		at := human.Offset(since(c.Started, e.Time))
		switch e.Kind {
		case journal.Step:
			k.Sequence.add(row{At: at, Who: visible.Short(join(e.Who, e.Run), 60), Text: visible.Short(e.Text, b.width)})
		case journal.HTTP:
			k.Sequence.add(row{At: at, Who: visible.Short(join("Execution API", e.Run), 60), Text: visible.Short(e.Text, b.width)})
			k.Requests.add(row{At: at, Who: visible.Short(e.Run, 40), Text: visible.Short(e.Text, b.width), More: visible.Short(e.Body, b.width)})
		case journal.Process:
			if e.Proc != nil {
				k.Sequence.add(row{At: at, Who: visible.Short(join(fmt.Sprintf("pid %d", e.Proc.PID), e.Run), 60), Text: visible.Short(happened(e.Proc), b.width)})
			}
		case journal.Frame:
			k.Wire.add(frameRow(e, at, b.width))
		case journal.Log:
			k.Log.add(row{At: at, Who: visible.Short(join(e.Channel, e.Run), 40), Text: visible.Short(e.Text, b.width)})
		}
	}
	k.Sequence.bound(b.sequence)
	k.Wire.bound(b.wire)
	k.Requests.bound(b.wire)
	k.Log.bound(b.log)
	k.Processes = processesOf(c)
	k.Processes = k.Processes[:min(len(k.Processes), b.processes)]
}

func join(who, run string) string {
	if run == "" {
		return who
	}
	return strings.TrimSpace(who + " " + run)
}
