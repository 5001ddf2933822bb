package console_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/console"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
	"github.com/understudy-conformance/understudy/reports/internal/golden"
)

func play(t *testing.T, screen console.Screen, profile catalogue.Profile) (string, int) {
	t.Helper()
	c := demo.Catalogue()
	var out bytes.Buffer
	at := demo.Now
	con := console.New(&out, screen, func() time.Time { at = at.Add(10 * time.Millisecond); return at })
	live := verdict.Follow(c, demo.Index(), demo.Known())
	for _, e := range demo.Events() {
		con.Show(live.See(e))
	}
	exit := con.Finish(demo.Model(), profile, "report/index.html")
	return out.String(), exit
}

func TestWithoutATerminalEachCaseIsALine(t *testing.T) {
	out, exit := play(t, console.Screen{Width: 80}, verdict.Any)
	golden.Equal(t, "lines.txt", out)
	if exit != verdict.ExitHarness {
		t.Errorf("exit is %d", exit)
	}
}

func TestOnATerminalTheAreasFillUp(t *testing.T) {
	out, _ := play(t, console.Screen{Width: 100, Terminal: true, Color: true}, verdict.Any)
	golden.Equal(t, "terminal.txt", strings.ReplaceAll(out, "\x1b", "␛"))
}

func TestTheScreenAfterTheLastEventShowsEveryAreaOnce(t *testing.T) {
	out, _ := play(t, console.Screen{Width: 100, Terminal: true}, verdict.Any)
	text := settled(out)
	for _, title := range []string{"wire", "messages", "life cycle", "impersonation", "security", "bundles"} {
		if n := strings.Count(text, "\n  "+title+" "); n != 1 {
			t.Errorf("%s is on the screen %d times:\n%s", title, n, text)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "  impersonation") && len([]rune(line)) > 99 {
			t.Errorf("line %d is wider than the screen: %q", i, line)
		}
	}
}

// settled applies the cursor movements: up n lines, and clear to the end.
func settled(out string) string {
	lines := []string{""}
	for i := 0; i < len(out); i++ {
		var up int
		if n, _ := fmt.Sscanf(out[i:], "\x1b[%dA\r\x1b[J", &up); n == 1 {
			lines = lines[:len(lines)-1-up]
			lines = append(lines, "")
			i += len(fmt.Sprintf("\x1b[%dA\r\x1b[J", up)) - 1
			continue
		}
		if out[i] == '\n' {
			lines = append(lines, "")
			continue
		}
		lines[len(lines)-1] += string(out[i])
	}
	return "\n" + strings.Join(lines, "\n")
}

func TestNothingHostileReachesTheTerminal(t *testing.T) {
	for _, screen := range []console.Screen{{Width: 80}, {Width: 80, Terminal: true}} {
		out, _ := play(t, screen, verdict.Any)
		for _, bad := range []string{"\x1b[31mred", "\u202e", "\u2066", "\u200b", "\xff", "\a"} {
			if strings.Contains(out, bad) {
				t.Errorf("%+v: the output holds %q", screen, bad)
			}
		}
		if !screen.Terminal && strings.Contains(out, "\x1b") {
			t.Error("an escape without a terminal")
		}
	}
}

func TestColourStaysWithinItsLine(t *testing.T) {
	out, _ := play(t, console.Screen{Width: 80, Terminal: true, Color: true}, verdict.Any)
	for line := range strings.SplitSeq(out, "\n") {
		if at := strings.LastIndex(line, "\x1b[3"); at >= 0 && !strings.Contains(line[at:], "\x1b[0m") && !strings.Contains(line[at:], "\x1b[m") {
			t.Errorf("colour is not ended in %q", line)
		}
	}
}

func TestTheLastLineIsTheAnswer(t *testing.T) {
	for profile, want := range map[catalogue.Profile]string{
		verdict.Any:        "Harness error · upstream: ",
		catalogue.Hardened: "Does not conform, and incomplete · hardened: 1 of ",
	} {
		out, exit := play(t, console.Screen{Width: 80}, profile)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		last := lines[len(lines)-1]
		if !strings.HasPrefix(last, want) || !strings.HasSuffix(last, fmt.Sprintf(" · report/index.html · exit %d", exit)) {
			t.Errorf("the last line is %q, want it to begin with %q", last, want)
		}
	}
}

func TestEventsOutOfOrderDoNotHarm(t *testing.T) {
	c := demo.Catalogue()
	events := demo.Events()
	for _, screen := range []console.Screen{{Width: 80}, {Width: 10, Terminal: true, Color: true}} {
		var out bytes.Buffer
		con, live := console.New(&out, screen, time.Now), verdict.Follow(c, demo.Index(), nil)
		for i := range events {
			con.Show(live.See(events[len(events)-1-i]))
			con.Show(live.See(journal.Event{}))
		}
		con.Finish(verdict.Build(c, demo.Index(), verdict.Collate(slices.Values[[]journal.Event](nil)), nil, demo.Now), verdict.Any, "")
		if !strings.Contains(out.String(), "exit 3") {
			t.Errorf("no answer:\n%s", out.String())
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := console.Detect(f, func(string) string { return "" })
	if got != (console.Screen{Width: 80}) {
		t.Errorf("a file is %+v", got)
	}
}

func TestCasesThatCouldNotRunForOneReasonAreToldOnce(t *testing.T) {
	var m verdict.Model
	for i := range 60 {
		m.Cases = append(m.Cases, verdict.Case{
			Case: plan.Case{ID: fmt.Sprintf("IMP-%03d/runner/x", i)}, Verdict: verdict.CouldNotRun,
			Observation: journal.Observation{Outcome: journal.CouldNotRun, Says: cmp.Or(map[int]string{57: "no sudo", 58: "no sudo", 59: "no git"}[i], "interrupted")},
		})
	}
	var out bytes.Buffer
	console.New(&out, console.Screen{}, time.Now).Finish(m, verdict.Any, "")
	for _, want := range []string{"IMP-000/runner/x: interrupted", "and 56 other cases that could not run: interrupted", "and 1 other case that could not run: no sudo", "IMP-059/runner/x: no git"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, &out)
		}
	}
	if n := strings.Count(out.String(), "interrupted"); n != 2 {
		t.Errorf("the reason is told %d times:\n%s", n, &out)
	}
}

func TestAStaleEntryStandsAboveWhatWasSeen(t *testing.T) {
	var out bytes.Buffer
	console.New(&out, console.Screen{}, time.Now).Finish(verdict.Model{Problems: []verdict.Problem{
		{Kind: verdict.Stale, Text: "does not fit", Pattern: `^pid \d+$`, Seen: "a/b/c (violated)\nprocess 7"},
	}}, verdict.Any, "")
	want := "stale-entry  does not fit\n    pattern    ^pid \\d+$\n    seen       a/b/c (violated)\n               process 7\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("lacks\n%s\n%s", want, &out)
	}
}
