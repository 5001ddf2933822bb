package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/protocol/message"
)

const interval = "workers.min_heartbeat_interval" // in seconds

var heartbeatsAtTheInterval = stage.Spec{
	Slug:     "heartbeats-at-the-interval",
	Says:     "of two tasks one is to send heartbeats every second and the other every three: each does, with the pid of its start",
	Verifies: []string{"LIFE-008.interval", "LIFE-008.pid"},
	Budget:   longBudget,
	Patience: time.Minute,
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		const beats = 4
		every := map[string]time.Duration{"1": time.Second, "3": 3 * time.Second}
		runs := map[string]*worker.Run{}
		for _, seconds := range []string{"1", "3"} {
			runs[seconds] = s.Start(stage.Task{
				As: "alice", Name: "every-" + seconds, Verbs: stage.Verbs(stage.WaitFor("here")), Settings: map[string]string{interval: seconds},
			})
		}
		for _, seconds := range []string{"1", "3"} {
			run, want := runs[seconds], (beats-1)*every[seconds]
			for _, beat := range run.Beats(2) { // a server stops a task that sends another one
				s.Require("LIFE-008.pid").Equal("host and pid of a heartbeat",
					map[string]any{"host": beat.Hostname, "pid": beat.PID}, map[string]any{"host": run.TI().Hostname, "pid": run.TI().PID})
			}
			sent := run.Beats(beats)
			took := sent[beats-1].At.Sub(sent[0].At)
			s.Require("LIFE-008.interval").True("time between the first heartbeat of "+run.Label()+" and the fourth", took > want/2 && took < 2*want,
				fmt.Sprintf("between %v and %v", want/2, 2*want), took.Round(10*time.Millisecond).String())
			run.At("here")
			run.Release("here")
			run.Succeeds()
		}
	}),
}

// slow is how long the server takes for a request: some heartbeats.
const slow = 5 * time.Second

var heartbeatsMeanwhile = stage.Spec{
	Slug:     "heartbeats-meanwhile",
	Says:     "the server takes five seconds for an XCom of a task: the heartbeats of every second go on meanwhile",
	Verifies: []string{"LIFE-008.meanwhile"},
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		for _, user := range []string{"", "alice"} {
			key := "slow-" + s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.WaitFor("here"), stage.PushXCom(key, true))})
			run.At("here")
			run.Beats(1)
			s.World.Inject(world.Fault{Method: "POST", Path: "xcoms/*/*/*/" + key, Times: 1, Delay: slow})
			before := time.Now()
			run.Release("here")
			run.Succeeds()
			asked := answered(s, key)
			s.Require("LIFE-008.meanwhile").True("control: the request was slow", asked.Sub(before) >= slow, slow.String(), asked.Sub(before).String())
			meanwhile := 0
			for _, beat := range run.TI().Heartbeats {
				if beat.At.After(asked.Add(-slow+time.Second/2)) && beat.At.Before(asked) {
					meanwhile++
				}
			}
			s.Require("LIFE-008.meanwhile").True("heartbeats of "+run.Label()+" while a request of it takes "+slow.String(), meanwhile >= 2, "2 or more", fmt.Sprint(meanwhile))
		}
	}),
}

var noHeartbeatAfterTheEnd = stage.Spec{
	Slug:     "no-heartbeat-after-the-end",
	Says:     "a runner lingers after the server has taken its success: no heartbeat follows",
	Verifies: []string{"LIFE-008.after"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.WaitFor("here"))},
				supervisor.Ask(&message.SucceedTask{EndDate: message.At(time.Now())}), supervisor.Do(stage.Sleep(600)))
			task := run.At("here")
			run.Beats(2)
			run.Release("here")
			run.Reported("success")
			left := s.Over(4*time.Second, task) // four intervals of silence
			taken := run.TI().Reports[0].At
			late := 0
			for _, beat := range run.TI().Heartbeats {
				if beat.At.After(taken) {
					late++
				}
			}
			s.Require("LIFE-008.after").Equal("heartbeats of "+run.Label()+" after the server has taken its success", late, 0)
			s.Require("LIFE-008.after").True("control: the runner lives on", len(left) > 0, "it lives", "it is gone")
			s.Must(task.Signal(9))
			run.End()
		}
	}),
}

// answered is when the server answered the request whose path has that in it; the zero
// time if it never did.
func answered(s *worker.Stage, part string) (at time.Time) {
	for _, request := range s.World.Requests() {
		if strings.Contains(request.Path, part) {
			at = request.At
		}
	}
	return at
}
