package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
)

// largeCase is a case of the index, of which large journals speak.
const largeCase = "IMP-001/runner/task-default-or-neither"

// lines writes events into a journal.
type lines struct {
	t   testing.TB
	out *bufio.Writer
}

func (l lines) raw(text string) { fmt.Fprintln(l.out, text) }

func (l lines) event(e journal.Event) {
	e.Time = time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)
	line, err := e.Marshal()
	if err != nil {
		l.t.Fatal(err)
	}
	l.out.Write(line)
}

func (l lines) start(planned ...string) {
	l.event(journal.Event{RunStart: journal.Start(journal.Identity{
		RunID: "large", Catalogue: "c", Implementation: "mine", Roles: []role.Role{role.Runner, role.Worker}, Sandbox: "namespace",
		Command: []string{"understudy", "run"}, Planned: planned,
	})})
}

func (l lines) play(id string, attempt int, outcome journal.Outcome) {
	l.event(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, CaseStart: &journal.CaseStart{}})
	l.event(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, Step: &journal.Step{Who: journal.Stage, Text: "acts"}})
	requirement, _, _ := strings.Cut(id, "/")
	l.event(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, Check: &journal.Check{
		Requirement: requirement, Clause: requirement, What: "seen", Held: outcome == journal.Held, Expected: "a", Actual: "b",
	}})
	l.event(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, CaseEnd: &journal.CaseEnd{Outcome: outcome}})
}

// names makes up n cases.
func names(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("IMP-001/runner/case-%06d-of-a-long-plan", i))
	}
	return list
}

// large are journals that grow with n, each in another respect. Size is the first of four sizes, the next is four times as large.
var large = []struct {
	name  string
	size  int
	write func(l lines, n int)
}{
	{"lines that are no events", 4000, func(l lines, n int) {
		l.start(largeCase)
		for range n {
			l.raw("{this is no event")
		}
	}},
	{"planned cases that never began", 1500, func(l lines, n int) {
		l.start(names(n)...)
		l.event(journal.Event{Sandbox: 1, SandboxStart: &journal.SandboxStart{}})
	}},
	{"cases that hold", 250, func(l lines, n int) {
		l.start(names(n)...)
		for _, id := range names(n) {
			l.play(id, 1, journal.Held)
		}
	}},
	{"cases that are violated", 250, func(l lines, n int) {
		l.start(names(n)...)
		for _, id := range names(n) {
			l.play(id, 1, journal.Violated)
		}
	}},
	{"cases that were not planned", 1000, func(l lines, n int) {
		l.start(largeCase)
		for _, id := range names(n) {
			l.play(id, 1, journal.Held)
		}
	}},
	{"attempts of one case", 500, func(l lines, n int) {
		l.start(largeCase)
		for attempt := range n {
			l.play(largeCase, attempt, journal.Held)
		}
	}},
	{"one case begun again and again", 1000, func(l lines, n int) {
		l.start(largeCase)
		for range n {
			l.play(largeCase, 1, journal.Held)
		}
	}},
	{"events of one case", 4000, func(l lines, n int) {
		l.start(largeCase)
		l.event(journal.Event{Sandbox: 1, Case: largeCase, CaseStart: &journal.CaseStart{}})
		for range n {
			l.event(journal.Event{Sandbox: 1, Case: largeCase, Step: &journal.Step{Who: journal.Stage, Text: "acts"}})
		}
	}},
	{"sandboxes", 1000, func(l lines, n int) {
		l.start(largeCase)
		for i := range n {
			l.event(journal.Event{Sandbox: i, SandboxStart: &journal.SandboxStart{}})
		}
		for i := range n {
			l.event(journal.Event{Sandbox: i, SandboxEnd: &journal.SandboxEnd{}})
		}
	}},
	{"sandboxes that were lost", 1000, func(l lines, n int) {
		l.start(largeCase)
		for i := range n {
			l.event(journal.Event{Sandbox: i, SandboxStart: &journal.SandboxStart{}})
		}
		for i := range n {
			l.event(journal.Event{Sandbox: i, SandboxLost: &journal.SandboxLost{}})
		}
	}},
	{"controls that failed, and cases that wait for them", 250, func(l lines, n int) {
		l.start(names(n)...)
		for range n {
			l.event(journal.Event{Control: &journal.Control{Role: "worker", Observation: journal.Observation{Outcome: journal.Violated, Says: "no"}}})
		}
	}},
	{"runs in one file", 1000, func(l lines, n int) {
		for range n {
			l.start(largeCase)
		}
	}},
}

