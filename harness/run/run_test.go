package run

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// script plays the worker of the n-th sandbox: it writes events until it returns, or until ctx, its life, ends.
type script func(ctx context.Context, n int, in *inside) error

// inside is what a worker has.
type inside struct {
	plan.Plan
	*journal.Writer
	raw   io.Writer // under the Writer
	input lines
	life  context.Context
	past  int // how many cases of its plan it has gone through
}

// lines is the rest of the standard input of a sandbox, which as a pipe takes what nobody reads yet.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// next asks for a case. It returns "" at the end of the input, too, with which the sandbox ends.
func (in *inside) next() string {
	in.ready()
	select {
	case line := <-in.input:
		return strings.TrimSuffix(line, "\n")
	case <-in.life.Done():
		return ""
	}
}

func (in *inside) ready() { in.Write(journal.Event{Ready: &journal.Ready{}}) }

// begin begins the next case, if there is one.
func (in *inside) begin() string {
	id := in.next()
	if id != "" {
		in.start(id)
	}
	return id
}

// start begins a case. As the worker, it goes through its plan in one direction only.
func (in *inside) start(id string) {
	at := slices.Index(plan.IDs(in.Cases)[in.past:], id)
	if at < 0 {
		panic("told " + id + ", which does not come in the plan after what it was told before")
	}
	in.past += at + 1
	in.Write(journal.Event{Case: id, Attempt: in.Attempt, CaseStart: &journal.CaseStart{BudgetMS: 1000}})
}

// hold plays the next case, if there is one.
func (in *inside) hold() bool {
	id := in.begin()
	if id != "" {
		in.end(id)
	}
	return id != ""
}

func (in *inside) end(id string) {
	in.Write(journal.Event{Case: id, Attempt: in.Attempt, CaseEnd: &journal.CaseEnd{Outcome: journal.Held}})
}

// fail says that the control of the role failed.
func (in *inside) fail(r role.Role) {
	in.Write(journal.Event{Control: &journal.Control{Role: r, Observation: journal.Observation{Outcome: journal.CouldNotRun}}})
}

func (in *inside) leave() error {
	in.Write(journal.Event{SandboxEnd: &journal.SandboxEnd{}})
	return nil
}

// all plays cases until there are no more.
func (in *inside) all() error {
	for in.hold() {
	}
	return in.leave()
}

// stageless is a backend whose sandboxes are goroutines.
type stageless struct {
	play script
	says string // its diagnostics
	mu   sync.Mutex
	n    int
}

func (*stageless) Name() string                                    { return "test" }
func (*stageless) Prepare(context.Context, sandbox.Progress) error { return nil }
func (*stageless) Environment() map[string]string {
	return map[string]string{"image": "sha256:1", "kernel": "outside"}
}
func (*stageless) Close() error { return nil }

func (s *stageless) Start(_ context.Context, line []byte) (sandbox.Process, error) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	var p plan.Plan
	if err := json.Unmarshal(line, &p); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	events, out := io.Pipe()
	f := &fake{events: events, input: make(lines, 100), says: s.says, end: end, result: make(chan error, 1)}
	go func() {
		err := s.play(life, n, &inside{p, journal.NewWriter(out, nil), out, f.input, life, 0})
		if err == nil && life.Err() != nil {
			err = errors.New("signal: killed")
		}
		f.result <- err
		out.Close()
	}()
	return f, nil
}

type fake struct {
	events io.Reader
	input  lines
	says   string
	end    func()
	result chan error
}

func (f *fake) Events() io.Reader   { return f.events }
func (f *fake) Input() io.Writer    { return f.input }
func (f *fake) Diagnostics() string { return cmp.Or(f.says, "first\nlast words") }
func (f *fake) End() error          { f.end(); return nil }
func (f *fake) Kill() error         { f.end(); return nil }
func (f *fake) Wait() error         { return <-f.result }

func cases(names ...string) []plan.Case {
	var list []plan.Case
	for _, name := range names {
		list = append(list, plan.Case{ID: name, BudgetMS: 1000})
	}
	return list
}

// played runs the script in a bubble and returns what stands in the journal, in short.
func played(t *testing.T, o Options, play script, interrupt time.Duration) (lines []string, err error) {
	t.Helper()
	var record bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		if interrupt > 0 {
			time.AfterFunc(interrupt, func() { cancel(errors.New("stop, said the user")) })
		}
		o.Backend, o.Journal, o.Limits = &stageless{play: play}, journal.NewWriter(&record, nil), DefaultLimits(1)
		o.Watch = func(journal.Event) {}
		err = Run(ctx, o)
	})
	events, readErr := journal.ReadAll(&record)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for _, e := range events {
		switch {
		case e.CaseEnd != nil:
			seen := e.CaseEnd
			lines = append(lines, fmt.Sprintf("%d %s %s", e.Sandbox, e.Case, seen.Outcome))
			if seen.Outcome == journal.HarnessError && !strings.Contains(seen.Says, e.Case) {
				t.Errorf("a harness error that does not name %s: %s", e.Case, seen.Says)
			}
		case e.SandboxLost != nil:
			lines = append(lines, fmt.Sprintf("%d lost", e.Sandbox))
		case e.Malformed != nil:
			lines = append(lines, fmt.Sprintf("%d malformed", e.Sandbox))
		case e.RunEnd != nil:
			lines = append(lines, fmt.Sprintf("end partial=%v", e.RunEnd.Partial))
		}
	}
	return lines, err
}

