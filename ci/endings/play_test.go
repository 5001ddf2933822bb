//go:build endings

package endings

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/result"
)

const (
	events = "events.jsonl"
	filter = "IMP-004/runner,IMP-006/runner,MSG-011/runner" // a few cases of some length
	often  = 20                                             // runs to hit a moment: what they hit instead is judged as that
)

var reportFiles = []string{reports.HTML, reports.JSON, reports.JUnit}

// site is what all rounds share: the commands, the kind of sandbox, and the folder of an earlier run that conforms.
type site struct {
	bin, earlier string
	sandbox      string
	env          []string // beyond that of the test
	cases        int
	old          map[string][]byte
}

func build(t *testing.T) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for namespace sandboxes")
	}
	s := &site{bin: t.TempDir(), earlier: filepath.Join(t.TempDir(), "earlier"), sandbox: "namespace", old: map[string][]byte{}}
	make := exec.Command("go", "build", "-o", s.bin+"/", "../../cmd/...")
	make.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("build the commands: %v\n%s", err, out)
	}
	if out, err := exec.Command(s.command(), s.arguments(s.earlier)...).CombinedOutput(); err != nil {
		t.Fatalf("the run that nothing happens to: %v\n%s", err, out)
	}
	for _, name := range append(slices.Clone(reportFiles), events) {
		text, err := os.ReadFile(filepath.Join(s.earlier, name))
		if err != nil {
			t.Fatal(err)
		}
		s.old[name] = text
	}
	s.cases = strings.Count(string(s.old[events]), `{"kind":"case-start"`)
	if s.cases < 3 {
		t.Fatalf("%d cases, too few to come between", s.cases)
	}
	return s
}

func (s *site) command() string { return filepath.Join(s.bin, "understudy") }

func (s *site) arguments(out string) []string {
	return []string{"run", "--sandbox", s.sandbox, "--implementation", manifest, "--procs", "1", "--filter", filter, "--out", out}
}

// read returns the events of the run in the folder, none while the journal is absent.
func (s *site) read(dir string) []journal.Event {
	text, err := os.ReadFile(filepath.Join(dir, events))
	if err != nil || bytes.HasPrefix(s.old[events], text[:min(len(text), 1000)]) { // the earlier one, or a part of it
		return nil
	}
	all, _ := journal.ReadAll(bytes.NewReader(text)) // bytes in memory: no error
	return all
}

// count says how many of the events are of the kind.
func count(all []journal.Event, is func(journal.Event) bool) (n int) {
	for _, e := range all {
		if is(e) {
			n++
		}
	}
	return n
}

func caseStart(e journal.Event) bool  { return e.CaseStart != nil }
func caseEnd(e journal.Event) bool    { return e.CaseEnd != nil }
func sandboxEnd(e journal.Event) bool { return e.SandboxEnd != nil }
func runEnd(e journal.Event) bool     { return e.RunEnd != nil }

// rounds is how often each row is played.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("UNDERSTUDY_SERIES")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("UNDERSTUDY_SERIES: %v", err)
	}
	return n
}

func TestWhoDiedWhen(t *testing.T) {
	s := build(t)
	accounts, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("rows", func(t *testing.T) {
		for _, row := range Table {
			if row.Shown != "" || row.Who == Engine { // see TestTheEngineEnds
				continue
			}
			for _, when := range row.When {
				for _, deed := range deeds(row.Who) {
					t.Run(deed.name+"/"+when, func(t *testing.T) {
						t.Parallel()
						for range rounds(t) {
							s.play(t, row, when, deed)
						}
					})
				}
			}
		}
	})
	if now, err := os.ReadFile("/etc/passwd"); err != nil || !bytes.Equal(accounts, now) {
		t.Errorf("the accounts of this machine have changed (%v)", err)
	}
}

// deed is what happens to a run. It says whether it could be done.
type deed struct {
	name string
	do   func(*round) bool
}

