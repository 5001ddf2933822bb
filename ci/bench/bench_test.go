package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{7}, Spread{7, 7, 7, 7, 7}},
		{[]float64{5, 1, 3, 2, 4}, Spread{1, 2, 3, 4, 5}},
		{[]float64{4, 1, 3, 2}, Spread{1, 1.75, 2.5, 3.25, 4}},
	} {
		if diff := cmp.Diff(c.want, spreadOf(c.values)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.values, diff)
		}
	}
	if err := writeJSON(&bytes.Buffer{}, spreadOf(nil)); err == nil {
		t.Error("a spread of nothing was written")
	}
}

func constant(took time.Duration) side {
	return func(context.Context) (sample, error) { return sample{took: took}, nil }
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		goal           Goal
		subject, floor time.Duration
		value          float64
		met            bool
	}{
		{Goal{AtMost: 1.5}, 3, 2, 1.5, true},
		{Goal{AtMost: 1.5}, 4, 2, 2, false},
		{Goal{AtLeast: 0.6}, 2, 1, 0.5, false}, // half the speed
		{Goal{AtLeast: 100}, 1, 250, 250, true},
	} {
		pairs, err := interleaved(t.Context(), 3, 1, constant(c.subject*time.Second), constant(c.floor*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		l := judged(Line{Goal: c.goal}, pairs)
		if l.Value.Median != c.value || l.Met != c.met || l.Pairs != 3 || l.Times.Subject.Max != inMilliseconds(c.subject*time.Second) {
			t.Errorf("%v: %v of %v: %+v", c.goal, c.subject, c.floor, l)
		}
	}
}

func TestPairsTakeTurnsAndWarmUpsDoNotCount(t *testing.T) {
	var order strings.Builder
	calls := 0
	pairs, err := interleaved(t.Context(), 2, 1, func(context.Context) (sample, error) {
		order.WriteByte('s')
		calls++
		return sample{took: time.Duration(calls), timeline: []span{{"all of it", time.Duration(calls)}}}, nil
	}, func(context.Context) (sample, error) {
		order.WriteByte('f')
		return sample{took: 1}, nil
	})
	if err != nil || order.String() != "sffssf" || len(pairs) != 2 || pairs[0].subject.took != 2 || pairs[1].subject.took != 3 {
		t.Errorf("order %s, pairs %v, error %v", &order, pairs, err)
	}
	if got := phases(pairs); len(got) != 1 || got[0].Name != "all of it" || got[0].Time.Min != inMilliseconds(2) {
		t.Errorf("phases %v", got)
	}
}

func TestAFailureIsNoMeasurement(t *testing.T) {
	broken := errors.New("broken")
	fails := func(context.Context) (sample, error) { return sample{}, broken }
	if _, err := interleaved(t.Context(), 1, 0, constant(1), fails); !errors.Is(err, broken) || !strings.Contains(err.Error(), "floor") {
		t.Errorf("floor fails: %v", err)
	}
	if _, err := interleaved(t.Context(), 1, 0, fails, constant(1)); !errors.Is(err, broken) || !strings.Contains(err.Error(), "subject") {
		t.Errorf("subject fails: %v", err)
	}
	if _, err := interleaved(t.Context(), 1, 0, constant(0), constant(1)); err == nil {
		t.Error("no time at all was taken for a measurement")
	}
}

// reports makes a task that told the API these states, in order.
func reports(t *testing.T, states ...string) *trial {
	t.Helper()
	s := &site{api: &api{trials: map[string]*trial{}}}
	trial := s.newTrial(account{"somebody", os.Getuid(), os.Getgid()})
	id := trial.instance.ID
	trial.world.Begin(id, world.Start{Hostname: "h", Unixname: "airflow", PID: os.Getpid()})
	trial.world.Beat(id, world.Heartbeat{Hostname: "h", PID: os.Getpid()}, nil)
	for _, state := range states {
		trial.look()
		trial.world.Report(id, world.Report{State: state}, nil, spoken.Operation{})
	}
	return trial
}

func TestATaskHasToBeProved(t *testing.T) {
	if err := reports(t, "success").proved(); err != nil {
		t.Errorf("success: %v", err)
	}
	other := reports(t)
	other.user.uid++
	other.look()
	other.world.Report(other.instance.ID, world.Report{State: "success"}, nil, spoken.Operation{})
	for name, c := range map[string]struct {
		task *trial
		says string
	}{
		"failed":       {reports(t, "failed"), "failed"},
		"no state":     {reports(t), "running"},
		"two states":   {reports(t, "success", "success"), "2 states"},
		"another user": {other, "no process of the task was somebody"},
	} {
		if err := c.task.proved(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimelineIsCutAtTheRequests(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	task := &trial{}
	task.mark("run", at(3), at(4))
	task.mark("heartbeat", at(5), at(6))
	task.mark("state", at(10), at(12))
	var took []int
	total := time.Duration(0)
	for _, span := range task.timeline(at(0), at(20)) {
		took = append(took, int(span.took.Milliseconds()))
		total += span.took
	}
	if !slices.Equal(took, []int{3, 1, 6, 2, 8}) || total != 20*time.Millisecond {
		t.Errorf("spans %v, together %v", took, total)
	}
}

// The whole crowd has to be at the gate before anybody goes on.
func TestGateHoldsTheLastRequest(t *testing.T) {
	s := &site{api: &api{trials: map[string]*trial{}}}
	tasks := []*trial{s.newTrial(account{"a", 1, 1}), s.newTrial(account{"b", 2, 2})}
	server := httptest.NewServer(s.api)
	defer server.Close()
	gate := s.api.hold()
	answers := make(chan int, len(tasks))
	for _, task := range tasks {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL+"/execution/task-instances/"+task.instance.ID+"/state", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+task.instance.Refreshed)
		go func() {
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				answers <- 0
				return
			}
			response.Body.Close()
			answers <- response.StatusCode
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	if err := gate.wait(ctx, len(tasks)); err != nil {
		t.Fatal(err)
	}
	if len(answers) > 0 {
		t.Errorf("answered %d before the gate opened", <-answers)
	}
	s.api.release(gate)
	for range tasks {
		if code := <-answers; code != http.StatusUnprocessableEntity { // a state without fields
			t.Errorf("answered %d", code)
		}
	}
	if s.api.forget(tasks[0]); len(s.api.trials) != 2 {
		t.Errorf("%d tokens are known", len(s.api.trials))
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args  string
		lines []string // nil: an error
	}{
		{"", allLines()},
		{"--only airflow,run --pairs 5", []string{"run", "airflow"}},
		{"--only walk", nil},
		{"--pairs 0", nil},
		{"run", nil},
		{"--fast", nil},
	} {
		o, err := parse(strings.Fields(c.args))
		if (err == nil) != (c.lines != nil) || err == nil && !slices.Equal(o.lines, c.lines) {
			t.Errorf("%q: %v, %v", c.args, o.lines, err)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--only", "walk"}, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), "the lines are run") {
		t.Errorf("exit %d, %s", code, &stderr)
	}
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), strings.Join(allLines(), ", ")) {
		t.Errorf("exit %d, %s", code, &stdout)
	}
	for _, name := range allLines() {
		if measures[name] == nil {
			t.Errorf("nothing measures %s", name)
		}
	}
}

func TestMarkdownShowsWhatWasMissedAndWhere(t *testing.T) {
	met := Line{Name: "quick", Subject: "a", Floor: "b", Goal: Goal{AtMost: 2}, Unit: "x", Pairs: 3, Value: Spread{1, 1.2, 1.5, 1.7, 123.4}, Met: true,
		Times: &Times{Subject: Spread{Median: 3}, Floor: Spread{Median: 2}}}
	missed := Line{Name: "slow", Subject: "c", Goal: Goal{AtLeast: 0.6}, Unit: "x", Pairs: 1, Value: Spread{.5, .5, .5, .5, .5},
		Phases: []Phase{{"waiting", Spread{1, 2, 3, 4, 50}}}, Facts: []Fact{{"seen", "much"}}}
	results := Results{Lines: []Line{met, missed}}
	if got := results.Missed(); len(got) != 1 || got[0].Name != "slow" {
		t.Errorf("missed %v", got)
	}
	var text bytes.Buffer
	if err := writeMarkdown(&text, results); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| quick | <= 2 x | **1.50** | 1.20 to 1.70 | 1.00 to 123 | 3 | 3.00 ms | 2.00 ms | met |",
		"| slow | >= 0.6 x | **0.50** | 0.50 to 0.50 | 0.50 to 0.50 | 1 |  |  | **missed** |",
		"| waiting | 3.00 | 2.00 to 4.00 | 50.0 |",
		"* seen: much",
	} {
		if !strings.Contains(text.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, &text)
		}
	}
}

func TestProfilesGoIntoFilesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	r := Results{Lines: []Line{{Profile: map[string][]byte{"a.pprof": []byte("x")}}}}
	if err := saveProfiles(dir, &r); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(dir + "/a.pprof"); err != nil || string(text) != "x" || r.Lines[0].Profile != nil {
		t.Errorf("%q, %v, %v", text, err, r.Lines[0].Profile)
	}
}