func TestRunGoesOnAfterASandbox(t *testing.T) {
	for _, c := range []struct {
		name string
		play script
		want []string
	}{
		{"that plays all", func(_ context.Context, _ int, in *inside) error {
			return in.all()
		}, []string{"1 a held", "1 b held", "1 c held", "end partial=false"}},
		{"that dies in a case", func(_ context.Context, n int, in *inside) error {
			if n == 1 {
				in.hold()
				in.begin()
				return errors.New("exit status 2")
			}
			return in.all()
		}, []string{"1 a held", "1 lost", "1 b harness-error", "2 c held", "end partial=false"}},
		{"that dies between two cases", func(_ context.Context, n int, in *inside) error {
			if n == 1 {
				in.hold()
				return errors.New("exit status 137")
			}
			return in.all()
		}, []string{"1 a held", "1 lost", "2 b held", "2 c held", "end partial=false"}},
		{"that hangs in a case", func(life context.Context, n int, in *inside) error {
			if n == 2 {
				in.begin()
				<-life.Done()
				return nil
			}
			in.hold()
			return in.leave()
		}, []string{"1 a held", "2 lost", "2 b harness-error", "3 c held", "end partial=false"}},
		{"that was left dirty", func(_ context.Context, _ int, in *inside) error {
			in.hold()
			return in.leave()
		}, []string{"1 a held", "2 b held", "3 c held", "end partial=false"}},
		{"that dies once before its first case", func(_ context.Context, n int, in *inside) error {
			if n == 1 {
				return errors.New("exit status 1")
			}
			return in.all()
		}, []string{"1 lost", "2 a held", "2 b held", "2 c held", "end partial=false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := played(t, Options{Cases: cases("a", "b", "c")}, c.play, 0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
		})
	}
}

