package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

var roles = []role.Role{role.Runner, role.Worker}

// drawQueue draws cases, how long some of them took, and the order that follows.
func drawQueue(t *rapid.T) (drawn []plan.Case, measured map[string]time.Duration, order []string) {
	measured = map[string]time.Duration{}
	for i := range rapid.IntRange(0, 20).Draw(t, "cases") {
		c := plan.Case{ID: fmt.Sprintf("c%02d", i), Role: rapid.SampledFrom(roles).Draw(t, "role"), BudgetMS: rapid.Int64Range(0, 3).Draw(t, "budget")}
		if rapid.Bool().Draw(t, "measured") {
			measured[c.ID] = time.Duration(rapid.IntRange(0, 5).Draw(t, "took"))
		}
		drawn = append(drawn, c)
	}
	return drawn, measured, plan.IDs(plan.LongestFirst(drawn, measured))
}

// Whatever sandboxes do, each case begins once, the longest that it can play is told each, and each is told
// what is left in the order of its plan.
func TestTheQueueHandsOutEachCaseOnceLongestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn, measured, order := drawQueue(t)
		as := map[string]role.Role{}
		for _, c := range drawn {
			as[c.ID] = c.Role
		}
		places := make([]*place, rapid.IntRange(1, 5).Draw(t, "places"))
		all := newQueue(drawn, measured, len(places))
		plans := make([][]string, len(places)) // what the sandbox of each place may still be told
		for i := range places {
			places[i] = &place{queue: all}
			plans[i] = plan.IDs(places[i].fresh())
		}
		asked := make([]bool, len(places)) // the sandbox of each place is done with its controls
		told := map[string]bool{}
		begun := []string{}
		for over := 0; over < len(places); {
			i := rapid.IntRange(0, len(places)-1).Draw(t, "place")
			p := places[i]
			if p.over {
				i = slices.IndexFunc(places, func(p *place) bool { return !p.over })
				p = places[i]
			}
			switch rapid.SampledFrom([]string{"next", "next", "next", "begin", "begin", "begin", "dies", "fails"}).Draw(t, "does") {
			case "dies":
				plans[i], asked[i] = plan.IDs(p.fresh()), false
			case "fails":
				if asked[i] {
					continue
				}
				p.fails(rapid.SampledFrom(roles).Draw(t, "role"))
			case "next":
				again := p.told != nil
				asked[i] = true
				first := slices.IndexFunc(order, func(id string) bool { return !told[id] && !p.others[as[id]] })
				id := p.next()
				if !again && id == "" && first < 0 {
					if over++; len(p.fresh()) > 0 {
						t.Fatalf("place %d is over, and a sandbox would start there", i)
					}
					continue
				}
				if !again && (first < 0 || id != order[first]) {
					t.Fatalf("place %d is told %q, %d of %q would be the longest for it", i, id, first, order)
				}
				at := slices.Index(plans[i], id)
				if at < 0 {
					t.Fatalf("place %d is told %s, which its sandbox has not or is beyond: %q", i, id, plans[i])
				}
				plans[i], told[id] = plans[i][at:], true
			case "begin":
				if p.told == nil {
					continue
				}
				id := p.told.ID
				if p.begun("another") || !p.begun(id) || p.begun(id) {
					t.Fatalf("%s does not count as begun, or twice", id)
				}
				plans[i] = plans[i][1:]
				begun = append(begun, id)
			}
		}
		slices.Sort(begun)
		if diff := gocmp.Diff(plan.IDs(drawn), begun, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("cases that began (-want +got):\n%s", diff)
		}
	})
}

// fate is what becomes of a sandbox.
type fate struct {
	fails []role.Role // controls
	holds int         // cases that it plays before
	end   string      // "": it plays on
}

var errDead = errors.New("exit status 137")

func (f fate) play(in *inside) error {
	for _, r := range f.fails {
		in.fail(r)
	}
	for range f.holds {
		if !in.hold() {
			return in.leave()
		}
	}
	switch f.end {
	case "before it asks":
		return errDead
	case "before it hears":
		in.ready()
		return errDead
	case "before it begins":
		in.next()
		return errDead
	case "in the case":
		if in.begin() == "" {
			return in.leave()
		}
		return errDead
	case "left dirty":
		return in.leave()
	}
	return in.all()
}

