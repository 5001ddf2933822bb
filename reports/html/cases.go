package html

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
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
	Role                          role.Role
	Area                          string
	Duration                      string
	Open                          bool
	Requirement                   *verdict.Requirement // that decided; nil when unknown
	Verifies                      []string
	Sandbox                       int
	Observed                      string
	Expected, Actual              string
	Where                         string
	Known                         []verdict.Known
	Attempts                      []attempt
	Lanes                         []lane
	Sequence, Wire, Requests, Log rows
	Checks                        []check
	ChecksLeft                    int // that held, beyond those
	Processes                     []process
	Again, Suggestion             string
	Inline                        template.HTML // the transcript, rendered
	Chunk                         int           // the block of data that has it instead, counted from 1
	LeftOut                       bool          // or that the file would be too large with it
}

type attempt struct {
	Number   int
	Verdict  verdict.Verdict
	Duration string
	Says     string
}

// outside is the title above cases that belong to no area.
const outside = "Outside the case index"

func casesOf(m verdict.Model) ([]caseArea, []chip) {
	requirements := map[string]*verdict.Requirement{}
	for i, r := range m.Requirements {
		requirements[r.ID] = &m.Requirements[i]
	}
	titles := map[string]string{}
	for _, a := range m.Areas {
		titles[a.Name] = a.Title
	}
	counts := map[verdict.Verdict]int{}
	byTitle := map[string][]kase{}
	for _, c := range m.Cases {
		title := cmp.Or(titles[c.Area], outside)
		byTitle[title] = append(byTitle[title], caseOf(c, requirements))
		counts[c.Verdict]++
	}
	var groups []caseArea
	for _, a := range append(m.Areas[:len(m.Areas):len(m.Areas)], verdict.Area{Title: outside}) {
		if cases := byTitle[a.Title]; len(cases) > 0 {
			groups = append(groups, caseArea{a.Title, cases})
		}
	}
	var chips []chip
	for _, v := range verdict.All() {
		if counts[v] > 0 {
			chips = append(chips, chip{v, counts[v]})
		}
	}
	return groups, chips
}

func caseOf(c verdict.Case, requirements map[string]*verdict.Requirement) kase {
	o := c.Observation
	out := kase{
		ID: visible.Line(c.ID), Anchor: "case=" + c.ID, Says: visible.Short(c.Says, 240), Verdict: c.Verdict,
		Role: c.Role, Area: c.Area, Duration: human.Duration(c.Duration), Open: c.Verdict.Unexpected(),
		Requirement: requirements[c.Requirement], Verifies: c.Verifies, Sandbox: c.Sandbox,
		Observed: visible.Short(o.Says, 1000), Expected: visible.Text(o.Expected), Actual: visible.Text(o.Actual), Where: visible.Short(o.Where, 200),
		Again: visible.Line(c.Again), Suggestion: visible.Text(c.Suggestion),
	}
	for _, k := range c.Known {
		k.Reason = visible.Line(k.Reason)
		out.Known = append(out.Known, k)
	}
	if len(c.Attempts) > 1 {
		for _, a := range c.Attempts {
			out.Attempts = append(out.Attempts, attempt{a.Number, a.Verdict, human.Duration(a.Duration), visible.Short(a.Observation.Says, 240)})
		}
	}
	out.transcript(c)
	return out
}

// Bounds of what one case shows, in rows and in characters a row.
const (
	maxSequence  = 200
	maxFrames    = 200
	maxLog       = 400
	maxProcesses = 60
	maxWidth     = 400
)

func (k *kase) transcript(c verdict.Case) {
	k.Lanes = lanesOf(c)
	k.Checks, k.ChecksLeft = checksOf(c, "", maxWidth/2), c.ChecksLeft
	for _, e := range c.Transcript {
		at := human.Offset(since(c.Started, e.Time))
		switch {
		case e.Step != nil:
			k.Sequence.add(row{At: at, Who: visible.Short(join(e.Step.Who, e.Run), 60), Text: visible.Short(e.Step.Text, maxWidth)})
		case e.Check != nil:
			k.Sequence.add(row{At: at, Who: "stage", Text: visible.Short(checked(e.Check), maxWidth)})
		case e.HTTP != nil:
			text := visible.Short(requested(e.HTTP), maxWidth)
			k.Sequence.add(row{At: at, Who: visible.Short(join("Execution API", e.Run), 60), Text: text})
			k.Requests.add(row{At: at, Who: visible.Short(e.Run, 40), Text: text, More: visible.Short(e.HTTP.Body, maxWidth)})
		case e.Process != nil:
			k.Sequence.add(row{At: at, Who: visible.Short(join(fmt.Sprintf("pid %d", e.Process.PID), e.Run), 60), Text: visible.Short(happened(e.Process), maxWidth)})
		case e.Frame != nil:
			k.Wire.add(frameRow(e, at, maxWidth))
		case e.Log != nil:
			for line := range strings.SplitSeq(strings.TrimRight(e.Log.Text, "\n"), "\n") {
				k.Log.add(row{At: at, Who: visible.Short(join(e.Log.Channel, e.Run), 40), Text: visible.Short(line, maxWidth)})
			}
		}
	}
	k.Sequence.bound(maxSequence)
	k.Wire.bound(maxFrames)
	k.Requests.bound(maxFrames)
	k.Log.bound(maxLog)
	k.Processes = processesOf(c)
	k.Processes = k.Processes[:min(len(k.Processes), maxProcesses)]
}

func join(who, run string) string {
	if run == "" {
		return who
	}
	return strings.TrimSpace(who + " " + run)
}
