package html

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// lane is one actor of the picture "who did what, when". Positions are percent of
// the duration of the case.
type lane struct {
	Name, Who string
	Height    int // rows of labels
	Spans     []span
	Ticks     []tick
	pid       int
	alive     bool // the process had not ended when it was seen last
}

// span is the time in which a process was seen alive under one user.
type span struct {
	X, Width float64
	Tone     string // "own" for the real user of the first process, "other" for any other
	Title    string
}

// tick is an event; its label is "" where there is no room, and the title has it.
type tick struct {
	X     float64
	Row   int
	Left  bool // the label stands left of the tick
	Bad   bool
	Label string
	Title string
}

// Bounds of the picture. Label widths are estimates for the narrowest track.
const (
	maxLanes   = 14
	maxTicks   = 60
	maxRows    = 4
	labelRunes = 30
	runeWidth  = 6.4 / 740 * 100 // percent of the track
	labelSpace = 14.0 / 740 * 100
)

// lanesOf draws the transcript of a case.
func lanesOf(c verdict.Case) []lane {
	if len(c.Transcript) == 0 {
		return nil
	}
	d := &drawing{start: c.Started, whole: max(c.Duration, since(c.Started, c.Transcript[len(c.Transcript)-1].Time), time.Millisecond), at: map[string]int{}, own: firstUser(c)}
	for _, e := range c.Transcript {
		d.event(e)
	}
	for i := range d.lanes {
		l := &d.lanes[i]
		if n := len(l.Spans); n > 0 && l.alive {
			l.Spans[n-1].Width = 100 - l.Spans[n-1].X
		}
		l.layOut()
	}
	slices.SortStableFunc(d.lanes, func(a, b lane) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.pid, b.pid)) })
	return d.lanes[:min(len(d.lanes), maxLanes)]
}

// rank puts the harness first, then the API, the channels and the processes.
func rank(l lane) int {
	switch {
	case l.Name == "stage":
		return 0
	case l.Name == "Execution API":
		return 1
	case l.pid == 0:
		return 2
	}
	return 3
}

// firstUser is the real uid of the process with the lowest id: the one that was
// started first, by the account of the worker.
func firstUser(c verdict.Case) int {
	var first *verdict.Process
	for _, e := range c.Transcript {
		if p := e.Process; p != nil && (first == nil || p.PID < first.PID) {
			first = p
		}
	}
	if first == nil {
		return -1
	}
	return first.UIDs[0]
}

type drawing struct {
	start time.Time
	whole time.Duration
	lanes []lane
	at    map[string]int
	own   int // real uid of the first process
}

func (d *drawing) x(t time.Time) float64 {
	return min(100, 100*float64(since(d.start, t))/float64(d.whole))
}

func (d *drawing) lane(key, name, who string) *lane {
	i, ok := d.at[key]
	if !ok {
		i = len(d.lanes)
		d.at[key] = i
		d.lanes = append(d.lanes, lane{Name: visible.Short(name, 24), Who: visible.Short(who, 48)})
	}
	return &d.lanes[i]
}

func (d *drawing) tick(l *lane, at time.Time, text string, bad bool) {
	if len(l.Ticks) < maxTicks {
		l.Ticks = append(l.Ticks, tick{X: d.x(at), Label: visible.Short(text, labelRunes), Bad: bad, Title: "+" + fmt.Sprintf("%.3f s ", since(d.start, at).Seconds()) + visible.Short(text, 200)})
	}
}

func (d *drawing) event(e verdict.Event) {
	switch {
	case e.Step != nil:
		who := cmp.Or(e.Step.Who, "stage")
		if who == "stage" {
			d.tick(d.lane("stage", "stage", "the harness"), e.Time, e.Step.Text, false)
			return
		}
		d.tick(d.lane("who "+who+e.Run, join(who, e.Run), ""), e.Time, e.Step.Text, false)
	case e.Check != nil && !e.Check.Held:
		d.tick(d.lane("stage", "stage", "the harness"), e.Time, "violated", true)
	case e.Check != nil && !e.Check.Premise:
		d.tick(d.lane("stage", "stage", "the harness"), e.Time, checked(e.Check), false)
	case e.HTTP != nil:
		d.tick(d.lane("api", "Execution API", "stage"), e.Time, request(*e.HTTP), false)
	case e.Frame != nil:
		arrow := "→ "
		if e.Frame.Dir == "<" {
			arrow = "← "
		}
		d.tick(d.lane("channel "+e.Run, join("channel", e.Run), "frames"), e.Time, arrow+label(e.Frame.Text), false)
	case e.Process != nil:
		d.process(e)
	}
}

// request says of "PATCH /task-instances/ID/state 204" the ends only.
func request(h verdict.HTTP) string {
	path := strings.TrimRight(h.Path, "/")
	h.Path = path[strings.LastIndexByte(path, '/')+1:]
	return requested(&h)
}

// label shortens `#3 SetXCom{key: "k"}` to `#3 SetXCom`.
func label(message string) string {
	if at := strings.IndexAny(message, "{("); at > 0 {
		return message[:at]
	}
	return message
}

// process prolongs the life of a process, and begins a new span where its user
// changed. A process that has ended was seen last when Seen says, or when an
// earlier event says.
func (d *drawing) process(e verdict.Event) {
	p := e.Process
	tone := "other"
	if p.UIDs[0] == d.own {
		tone = "own"
	}
	l := d.lane(fmt.Sprintf("pid %d", p.PID), cmp.Or(program(p.Command), "process"), "")
	l.pid = p.PID
	l.Who = visible.Short(fmt.Sprintf("%d uid %s, parent %d", p.PID, ids(p.UIDs), p.PPID), 48)
	title := fmt.Sprintf("pid %d, uid %s", p.PID, ids(p.UIDs))
	ended := p.State == "Z" || p.State == "X" || p.Note == "ended"
	at, known := e.Time, true
	switch {
	case ended && !p.Seen.IsZero():
		at = p.Seen
	case p.Note == "ended": // written at the end of the case about all that had ended before
		known = false
	}
	x := d.x(at)
	if n := len(l.Spans); n > 0 && known {
		l.Spans[n-1].Width = max(l.Spans[n-1].Width, x-l.Spans[n-1].X)
	}
	switch n := len(l.Spans); {
	case n == 0:
		from := x
		if !p.Started.IsZero() {
			from = min(x, d.x(p.Started))
		}
		l.Spans = append(l.Spans, span{X: from, Width: x - from, Tone: tone, Title: title})
	case !ended && l.Spans[n-1].Title != title:
		l.Spans = append(l.Spans, span{X: x, Tone: tone, Title: title})
	}
	l.alive = !ended
	if p.Note != "" && known {
		d.tick(l, at, p.Note, false)
	}
}

// layOut places the labels so that none covers another: each in the first row
// with room, and none where no row has any.
func (l *lane) layOut() {
	slices.SortStableFunc(l.Ticks, func(a, b tick) int { return cmp.Compare(a.X, b.X) })
	var taken [maxRows][][2]float64
	l.Height = 1
	for i := range l.Ticks {
		t := &l.Ticks[i]
		width := float64(len([]rune(t.Label)))*runeWidth + labelSpace
		from, to := t.X, t.X+width
		if to > 100 {
			t.Left, from, to = true, t.X-width, t.X+0.3
		}
		t.Row = -1
		for row := range taken {
			if from >= 0 && !slices.ContainsFunc(taken[row], func(other [2]float64) bool { return from < other[1] && other[0] < to }) {
				t.Row = row
				taken[row] = append(taken[row], [2]float64{from, to})
				l.Height = max(l.Height, row+1)
				break
			}
		}
		if t.Row < 0 {
			t.Row, t.Label = 0, ""
		}
	}
}
