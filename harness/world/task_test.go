package world_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/release"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

const id = "6f2d4a0e-0000-4000-8000-000000000001"

func withTask(t *testing.T) *world.World {
	t.Helper()
	w := world.New(shape.Of(shape.Default()))
	w.AddTask(world.TaskInstance{ID: id, Dag: "d", Run: "r", Task: "t", Map: -1, Try: 1, Token: "token-of-the-task"})
	return w
}

func begin(host string, pid int) world.Start {
	return world.Start{Hostname: host, Unixname: "airflow", PID: pid}
}

func status(p *world.Problem) int {
	if p == nil {
		return 200
	}
	return p.Status
}

func TestStartIsForOneProcessAndMayBeRepeatedByIt(t *testing.T) {
	w := withTask(t)
	var got []int
	for _, start := range []world.Start{begin("h", 1), begin("h", 1), begin("h", 2), begin("g", 1)} {
		got = append(got, status(w.Begin(id, start)))
	}
	if _, problem := w.Report(id, world.Report{State: "success"}, nil, spoken.Operation{}); problem != nil {
		t.Fatal(problem)
	}
	got = append(got, status(w.Begin(id, begin("h", 1))), status(w.Begin("nobody", begin("h", 1))))
	if diff := cmp.Diff([]int{200, 200, 409, 409, 409, 404}, got); diff != "" {
		t.Error(diff)
	}
	if ti, _ := w.Task(id); len(ti.Starts) != 5 || ti.Starts[2].Status != 409 {
		t.Errorf("starts on record: %+v", ti.Starts)
	}
}

