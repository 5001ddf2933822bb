package verdict

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// Live follows a run while it goes on, and judges its cases one by one.
type Live struct {
	catalogue *catalogue.Catalogue
	index     map[string]plan.Case
	known     *expect.File
	open      map[attemptOf]*checks
}

// Follow begins to follow a run; known may be nil.
func Follow(c *catalogue.Catalogue, index []plan.Case, known *expect.File) *Live {
	l := &Live{catalogue: c, index: map[string]plan.Case{}, known: known, open: map[attemptOf]*checks{}}
	for _, kase := range index {
		l.index[kase.ID] = kase
	}
	return l
}

// News is what one event says to somebody who looks on: nothing, or one of these.
type News struct {
	Time    time.Time
	Run     *Beginning
	Sandbox *Sandbox // it is ready for cases
	Control *Control // it failed
	Begun   *Turn
	Ended   *Turn
}

// Beginning is that of a run.
type Beginning struct {
	Identity Identity
	Areas    []Group // in the order of the catalogue
}

// Group is how many cases of an area are planned.
type Group struct {
	Name, Title string
	Planned     int
}

// Turn is one attempt of a case of the index that begins or ends.
type Turn struct {
	Case    plan.Case
	Attempt int

	// Of one that ends:
	Verdict     Verdict
	Observation Observation
	Took        time.Duration
}

// See takes the next event and says what is new.
func (l *Live) See(e journal.Event) News {
	news := News{Time: e.Time}
	name := attemptOf{e.Case, e.Attempt}
	switch {
	case e.RunStart != nil:
		news.Run = l.begin(e.RunStart.Identity)
	case e.SandboxStart != nil:
		l.known = l.known.At(releaseOf(e.SandboxStart.Environment))
		news.Sandbox = &Sandbox{Number: e.Sandbox, Environment: e.SandboxStart.Environment, Started: e.Time.UTC()}
	case e.Control != nil && e.Control.Observation.Outcome != journal.Held:
		news.Control = &Control{Sandbox: e.Sandbox, Role: e.Control.Role, Observation: e.Control.Observation}
	case e.CaseStart != nil:
		l.open[name] = &checks{}
		if kase, indexed := l.index[e.Case]; indexed {
			news.Begun = &Turn{Case: kase, Attempt: e.Attempt}
		}
	case e.Check != nil && l.open[name] != nil:
		l.open[name].add(*e.Check)
	case e.CaseEnd != nil:
		news.Ended = l.end(e.Case, e.Attempt, *e.CaseEnd)
		delete(l.open, name)
	}
	return news
}

func (l *Live) begin(who journal.Identity) *Beginning {
	planned := map[string]int{}
	for _, id := range who.Planned {
		planned[l.index[id].Area]++
	}
	out := &Beginning{Identity: who}
	for _, a := range l.catalogue.Areas() {
		out.Areas = append(out.Areas, Group{Name: a.Name, Title: a.Title, Planned: planned[a.Name]})
	}
	return out
}

func (l *Live) end(id string, attempt int, end journal.CaseEnd) *Turn {
	kase, indexed := l.index[id]
	if !indexed {
		return nil
	}
	made := l.open[attemptOf{id, attempt}]
	if made == nil { // what ended and had not begun, the model calls a problem
		made = &checks{}
	}
	o := observed(kase, end, made)
	return &Turn{
		Case: kase, Attempt: attempt, Verdict: Of(l.catalogue, kase, o, l.known).Verdict, Observation: o,
		Took: time.Duration(end.DurationMS) * time.Millisecond,
	}
}
