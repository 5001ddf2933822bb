// Package console is what a person sees while a suite runs and when it has ended:
// on a terminal a line for each area that fills up, otherwise a line for each case;
// then what failed, with expected, actual and the command to run it again, and one
// last line with the answer. The text is for people and promises no format.
package console

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Options say what the console needs to know. Catalogue and Index must be there.
type Options struct {
	Screen    Screen
	Catalogue *catalogue.Catalogue
	Index     []plan.Case
	Known     *expect.File     // may be nil
	Now       func() time.Time // time.Now when nil
}

// Console shows the events of one run. Safe for concurrent use.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	o      Options
	paint  paint
	cases  map[string]plan.Case
	areas  []*area
	byName map[string]*area
	named  bool // the header is printed
	who    *journal.Identity
	drawn  int // lines of the live block on the screen
	last   time.Time
}

// area is the progress of one area.
type area struct {
	name, title    string
	planned, ended int
	began, latest  time.Time
	running        map[string]bool
	done           map[string]bool
	notes          []string
}

// New returns a console that writes to out. Failures to write are ignored: the
// journal is the record of a run, not the screen.
func New(out io.Writer, o Options) *Console {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Console{out: out, o: o, paint: paint{on: o.Screen.Color}, cases: map[string]plan.Case{}, byName: map[string]*area{}}
	for _, kase := range o.Index {
		c.cases[kase.ID] = kase
	}
	for _, a := range o.Catalogue.Areas() {
		c.byName[a.Name] = &area{name: a.Name, title: strings.ToLower(a.Title), running: map[string]bool{}, done: map[string]bool{}}
		c.areas = append(c.areas, c.byName[a.Name])
	}
	return c
}

// Event shows one event of the journal.
func (c *Console) Event(e journal.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.RunStart != nil:
		c.plan(e.RunStart.Identity)
	case e.SandboxStart != nil:
		c.header(e.SandboxStart.Environment)
	case e.Control != nil:
		c.control(*e.Control)
	case e.CaseStart != nil:
		if a := c.byName[c.cases[e.Case].Area]; a != nil {
			a.running[e.Case] = true
			if a.began.IsZero() {
				a.began = e.Time
			}
		}
	case e.CaseEnd != nil:
		c.ended(e)
	}
	c.draw(e.CaseEnd != nil)
}

func (c *Console) plan(who journal.Identity) {
	c.who = &who
	for _, id := range who.Planned {
		if a := c.byName[c.cases[id].Area]; a != nil {
			a.planned++
		}
	}
}

// header names what runs, once, as soon as the first sandbox has said where.
func (c *Console) header(environment map[string]string) {
	if c.named || c.who == nil {
		return
	}
	c.named = true
	where := c.who.Sandbox
	if place := human.Place(environment); place != "" {
		where += " (" + place + ")"
	}
	c.print(strings.Join([]string{
		"understudy " + c.who.Suite, visible.Short(strings.TrimSpace(c.who.Implementation+" "+cmp.Or(c.who.Version, environment["implementation"])), 100),
		role.Join(c.who.Roles, ", "), visible.Short(where, 100),
	}, " · "))
}

func (c *Console) control(seen journal.Control) {
	if o := seen.Observation; o.Outcome != journal.Held {
		c.print(c.paint.tone(words.Bad, "✕ control of role "+string(seen.Role)) + ": " + visible.Short(o.Says, maxColumns))
	}
}

func (c *Console) ended(e journal.Event) {
	kase, ok := c.cases[e.Case]
	if !ok {
		return
	}
	o := e.CaseEnd.Observation
	j := verdict.Of(c.o.Catalogue, kase, o, c.o.Known)
	if a := c.byName[kase.Area]; a != nil {
		delete(a.running, kase.ID)
		a.latest = e.Time
		if !a.done[kase.ID] {
			a.done[kase.ID] = true
			a.ended++
		}
		if tone := words.ToneOf(j.Verdict); tone != words.Good && tone != words.Neutral {
			a.notes = append(a.notes, c.paint.tone(tone, words.Glyph(j.Verdict)+" "+kase.Verifies[0])+expected(j.Verdict))
		}
	}
	if c.o.Screen.Terminal {
		return
	}
	line := c.sign(j.Verdict) + " " + kase.ID
	if e.Attempt > 1 {
		line += fmt.Sprintf(" (attempt %d)", e.Attempt)
	}
	line += c.paint.dim("  " + human.Duration(time.Duration(e.CaseEnd.DurationMS)*time.Millisecond))
	if j.Verdict != verdict.Pass {
		line += "  " + words.Word(j.Verdict)
		if o.Says != "" {
			line += ": " + visible.Short(o.Says, 160)
		}
	}
	c.print(line)
}

func expected(v verdict.Verdict) string {
	if v == verdict.ExpectedFail || v == verdict.ExpectedWarn {
		return " (expected)"
	}
	return ""
}

func (c *Console) sign(v verdict.Verdict) string {
	return c.paint.tone(words.ToneOf(v), words.Glyph(v))
}

// print writes lines above the live block. What is not ours is made visible; our
// own colours are added after that, so the line is checked piece by piece.
func (c *Console) print(line string) {
	c.erase()
	for part := range strings.SplitSeq(line, "\n") {
		fmt.Fprintln(c.out, c.paint.clean(part))
	}
}

// erase removes the live block from the screen.
func (c *Console) erase() {
	if c.drawn > 0 {
		fmt.Fprintf(c.out, "\x1b[%dA\r\x1b[J", c.drawn)
		c.drawn = 0
	}
}

// draw shows the live block, at most ten times a second.
func (c *Console) draw(now bool) {
	if !c.o.Screen.Terminal || !now && c.drawn > 0 && c.o.Now().Sub(c.last) < 100*time.Millisecond {
		return
	}
	c.last = c.o.Now()
	c.erase()
	for _, a := range c.areas {
		if a.planned > 0 {
			fmt.Fprintln(c.out, ansi.Truncate(c.paint.clean(c.progress(a)), max(20, c.o.Screen.Width-1), "…"))
			c.drawn++
		}
	}
}

// progress is the line of one area.
func (c *Console) progress(a *area) string {
	line := fmt.Sprintf("  %-18s", a.title)
	switch {
	case a.ended >= a.planned:
		line += fmt.Sprintf("%3d of %-3d ", a.ended, a.planned) + strings.Join(a.notes, "  ")
		return line + c.paint.dim("  "+human.Duration(a.latest.Sub(a.began)))
	case a.ended == 0 && len(a.running) == 0:
		return c.paint.dim(line + fmt.Sprintf("%3d of %-3d", 0, a.planned))
	}
	line += bar(a.ended, a.planned) + fmt.Sprintf(" %d of %d  ", a.ended, a.planned) + strings.Join(a.notes, "  ")
	if ids := slices.Sorted(maps.Keys(a.running)); len(ids) > 0 {
		line += c.paint.dim("  " + ids[0]) // always the same one, or the line would flicker
	}
	return line
}

func bar(done, of int) string {
	const width = 16
	full := done * width / max(1, of)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