func TestHeartbeatTellsWhoShouldStop(t *testing.T) {
	w := withTask(t)
	reason := func(host string, pid int) any {
		p := w.Beat(id, world.Heartbeat{Hostname: host, PID: pid}, nil)
		if p == nil {
			return "alive"
		}
		return p.Detail.(map[string]any)["reason"]
	}
	got := []any{reason("h", 1)}
	if p := w.Begin(id, begin("h", 1)); p != nil {
		t.Fatal(p)
	}
	got = append(got, reason("h", 1), reason("h", 2), reason("g", 1))
	w.SetState(id, "failed")
	got = append(got, reason("h", 1))
	want := []any{"not_running", "alive", "running_elsewhere", "running_elsewhere", "not_running"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if ti, _ := w.Task(id); len(ti.Heartbeats) != len(want) || ti.Heartbeats[1].Status != 204 || ti.Heartbeats[4].Status != 409 {
		t.Errorf("heartbeats on record: %+v", ti.Heartbeats)
	}
}

func TestTheFirstTerminalStateStays(t *testing.T) {
	for _, c := range []struct {
		declared, want []int
	}{
		{[]int{200, 204, 404, 409}, []int{204, 200, 409}}, // from Airflow 3.3 on
		{[]int{204, 404, 409}, []int{204, 409, 409}},      // before
	} {
		w := withTask(t)
		if p := w.Begin(id, begin("h", 1)); p != nil {
			t.Fatal(p)
		}
		var got []int
		for _, state := range []string{"success", "success", "failed"} {
			status, problem := w.Report(id, world.Report{State: state}, nil, spoken.Operation{Answers: c.declared})
			if problem != nil {
				status = problem.Status
			}
			got = append(got, status)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("where %d are declared (-want +got)\n%s", c.declared, diff)
		}
		if ti, _ := w.Task(id); ti.State != "success" || len(ti.Reports) != 3 {
			t.Errorf("state %s after reports %+v", ti.State, ti.Reports)
		}
	}
}

func TestTheEndOfAStoppedTaskIsTakenFromWhereItRan(t *testing.T) {
	w := withTask(t)
	if p := w.Begin(id, begin("h", 1)); p != nil {
		t.Fatal(p)
	}
	told := func(host string, pid int64) any {
		body := map[string]any{"state": "server_terminated", "hostname": host, "pid": pid}
		_, problem := w.Report(id, world.Report{State: "server_terminated", Body: body}, nil, spoken.Operation{})
		if problem == nil {
			return nil
		}
		return problem.Detail.(map[string]any)["reason"]
	}
	got := []any{told("h", 1)}
	w.SetState(id, "failed")
	got = append(got, told("elsewhere", 1), told("h", 2), told("h", 1), told("h", 1))
	if diff := cmp.Diff([]any{"invalid_state", "running_elsewhere", "running_elsewhere", nil, nil}, got); diff != "" {
		t.Error(diff)
	}
	if ti, _ := w.Task(id); ti.State != "failed" {
		t.Errorf("the state is %s", ti.State)
	}
}

func TestOnlyWhatAReleaseDeclaresStopsATask(t *testing.T) {
	for _, version := range []string{"3.3.2", "3.4.0b2"} {
		if diff := cmp.Diff([]int{404, 409, 410}, world.Stops(shape.Of(release.MustParse(version)))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", version, diff)
		}
	}
}

func TestWhatDoesNotFitIsKept(t *testing.T) {
	as := func(version string) *world.World { return world.New(shape.Of(release.MustParse(version))) }
	for _, c := range []struct {
		version, message, key, why string
		kept                       int
	}{
		{"3.3.2", "SucceedTask", "end_date", "", 0},
		{"3.3.2", "SucceedTask", "loop_decision", `SucceedTask: field "loop_decision" is unknown in Airflow 3.3.2 (release 3.3, API version 2026-06-30)`, 1},
		{"3.4.0b2", "SucceedTask", "loop_decision", "", 0},
		{"3.4.0b2", "SucceedTask", "loop_decison", `SucceedTask: field "loop_decison" is unknown in Airflow 3.4.0b2 (release 3.4, API version 2026-10-30)`, 1},
		{"3.3.2", "TaskState", "other", "", 0}, // not closed: the release ignores it
		{"3.3.2", "SetExecutionTimeout", "timeout_seconds", `SetExecutionTimeout: it is none of the objects that are taken in Airflow 3.3.2 (release 3.3, API version 2026-06-30)`, 1},
		{"3.4.0", "SetExecutionTimeout", "timeout_seconds", "", 0},
		{"3.5.0", "SucceedTask", "of_3_5", "", 1},
		{"3.5.0", "TaskState", "of_3_5", "", 1},
		{"3.5.0", "SomethingNew", "key", "", 1},
	} {
		w := as(c.version)
		why := w.Takes("ti", c.message, []string{"type", c.key})
		if why != c.why || len(w.Misfits()) != c.kept {
			t.Errorf("%s %s.%s: refused by %q, kept %v", c.version, c.message, c.key, why, w.Misfits())
		}
	}
	w := as("3.3.2")
	for range 100 {
		w.Takes("ti", "Nonsense", nil)
	}
	if n := len(w.Misfits()); n != 20 {
		t.Errorf("%d kept of a client that never stops", n)
	}
}

func TestAClientThatSpeaksAsAnotherReleaseIsNoticed(t *testing.T) {
	for _, c := range []struct{ is, speaks, want string }{
		{"3.3.2", "2026-06-30", ""},
		{"3.4.0b2", "2026-10-30", ""},
		{"3.4.0b2", "2026-06-30", "it speaks to the Execution API as API version 2026-06-30 (release 3.3, API version 2026-06-30), and is said to be Airflow 3.4.0b2 (release 3.4, API version 2026-10-30)"},
		{"3.3.2", "2026-10-30", "it speaks to the Execution API as API version 2026-10-30 (release 3.4, API version 2026-10-30), and is said to be Airflow 3.3.2 (release 3.3, API version 2026-06-30)"},
		{"3.2.2", "2026-04-06", ""}, // both older than what is known
		{"3.3.2", "2027-06-30", ""}, // nobody can say that this is another
		{"3.9.0", "2026-10-30", ""},
	} {
		w := world.New(shape.Of(release.MustParse(c.is)))
		as, err := shape.OfAPI(c.speaks)
		if err != nil {
			t.Fatal(err)
		}
		w.Speaks(as)
		if w.Disputed() != c.want {
			t.Errorf("%s that speaks %s: %q", c.is, c.speaks, w.Disputed())
		}
	}
}

func TestAReportThatAFaultRefusesChangesNothingAndStaysOnRecord(t *testing.T) {
	w := withTask(t)
	if _, p := w.Report(id, world.Report{State: "success"}, &world.Problem{Status: 503}, spoken.Operation{}); p == nil || p.Status != 503 {
		t.Errorf("answered %+v", p)
	}
	if ti, _ := w.Task(id); ti.State != "queued" || len(ti.Reports) != 1 || ti.Reports[0].Status != 503 {
		t.Errorf("state %s, reports %+v", ti.State, ti.Reports)
	}
}

func TestFaultsStrikeInOrderAndAsOftenAsTheySay(t *testing.T) {
	w := world.New(shape.Of(shape.Default()))
	w.Inject(world.Fault{Method: "GET", Path: "variables/*", Times: 2, Status: 503})
	w.Inject(world.Fault{Path: "variables/v", Status: 500})
	w.FailHeartbeats(409, map[string]any{"reason": "not_running"})
	var got []int
	for _, request := range [][2]string{
		{"GET", "variables/v"}, {"GET", "variables/other"}, {"GET", "variables/v"}, {"PUT", "variables/v"},
		{"GET", "variables/other"}, {"PUT", "task-instances/x/heartbeat"}, {"PATCH", "task-instances/x/heartbeat"},
	} {
		status := 0
		if f := w.Strike(request[0], request[1]); f != nil {
			status = f.Status
		}
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{503, 503, 500, 500, 0, 409, 0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsAreLongestFirst(t *testing.T) {
	w := withTask(t)
	w.SetConnection(world.Connection{ID: "c", Password: "pass"})
	w.AddSecret("", "pass", "password-longer-than-all")
	want := []string{"password-longer-than-all", "token-of-the-task", "pass"}
	if diff := cmp.Diff(want, w.Secrets()); diff != "" {
		t.Error(diff)
	}
}

func TestWaitSeesEveryChange(t *testing.T) {
	w := world.New(shape.Of(shape.Default()))
	const pushers, each = 8, 50
	var all sync.WaitGroup
	for n := range pushers {
		all.Go(func() {
			for i := range each {
				w.SetXCom(world.XComKey{Task: fmt.Sprint(n), Key: fmt.Sprint(i)}, i)
				w.Log(world.Request{Task: fmt.Sprint(n)})
				_ = w.Secrets()
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	if err := w.Wait(ctx, func() bool { return len(w.XComs()) == pushers*each }); err != nil {
		t.Errorf("waited for %d XComs, there are %d: %v", pushers*each, len(w.XComs()), err)
	}
	all.Wait()
	if n := len(w.Requests()); n != pushers*each {
		t.Errorf("%d requests on record", n)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := world.New(shape.Of(shape.Default())).Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returned %v", err)
	}
}