func deeds(who string) []deed {
	signal := func(name string, signal syscall.Signal) deed {
		return deed{name, func(r *round) bool { return r.cmd.Process.Signal(signal) == nil }}
	}
	kill := func(name string, find func(*round) int) deed {
		return deed{name, func(r *round) bool { pid := find(r); return pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil }}
	}
	switch who {
	case Nobody:
		return []deed{{"nobody", func(*round) bool { return true }}}
	case Outer:
		return []deed{signal("SIGKILL", syscall.SIGKILL)}
	case Signal:
		return []deed{signal("SIGINT", syscall.SIGINT), signal("SIGTERM", syscall.SIGTERM), signal("SIGHUP", syscall.SIGHUP)}
	case Reader:
		return []deed{{"reader", func(r *round) bool { return r.output.Close() == nil }}}
	case Room:
		return []deed{{"room", (*round).fill}}
	case Init:
		return []deed{kill("init", (*round).initOf)}
	case Worker:
		return []deed{kill("worker", (*round).workerOf)}
	case Task:
		return []deed{kill("task", (*round).taskOf)}
	}
	panic("nobody plays " + who)
}

// play plays a row until its moment was hit. Each run is judged by the row of the moment
// at which it was hit: that between two cases of one sandbox is too short to be sure of,
// and TestRunGoesOnAfterASandbox in harness/run has it in any case.
func (s *site) play(t *testing.T, row Row, when string, deed deed) {
	t.Helper()
	for range often {
		r := s.start(t, row, when)
		r.watch(when, deed)
		hit := r.hit(row.Who, when)
		t.Logf("%s %s, meant %s", deed.name, hit, when)
		for _, other := range Table {
			if other.Who == row.Who && other.Shown == "" && slices.Contains(other.When, hit) {
				r.judge(other)
			}
		}
		r.leavesNothing()
		if t.Failed() || hit == when || when == Between && hit != missed {
			return
		}
	}
	t.Errorf("the moment was not hit in %d runs", often)
}

// missed stands for a moment that was over before the deed was done.
const missed = "too late"

// round is one run.
type round struct {
	*site
	t      *testing.T
	dir    string // its folder; where the disk is to be full, by its descriptor
	tmp    string
	cmd    *exec.Cmd
	output *os.File // its standard output, this end
	ended  chan struct{}
	exit   int
	done   bool           // the deed
	seen   map[int]string // start times of the processes that descended from it
	spaces map[string]bool
}

func (s *site) start(t *testing.T, row Row, when string) *round {
	t.Helper()
	r := &round{site: s, t: t, dir: filepath.Join(t.TempDir(), "out"), tmp: t.TempDir(), ended: make(chan struct{}), seen: map[int]string{}, spaces: map[string]bool{}}
	// On a disk of its own, in a mount namespace of its own, where it is to be full.
	script := `cp -a "$EARLIER" "$OUT"`
	if row.Who == Room {
		script = `mkdir "$OUT" && mount -t tmpfs -o size=4m,mode=755 none "$OUT" && cp -a "$EARLIER/." "$OUT"`
		if when == AtStart {
			script += ` && { head -c 8m /dev/zero >"$OUT/hog" 2>/dev/null || true; }`
		}
	}
	r.cmd = exec.Command("sh", append([]string{"-c", script + ` && exec "$@"`, "sh", s.command()}, s.arguments(r.dir)...)...)
	r.cmd.Env = append(append(os.Environ(), "EARLIER="+s.earlier, "OUT="+r.dir, "TMPDIR="+r.tmp), s.env...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if row.Who == Room {
		r.cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.output, r.cmd.Stdout, r.cmd.Stderr = output, theirs, io.Discard
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	go func() {
		_ = r.cmd.Wait() // the state says it
		close(r.ended)
	}()
	if row.Who != Reader {
		go io.Copy(io.Discard, output)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.ended
		output.Close()
	})
	if row.Who == Room {
		r.enter()
	}
	return r
}

// enter holds the disk of the run, which outlives it so.
func (r *round) enter() {
	inside := fmt.Sprintf("/proc/%d/root%s", r.cmd.Process.Pid, r.dir)
	for !r.over() {
		dir, err := os.Open(inside)
		if err != nil {
			continue
		}
		var stat unix.Statfs_t
		if err := unix.Fstatfs(int(dir.Fd()), &stat); err == nil && stat.Type == unix.TMPFS_MAGIC {
			if _, err := os.Stat(filepath.Join(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), events)); err == nil {
				r.t.Cleanup(func() { dir.Close() })
				r.dir = fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
				return
			}
		}
		dir.Close()
	}
	r.t.Fatal("the run ended before its disk was seen")
}

func (r *round) over() bool {
	select {
	case <-r.ended:
		return true
	case <-time.After(time.Millisecond): // between two looks
		return false
	}
}

// watch does the deed at its moment, and looks at files and processes until the run has ended.
func (r *round) watch(when string, deed deed) {
	now, looked := moment(when, r.cases), time.Time{}
	for !r.over() {
		all := r.read(r.dir)
		if len(all) > 0 { // a younger journal: no report may be older
			for _, name := range reportFiles {
				if text, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil && bytes.Equal(text, r.old[name]) {
					r.t.Errorf("%s of the earlier run stands beside a younger journal", name)
				}
			}
		}
		if time.Since(looked) > 20*time.Millisecond {
			looked = time.Now()
			r.descendants()
		}
		if !r.done && now(all) {
			r.done = deed.do(r)
		}
	}
	r.descendants()
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if r.exit = status.ExitStatus(); status.Signaled() {
		r.exit = Killed
	}
}

// moment recognises it in a journal; where there are several, one is drawn.
func moment(when string, cases int) func([]journal.Event) bool {
	kase, more := rand.IntN(cases), rand.IntN(8)
	if when == Between {
		kase = rand.IntN(cases - 1)
	}
	return func(all []journal.Event) bool {
		starts, ends := count(all, caseStart), count(all, caseEnd)
		switch when {
		case AtStart, Ever:
			return true
		case Before:
			return starts == 0 && len(all) > more%3
		case In:
			last := len(all)
			for last > 0 && all[last-1].CaseStart == nil {
				last--
			}
			return starts > kase && ends == starts-1 && len(all)-last >= more
		case Between:
			return ends > kase && ends < cases
		case Left:
			return count(all, sandboxEnd) > 0
		case Writing:
			return count(all, runEnd) > 0
		}
		panic("no moment " + when)
	}
}

// fill takes all the room that is left.
func (r *round) fill() bool {
	hog, err := os.Create(filepath.Join(r.dir, "hog"))
	if errors.Is(err, syscall.ENOSPC) {
		return true
	}
	if err != nil {
		return false
	}
	defer hog.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = hog.Write(make([]byte, size))
		}
	}
	return errors.Is(err, syscall.ENOSPC)
}

// hit says at which moment the deed was done, as far as anything tells: the journal is
// behind, and the run may have gone on until then.
func (r *round) hit(who, when string) string {
	all := r.read(r.dir)
	late := slices.ContainsFunc(all, func(e journal.Event) bool { return e.RunEnd != nil && !e.RunEnd.Partial })
	switch {
	case !r.done && when != AtStart:
		return missed
	case slices.Contains([]string{Outer, Signal, Room}, who) && slices.Contains([]string{Before, In, Between}, when):
		if late {
			return missed
		}
		return when
	case who != Init && who != Worker:
		return when
	}
	lost := slices.IndexFunc(all, func(e journal.Event) bool { return e.SandboxLost != nil })
	if lost < 0 {
		return missed
	}
	starts, ends := count(all[:lost], caseStart), count(all[:lost], caseEnd)
	switch {
	case count(all[:lost], sandboxEnd) > 0:
		return Left
	case starts > ends:
		return In
	case starts == 0:
		return Before
	}
	return Between
}

// judge compares what is left with the row, and its parts with each other.
func (r *round) judge(row Row) {
	t := r.t
	left := filepath.Join(t.TempDir(), "left") // the disk may be full
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Clone(reportFiles), events) {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatalf("%s is missing: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(left, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := r.read(left)
	files := r.files(left, len(all) == 0)
	closed := count(all, runEnd) > 0
	later := r.later(left)

	t.Logf("exit %d, files %s, later %d, run-end %v", r.exit, files, later, closed)
	if !slices.Contains(row.Exit, r.exit) {
		t.Errorf("exit code %d, want %v", r.exit, row.Exit)
	}
	for _, f := range files {
		if !slices.Contains(row.Files, f) {
			t.Errorf("files are %s, want %v", f, row.Files)
		}
	}
	if !slices.Contains(row.Later, later) {
		t.Errorf("report says %d later, want %v", later, row.Later)
	}
	if !closed && len(all) > 0 && later != 3 {
		t.Errorf("report says %d later of a journal without its end", later)
	}
	if r.exit == 0 && (slices.Contains(files, Unfinished) || later != 0) {
		t.Errorf("exit code 0, files are %v, and %d later", files, later)
	}
	if row.Who == Nobody || row.Who == Init || row.Who == Worker {
		if got := count(all, caseEnd); got != r.cases {
			t.Errorf("%d cases ended, want all %d", got, r.cases)
		}
	}
}

// files says what each of the reports is. They agree with each other unless the command was killed between two.
func (r *round) files(dir string, old bool) []Files {
	t := r.t
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	found, err := result.Read(strings.NewReader(read(reports.JSON)))
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal([]byte(read(reports.JUnit)), &suites); err != nil {
		t.Fatal(err)
	}
	html := read(reports.HTML)
	title, _, _ := strings.Cut(html, "</title>")
	kinds := []Files{Own, Own, Own}
	for i, unfinished := range []bool{strings.Contains(title, "Unfinished"), found.Profiles[0].Headline == "Unfinished", suites.Errors == 1 && strings.Contains(read(reports.JUnit), "unfinished: the run goes on, or was killed")} {
		name := reportFiles[i]
		switch {
		case read(name) == string(r.old[name]):
			kinds[i] = Earlier
		case unfinished:
			kinds[i] = Unfinished
		}
	}
	if slices.Contains(kinds, Earlier) != old || r.exit != Killed && slices.Contains(kinds[1:], kinds[0]) && len(slices.Compact(slices.Clone(kinds))) > 1 {
		t.Errorf("index.html, result.json and junit.xml are %q, and the journal is old: %v", kinds, old)
	}
	if kinds[1] == Own && r.exit != Killed && found.Exit != r.exit {
		t.Errorf("exit code %d, and result.json says %d", r.exit, found.Exit)
	}
	if kinds[1] == Unfinished && found.Exit != 3 {
		t.Errorf("result.json is unfinished and says %d", found.Exit)
	}
	if green := suites.Errors+suites.Failures == 0; kinds[1] == kinds[2] && green != (found.Exit == 0) {
		t.Errorf("junit.xml has %d errors and %d failures, and result.json says %d", suites.Errors, suites.Failures, found.Exit)
	}
	if green := strings.Contains(title, "Holds") || strings.Contains(title, "Conforms"); kinds[0] == kinds[1] && green != (found.Exit == 0) {
		t.Errorf("index.html is titled %q, and result.json says %d", title, found.Exit)
	}
	if !old && found.Identity.RunID == "" {
		t.Error("result.json does not say of which run it is")
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func (r *round) later(dir string) int {
	out, err := exec.Command(r.command(), "report", dir).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatalf("report: %v\n%s", err, out)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}