// However sandboxes die, each case begins and ends once, unless the run ends since sandboxes begin nothing.
func TestNothingIsLostWhenSandboxesDie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn, measured, _ := drawQueue(t)
		fates := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fate {
			return fate{rapid.SliceOfNDistinct(rapid.SampledFrom(roles), 0, 2, rapid.ID[role.Role]).Draw(t, "fails"), rapid.IntRange(0, 4).Draw(t, "holds"), rapid.SampledFrom([]string{
				"", "before it asks", "before it hears", "before it begins", "in the case", "left dirty"}).Draw(t, "end")}
		}), 0, 12).Draw(t, "fates")
		backend := &stageless{play: func(_ context.Context, n int, in *inside) error {
			if n <= len(fates) {
				return fates[n-1].play(in)
			}
			return in.all()
		}}
		var record bytes.Buffer
		err := Run(context.Background(), Options{
			Backend: backend, Cases: drawn, Measured: measured, Procs: rapid.IntRange(1, 4).Draw(t, "procs"),
			Journal: journal.NewWriter(&record, nil), Watch: func(journal.Event) {}, Limits: DefaultLimits(1),
		})
		if err != nil && !errors.Is(err, ErrNoSandbox) {
			t.Fatal(err)
		}
		events, readErr := journal.ReadAll(&record)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if diff := gocmp.Diff(plan.IDs(drawn), events[0].RunStart.Identity.Planned); diff != "" {
			t.Fatalf("the plan is not in the order of the catalogue (-want +got):\n%s", diff)
		}
		started, ended := map[string]int{}, map[string]int{}
		for _, e := range events {
			switch {
			case e.CaseStart != nil:
				started[e.Case]++
			case e.CaseEnd != nil:
				ended[e.Case]++
			}
		}
		if diff := gocmp.Diff(started, ended); diff != "" {
			t.Fatalf("cases that started and ended (-want +got):\n%s", diff)
		}
		for _, c := range drawn {
			if n := started[c.ID]; n != 1 && (err == nil || n > 1) {
				t.Fatalf("%s began %d times; the run ended with %v", c.ID, n, err)
			}
		}
	})
}

func TestASandboxIsToldNothingMoreBeforeItBegins(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a", "b")}, func(_ context.Context, _ int, in *inside) error {
		first := in.next()
		in.ready() // before it began
		in.start(first)
		in.ready() // and in the middle of a case
		in.end(first)
		if len(in.input) > 0 {
			t.Errorf("told %q and %q", first, <-in.input)
		}
		if second := in.next(); first != "a" || second != "b" {
			t.Errorf("told %q, then %q", first, second)
		} else {
			in.start(second)
			in.end(second)
		}
		return in.all()
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"1 a held", "1 b held", "end partial=false"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

// Four sandboxes that play the same cases at the same time are done within the time of one short case.
func TestSandboxesEndAtAboutTheSameTime(t *testing.T) {
	list, measured := []plan.Case{}, map[string]time.Duration{}
	for i := range 40 {
		c := plan.Case{ID: fmt.Sprintf("c%02d", i), BudgetMS: 60_000}
		list, measured[c.ID] = append(list, c), time.Duration(1+i*i)*time.Millisecond
	}
	var first, last time.Time
	_, err := played(t, Options{Cases: list, Measured: measured, Procs: 4}, func(_ context.Context, _ int, in *inside) error {
		for id := in.next(); id != ""; id = in.next() {
			in.start(id)
			time.Sleep(measured[id]) // of the bubble
			in.end(id)
		}
		if now := time.Now(); first.IsZero() {
			first, last = now, now
		} else {
			last = now
		}
		return in.leave()
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if spread := last.Sub(first); spread > 50*time.Millisecond {
		t.Errorf("the first sandbox ended %s before the last", spread)
	}
}

func TestASandboxWhoseControlFailsLeavesTheCasesToOthers(t *testing.T) {
	list := []plan.Case{{ID: "r1", Role: role.Runner}, {ID: "r2", Role: role.Runner}, {ID: "w1", Role: role.Worker}, {ID: "r3", Role: role.Runner}}
	for name, c := range map[string]struct {
		failing int // sandboxes
		want    string
	}{
		"of two one": {1, "[1 w1 2 r1 2 r2 2 r3]"},
		"both":       {2, "[1 w1 2 r1 2 r2 2 r3]"}, // the second knows that no other can
	} {
		t.Run(name, func(t *testing.T) {
			var played []string
			turn := make(chan bool) // the first sandbox is told whatever it is told before the second
			run := func(_ context.Context, n int, in *inside) error {
				if n == 2 {
					<-turn
				}
				if n <= c.failing {
					in.fail(role.Runner)
				}
				for id := in.next(); id != ""; id = in.next() {
					played = append(played, fmt.Sprint(n, " ", id))
					in.start(id)
					in.end(id)
				}
				if n == 1 {
					close(turn)
				}
				return in.leave()
			}
			var record bytes.Buffer
			err := Run(t.Context(), Options{
				Backend: &stageless{play: run}, Cases: list, Procs: 2,
				Journal: journal.NewWriter(&record, nil), Watch: func(journal.Event) {}, Limits: DefaultLimits(1),
			})
			if got := fmt.Sprint(played); err != nil || got != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}
