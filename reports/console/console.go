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

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Console shows one run. Safe for concurrent use.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	screen Screen
	now    func() time.Time
	paint  paint
	areas  []*area
	byName map[string]*area
	named  bool // the header is printed
	who    *verdict.Identity
	drawn  int // lines of the live block on the screen
	last   time.Time
}

// area is the progress of one area.
type area struct {
	title          string
	planned, ended int
	began, latest  time.Time
	running        map[string]bool
	done           map[string]bool
	notes          []string
}

// New returns a console that writes to out, and asks now for the time. Failures to
// write are ignored: the journal is the record of a run, not the screen.
func New(out io.Writer, screen Screen, now func() time.Time) *Console {
	return &Console{out: out, screen: screen, now: now, paint: paint{on: screen.Color}, byName: map[string]*area{}}
}

// Show shows what is new. What is not may be passed, too: time goes on.
func (c *Console) Show(news verdict.News) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case news.Run != nil:
		c.begin(*news.Run)
	case news.Sandbox != nil:
		c.header(news.Sandbox.Environment)
	case news.Control != nil:
		c.print(c.paint.tone(words.Bad, "✕ control of role "+string(news.Control.Role)) + ": " + visible.Short(news.Control.Observation.Says, maxColumns))
	case news.Begun != nil:
		if a := c.byName[news.Begun.Case.Area]; a != nil {
			a.running[news.Begun.Case.ID] = true
			if a.began.IsZero() {
				a.began = news.Time
			}
		}
	case news.Ended != nil:
		c.ended(news.Time, *news.Ended)
	}
	c.draw(news.Ended != nil)
}

func (c *Console) begin(run verdict.Beginning) {
	c.who = &run.Identity
	for _, group := range run.Areas {
		a := &area{title: strings.ToLower(group.Title), planned: group.Planned, running: map[string]bool{}, done: map[string]bool{}}
		c.areas, c.byName[group.Name] = append(c.areas, a), a
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

func (c *Console) ended(at time.Time, turn verdict.Turn) {
	kase, came := turn.Case, turn.Verdict
	if a := c.byName[kase.Area]; a != nil {
		delete(a.running, kase.ID)
		a.latest = at
		if !a.done[kase.ID] {
			a.done[kase.ID] = true
			a.ended++
		}
		if tone := words.ToneOf(came); tone != words.Good && tone != words.Neutral {
			a.notes = append(a.notes, c.paint.tone(tone, words.Glyph(came)+" "+kase.Verifies[0])+expected(came))
		}
	}
	if c.screen.Terminal {
		return
	}
	line := c.sign(came) + " " + kase.ID
	if turn.Attempt > 1 {
		line += fmt.Sprintf(" (attempt %d)", turn.Attempt)
	}
	line += c.paint.dim("  " + human.Duration(turn.Took))
	if came != verdict.Pass {
		line += "  " + words.Word(came)
		if turn.Observation.Says != "" {
			line += ": " + visible.Short(turn.Observation.Says, 160)
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
	if !c.screen.Terminal || !now && c.drawn > 0 && c.now().Sub(c.last) < 100*time.Millisecond {
		return
	}
	c.last = c.now()
	c.erase()
	for _, a := range c.areas {
		if a.planned > 0 {
			fmt.Fprintln(c.out, ansi.Truncate(c.paint.clean(c.progress(a)), max(20, c.screen.Width-1), "…"))
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