// What a forger writes before it kills the worker looks like this.
func TestAnErrorAfterTheExitRecordIsNoCleanEnd(t *testing.T) {
	for name, play := range map[string]script{
		"an error": func(_ context.Context, _ int, in *inside) error {
			in.hold()
			in.leave()
			return errors.New("exit status 137")
		},
		"no end at all": func(life context.Context, _ int, in *inside) error {
			in.hold()
			in.leave()
			<-life.Done()
			return nil
		},
	} {
		got, err := played(t, Options{Cases: cases("a")}, play, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff([]string{"1 a held", "1 lost", "end partial=false"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestASandboxMayNotSpeakForTheRun(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a")}, func(_ context.Context, _ int, in *inside) error {
		for _, forged := range []journal.Event{
			{RunStart: journal.Start(journal.Identity{})}, {SandboxLost: &journal.SandboxLost{Why: "forged"}}, {RunEnd: &journal.RunEnd{Why: "forged"}},
		} {
			in.Write(forged)
		}
		in.hold()
		return in.leave()
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"1 malformed", "1 malformed", "1 malformed", "1 a held", "end partial=false"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

// What a sandbox writes that is no event, or more than one thing, is recorded as such and
// changes nothing: no case ends by it, and no journal of another schema begins.
func TestASandboxMayWriteWhatItLikes(t *testing.T) {
	lines := []string{
		`{"kind":"case-end","case":"a","case_end":null}`,
		`{"kind":"case-end","case":"a","step":{"who":"stage","text":"x"}}`,
		`{"kind":"case-end","case":"a","case_end":{"outcome":"held"},"sandbox_end":{}}`,
		`{"kind":"step","case":"a","case_end":{"outcome":"held"}}`,
		`{"kind":"case-end","case":"a","observation":{"outcome":"held"}}`,
		`{"kind":"run-start","identity":{"suite":"0"}}`,
		`{"kind":"run-start","run_start":{"schema":9}}`,
		`{"kind":"ready","ready":[]}`,
		`{"kind":"step","text":"` + strings.Repeat("x", 17<<20) + `"}`,
		"\x00\xff",
	}
	got, err := played(t, Options{Cases: cases("a")}, func(_ context.Context, _ int, in *inside) error {
		id := in.begin()
		for _, line := range lines {
			io.WriteString(in.raw, line+"\n")
		}
		in.end(id)
		return in.leave()
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Repeat([]string{"1 malformed"}, len(lines)), "1 a held", "end partial=false")
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestWithoutTheEngineACaseCouldNotRun(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a", "b")}, func(_ context.Context, n int, in *inside) error {
		if n == 1 {
			in.begin()
		}
		return fmt.Errorf("connection refused: %w", sandbox.ErrUnavailable)
	}, 0)
	if !errors.Is(err, ErrNoSandbox) {
		t.Errorf("got %v, want ErrNoSandbox", err)
	}
	if diff := gocmp.Diff([]string{"1 lost", "1 a could-not-run", "2 lost", "3 lost", "end partial=true"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestLastWordsAreThoseOfTheCase(t *testing.T) {
	record := &bytes.Buffer{}
	backend := &stageless{says: "[FAILED] of another case\n" + plan.Mark("a") + "panic: of this case\n", play: func(_ context.Context, _ int, in *inside) error {
		in.begin()
		return errors.New("exit status 7")
	}}
	if err := Run(t.Context(), Options{Backend: backend, Cases: cases("a"), Journal: journal.NewWriter(record, nil), Watch: func(journal.Event) {}, Limits: DefaultLimits(1)}); err != nil {
		t.Fatal(err)
	}
	events, err := journal.ReadAll(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.CaseEnd == nil {
			continue
		}
		want := journal.CaseEnd{Outcome: journal.HarnessError, Says: "worker died during a: exit status 7; sandbox-1.log has all that it said", Actual: "panic: of this case"}
		if diff := gocmp.Diff(want, *e.CaseEnd, cmpopts.IgnoreFields(want, "DurationMS")); diff != "" {
			t.Errorf("observation (-want +got):\n%s", diff)
		}
	}
}

func TestSandboxesThatBeginNothingEndTheRun(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a")}, func(context.Context, int, *inside) error {
		return errors.New("exit status 1")
	}, 0)
	if !errors.Is(err, ErrNoSandbox) || !strings.Contains(err.Error(), "last words") {
		t.Errorf("got %v, want ErrNoSandbox with diagnostics", err)
	}
	if diff := gocmp.Diff([]string{"1 lost", "2 lost", "end partial=true"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestSilentSandboxIsEnded(t *testing.T) {
	_, err := played(t, Options{Cases: cases("a")}, func(life context.Context, _ int, _ *inside) error {
		<-life.Done()
		return nil
	}, 0)
	if !errors.Is(err, ErrNoSandbox) || !strings.Contains(err.Error(), "nothing was heard") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptClosesTheJournal(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a", "b")}, func(life context.Context, _ int, in *inside) error {
		in.hold()
		in.begin()
		<-life.Done()
		return nil
	}, 200*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "stop, said the user") {
		t.Errorf("Run returned %v, want the cause of the interrupt", err)
	}
	if diff := gocmp.Diff([]string{"1 a held", "1 b could-not-run", "end partial=true"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestRepeatsAndProcsPlayEveryCaseEachTime(t *testing.T) {
	got, err := played(t, Options{Cases: cases("a", "b", "c", "d"), Procs: 3, Repeat: 2},
		func(_ context.Context, _ int, in *inside) error {
			return in.all()
		}, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, line := range got {
		if fields := strings.Fields(line); len(fields) == 3 {
			count[fields[1]]++
		}
	}
	if diff := gocmp.Diff(map[string]int{"a": 2, "b": 2, "c": 2, "d": 2}, count); diff != "" {
		t.Errorf("cases played (-want +got):\n%s", diff)
	}
}

func TestSandboxIsDescribedFromBothSides(t *testing.T) {
	var record bytes.Buffer
	backend := &stageless{play: func(_ context.Context, _ int, in *inside) error {
		in.Write(journal.Event{SandboxStart: &journal.SandboxStart{Environment: map[string]string{"kernel": "6", "sudo": "1.9"}}})
		in.hold()
		return in.leave()
	}}
	if err := Run(t.Context(), Options{Backend: backend, Cases: cases("a"), Journal: journal.NewWriter(&record, nil), Watch: func(journal.Event) {}, Limits: DefaultLimits(1)}); err != nil {
		t.Fatal(err)
	}
	events, err := journal.ReadAll(&record)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"image": "sha256:1", "kernel": "6", "sudo": "1.9"}
	if diff := gocmp.Diff(want, events[1].SandboxStart.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestUnwritableJournalEndsTheRun(t *testing.T) {
	out := journal.NewWriter(failing{}, nil)
	err := Run(t.Context(), Options{Backend: &stageless{}, Cases: cases("a"), Journal: out, Watch: func(journal.Event) {}, Limits: DefaultLimits(1)})
	if !errors.Is(err, ErrJournal) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }
