package html

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func TestLabelsOfALaneNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lane
		for range rapid.IntRange(0, maxTicks).Draw(t, "ticks") {
			l.Ticks = append(l.Ticks, tick{
				X:     rapid.Float64Range(0, 100).Draw(t, "x"),
				Label: strings.Repeat("m", rapid.IntRange(0, labelRunes).Draw(t, "length")),
			})
		}
		l.layOut()
		type box struct{ from, to float64 }
		rows := map[int][]box{}
		for _, k := range l.Ticks {
			if k.Label == "" {
				continue
			}
			width := float64(len(k.Label)) * runeWidth
			b := box{k.X, k.X + width}
			if k.Left {
				b = box{k.X - width, k.X}
			}
			if b.from < 0 || b.to > 100 {
				t.Fatalf("label at %v of %d characters leaves the track: %v", k.X, len(k.Label), b)
			}
			if k.Row >= l.Height || l.Height > maxRows {
				t.Fatalf("row %d of %d", k.Row, l.Height)
			}
			for _, other := range rows[k.Row] {
				if b.from < other.to && other.from < b.to {
					t.Fatalf("labels %v and %v overlap in row %d", b, other, k.Row)
				}
			}
			rows[k.Row] = append(rows[k.Row], b)
		}
	})
}

func TestAProcessIsDrawnFromItsBeginningToItsEnd(t *testing.T) {
	start := time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	seen := func(second, pid, uid int, change func(*journal.Process)) journal.Event {
		p := &journal.Process{PID: pid, UIDs: [4]int{uid, uid, uid, uid}, State: "S", Command: "/bin/x y"}
		if change != nil {
			change(p)
		}
		return journal.Event{Time: at(second), Process: p}
	}
	c := verdict.Case{Case: plan.Case{ID: "x"}, Started: start, Duration: 10 * time.Second, Transcript: []journal.Event{
		seen(4, 7, 61002, nil),
		seen(5, 3, 61001, func(p *journal.Process) { p.Started = at(1) }),
		seen(6, 9, 61001, nil),
		seen(8, 9, 61002, nil),
		seen(10, 3, 61001, func(p *journal.Process) { p.Note, p.Seen = "ended", at(7) }),
		seen(10, 9, 61002, func(p *journal.Process) { p.Note = "ended" }),
	}}
	lanes := lanesOf(c)
	if len(lanes) != 3 {
		t.Fatalf("%d lanes, want one a process", len(lanes))
	}
	for i, want := range []struct {
		pid   int
		spans []span
	}{
		{3, []span{{10, 60, "own", ""}}},                       // begun at 1 s, seen until 7 s
		{7, []span{{40, 60, "other", ""}}},                     // never seen to end
		{9, []span{{60, 20, "own", ""}, {80, 0, "other", ""}}}, // became another user; when it ended nobody knows
	} {
		if lanes[i].pid != want.pid || len(lanes[i].Spans) != len(want.spans) {
			t.Errorf("lane %d is pid %d with %d spans, want pid %d with %d", i, lanes[i].pid, len(lanes[i].Spans), want.pid, len(want.spans))
			continue
		}
		for j, s := range lanes[i].Spans {
			s.Title = ""
			if s != want.spans[j] {
				t.Errorf("pid %d, span %d is %+v, want %+v", want.pid, j, s, want.spans[j])
			}
		}
	}
}
