package runner

import (
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// startupDetails is the first frame: all keys that a runner may insist on are there.
func startupDetails(c *stage.Conversation) *message.StartupDetails {
	s, task, ti := c.Backstage(), c.Task(), c.TI()
	when := message.At(ti.LogicalDate)
	conf, err := message.RawOf(ti.Conf)
	s.Must(err)
	mapIndex, queue, host := ti.Map, "default", "understudy"
	details := &message.StartupDetails{
		TI: message.TaskInstance{
			ID: ti.ID, TaskID: ti.Task, DagID: ti.Dag, RunID: ti.Run, TryNumber: ti.Try,
			DagVersionID: ti.DagVersionID, MapIndex: &mapIndex, Hostname: &host, Queue: &queue,
		},
		DagRelPath: task.DagFile, StartDate: message.At(s.Begun()),
		BundleInfo: message.BundleInfo{Name: task.BundleName},
		TIContext: message.TIRunContext{
			MaxTries: ti.MaxTries, ShouldRetry: ti.ShouldRetry,
			DagRun: message.DagRun{
				DagID: ti.Dag, RunID: ti.Run, LogicalDate: &when, DataIntervalStart: &when, DataIntervalEnd: &when,
				RunAfter: when, StartDate: &when, RunType: message.RunManual, State: message.RunRunning, Conf: conf,
			},
		},
	}
	if task.BundleVersion != "" {
		details.BundleInfo.Version = &task.BundleVersion
	}
	return details
}