// journalIn writes a journal into a new folder.
func journalIn(t testing.TB, write func(lines)) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, eventsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := lines{t, bufio.NewWriter(f)}
	write(l)
	if err := l.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// built builds the command as people have it, without what tests add to a program.
func built(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "understudy")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v: %s", err, out)
	}
	return path
}

// cost is what the command took to report on a folder.
type cost struct {
	cpu     time.Duration
	memory  int64 // octets, at the most
	written int64 // octets of all reports and of what was printed
	printed string
}

// measured runs a command, and its last line is what the command took: nanoseconds of CPU and octets of memory.
// It is a process of its own, since Linux counts the memory of a parent for that of a child that it starts.
func measured() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	memory := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "linux" {
		memory *= 1024
	}
	fmt.Println(int64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()), memory)
}

func report(t testing.TB, path, dir string) cost {
	t.Helper()
	out := t.TempDir()
	text, err := exec.Command("measured", path, "report", "--out", out, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var c cost
	printed, _ := strings.CutSuffix(string(text), "\n")
	at := strings.LastIndexByte(printed, '\n')
	if _, err := fmt.Sscan(printed[at+1:], &c.cpu, &c.memory); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	c.printed = printed[:at+1]
	c.written = int64(len(c.printed))
	for _, name := range []string{"index.html", "result.json", "junit.xml"} {
		info, err := os.Stat(filepath.Join(out, name))
		if err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		c.written += info.Size()
	}
	return c
}

// TestReportIsLinear holds that four times the journal takes at most five times the CPU, whatever grows
// in it. The least of several runs is compared, so that a busy machine only makes it take longer.
func TestReportIsLinear(t *testing.T) {
	path := built(t)
	for _, shape := range large {
		t.Run(shape.name, func(t *testing.T) {
			n := 4 * shape.size
			small, big := journalIn(t, func(l lines) { shape.write(l, n) }), journalIn(t, func(l lines) { shape.write(l, 4*n) })
			few, many := time.Hour, time.Hour
			for range 10 {
				few, many = min(few, report(t, path, small).cpu), min(many, report(t, path, big).cpu)
				if many <= 5*few {
					t.Logf("%d: %v, %d: %v", n, few, 4*n, many)
					return
				}
			}
			t.Errorf("%d take %v, four times as many %v", n, few, many)
		})
	}
}

// TestAHugeJournalTakesLittle holds the bounds of memory and output.
func TestAHugeJournalTakesLittle(t *testing.T) {
	path := built(t)
	for _, tc := range []struct {
		name  string
		write func(l lines)
		want  string
	}{
		{"300,000 planned cases that never began", func(l lines) {
			l.start(names(300_000)...)
			l.event(journal.Event{RunEnd: &journal.RunEnd{}})
		}, "300000 planned cases never began; only the first 1000 of them are listed"},
		{"300,000 planned cases of a run that was killed", func(l lines) { l.start(names(300_000)...) }, "only the first 1000 of them are listed"},
		{"500,000 lines that are no events", func(l lines) {
			l.start(largeCase)
			for range 500_000 {
				l.raw("{this is no event, and it was meant to be one")
			}
		}, "and 499990 more like this: line 11 of the journal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := report(t, path, journalIn(t, tc.write))
			t.Logf("%v, %d MB of memory, %d kB written", c.cpu, c.memory>>20, c.written>>10)
			if c.memory > 200<<20 || c.written > 10<<20 || !strings.Contains(c.printed, tc.want) {
				t.Errorf("%d MB of memory, %d octets written, and printed: %s", c.memory>>20, c.written, c.printed)
			}
		})
	}
}

// BenchmarkReport is the CPU and memory of the command at four sizes of journals that grow in different respects.
func BenchmarkReport(b *testing.B) {
	path := built(b)
	for _, shape := range large {
		for _, n := range []int{shape.size, 4 * shape.size, 16 * shape.size, 64 * shape.size} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(shape.name, " ", "-"), n), func(b *testing.B) {
				dir := journalIn(b, func(l lines) { shape.write(l, n) })
				var cpu time.Duration
				var memory int64
				for b.Loop() {
					c := report(b, path, dir)
					cpu, memory = cpu+c.cpu, max(memory, c.memory)
				}
				b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(memory>>20), "MB")
			})
		}
	}
}
