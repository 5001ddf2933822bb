package worker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/theatre"
	"github.com/understudy-conformance/understudy/harness/world"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestTheWorkerRoleIsPlayedOverHTTP(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{As: "alice"})
		end := run.Succeeds()
		check := s.Require("IMP-004")
		check.Equal("uid of the worker", run.Result("uid"), theatre.WorkerUID)
		check.Equal("task log", end.Channel, `{"event":"written by the worker"}`+"\n")
		check.Equal("task", run.TI().Task, "probe_alice")
		check.Equal("heartbeats", len(run.TI().Heartbeats), 1)
		check.Equal("pid at the server", run.TI().PID, run.Processes()[0].PID)
	}})
	th.Require(t, o, journal.Held)
	var requests []string
	for _, e := range th.Are(func(e journal.Event) bool { return e.HTTP != nil }) {
		requests = append(requests, fmt.Sprintf("%s %d", e.HTTP.Method, e.HTTP.Status))
	}
	if diff := cmp.Diff([]string{"PATCH 200", "PUT 204", "POST 201", "PATCH 204"}, requests); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(th.Transcript(), "workload-") && strings.Contains(th.Transcript(), `"token"`) {
		t.Error("the journal shows the token")
	}
}

func TestATaskLogThatIsNotReadToItsEndCannotBeJudged(t *testing.T) {
	for use, read := range map[string]func(*worker.Run){
		"end":   func(r *worker.Run) { r.End() },
		"later": func(r *worker.Run) { r.TaskLog() },
	} {
		t.Run(use, func(t *testing.T) {
			th := theatre.New(t)
			o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
				run := s.Start(stage.Task{})
				run.Succeeds()
				s.Must(os.Truncate(run.LogPath(), stage.MaxKept))
				run.End()
				s.Must(os.Truncate(run.LogPath(), stage.MaxKept+1))
				read(run)
			})})
			if o.Outcome != journal.HarnessError || !strings.Contains(o.Says, "holds more than the 67108864 octets") {
				t.Errorf("%.500s", fmt.Sprintf("%+v", o))
			}
		})
	}
}

func TestAViolationSaysThatATaskLogIsTooLargeToBeShown(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
		run := s.Start(stage.Task{})
		run.Succeeds()
		s.Must(os.Truncate(run.LogPath(), stage.MaxKept+1))
		run.Result("absent")
	})})
	if o.Outcome != journal.Violated || !strings.Contains(o.Actual, "end of its output:\n"+th.Root) || !strings.Contains(o.Actual, "holds more than the 67108864 octets") {
		t.Errorf("%.500s", fmt.Sprintf("%+v", o))
	}
}

func TestStateCallsCountRefusedOnes(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
		run := s.Start(stage.Task{})
		run.Succeeds()
		path := "task-instances/" + run.TI().ID + "/state"
		s.World.Log(world.Request{Method: "PATCH", Path: path, Status: 409})
		s.World.Log(world.Request{Method: "PATCH", Path: "task-instances/another/state", Status: 204})
		s.Require("IMP-004").Equal("calls", run.StateCalls(), []string{"PATCH " + path + ": 204", "PATCH " + path + ": 409"})
	})})
	th.Require(t, o, journal.Held)
}

func TestBeatsAreAwaitedUntilTheTaskEnds(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
		run := s.Start(stage.Task{})
		s.Require("IMP-004").Equal("one that came", len(run.Beats(1)), 1)
		run.Beats(2)
	})})
	th.Require(t, o, journal.Violated)
	if o.Says != "the task ended before it had sent so many heartbeats" || o.Expected != "2 heartbeats of plain" {
		t.Errorf("%+v", o)
	}
}
