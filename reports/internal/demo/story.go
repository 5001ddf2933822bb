package demo

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// writer adds events at a time of its own.
type writer struct {
	at     time.Time
	events []journal.Event
}

// add writes an event ms milliseconds after the one before.
func (w *writer) add(ms int, e journal.Event) {
	w.at = w.at.Add(time.Duration(ms) * time.Millisecond)
	e.Time = w.at
	if e.RunStart == nil && e.RunEnd == nil {
		e.Sandbox = 1
	}
	w.events = append(w.events, e)
}

// play writes a case with the story of a task that is stopped and lives on; it
// does not end when o is nil.
func (w *writer) play(c plan.Case, o *journal.Observation) { w.attempt(c, 1, o) }

func (w *writer) flaky(c plan.Case) {
	w.attempt(c, 1, &journal.Observation{Outcome: journal.Held})
	w.attempt(c, 2, &journal.Observation{
		Outcome: journal.Violated, Requirement: c.Verifies[0], Says: "on_kill ran twice", Expected: "once", Actual: "twice, 3 ms apart",
	})
}

func (w *writer) attempt(c plan.Case, n int, o *journal.Observation) {
	begun := w.at
	say := func(ms int, e journal.Event) {
		e.Case, e.Attempt = c.ID, n
		w.add(ms, e)
	}
	proc := func(pid, ppid, uid int, state, command, note string) *journal.Process {
		return &journal.Process{PID: pid, PPID: ppid, State: state, UIDs: [4]int{uid, uid, uid, uid}, GIDs: [4]int{uid, uid, uid, uid}, Groups: []int{uid, 61100}, Command: command, Note: note}
	}
	say(20, journal.Event{CaseStart: &journal.CaseStart{BudgetMS: c.BudgetMS}})
	say(3, journal.Event{Step: &journal.Step{Who: "stage", Text: "start the task of alice"}})
	say(7, journal.Event{Run: "alice", Process: proc(14498, 1, 61001, "S", "python -m airflow.sdk.execution_time.execute_workload", "started")})
	if c.Role != role.Runner {
		say(40, journal.Event{Run: "alice", HTTP: &journal.HTTP{Method: "PATCH", Path: "/task-instances/0192/run", Status: 200, Body: `{"state":"running","pid":14498}`}})
	}
	say(31, journal.Event{Run: "alice", Process: proc(14509, 14498, 61001, "S", "sudo -n -H -u alice -- /opt/runner resume", "")})
	say(12, journal.Event{Run: "alice", Process: proc(14512, 14509, 61002, "S", "/opt/runner resume "+Hostile, "")})
	if c.Role != role.Supervisor {
		say(9, journal.Event{Run: "alice", Frame: &journal.Frame{Dir: ">", Size: 1204, Octets: "930088a474797065ae5374617274757044657461696c73", Text: "[0, StartupDetails task=probe_alice]"}})
		say(6, journal.Event{Run: "alice", Frame: &journal.Frame{Dir: "<", Size: 27, Octets: "930081a474797065af526573656e644c6f6767696e674644", Text: "[0, ResendLoggingFD]"}})
		say(1, journal.Event{Run: "alice", Frame: &journal.Frame{Dir: ">", Size: 21, Octets: "930082a474797065a753656e74464473", Text: "[0, SentFDs] with one descriptor"}})
	}
	for i := range 6 {
		say(4, journal.Event{Run: "alice", Log: &journal.Log{Channel: []string{"log", "stdout", "stderr"}[i%3], Text: fmt.Sprintf(`{"level":"info","event":"line %d of the task"}`, i)}})
	}
	say(5, journal.Event{Run: "alice", Log: &journal.Log{Channel: "stderr", Text: Hostile}})
	say(900, journal.Event{Run: "alice", HTTP: &journal.HTTP{Method: "PUT", Path: "/task-instances/0192/heartbeat", Status: 409, Body: `{"detail":"not running anymore"}`}})
	say(14, journal.Event{Step: &journal.Step{Who: "implementation", Text: "SIGTERM to the group of 14498"}})
	say(5000, journal.Event{Step: &journal.Step{Who: "implementation", Text: "SIGKILL to 14509, log says \"Task killed!\""}})
	say(2, journal.Event{Run: "alice", Process: proc(14509, 14498, 61001, "X", "sudo -n -H -u alice -- /opt/runner resume", "gone")})
	say(20, journal.Event{Run: "alice", Process: proc(14512, 1, 61002, "S", "/opt/runner resume", "lives on, parent 1")})
	say(2600, journal.Event{Run: "alice", Frame: &journal.Frame{Dir: "<", Size: 130, Octets: "930588a474797065a753657458436f6d", Text: `[5, SetXCom key="late"]`}})
	say(1500, journal.Event{Run: "alice", HTTP: &journal.HTTP{Method: "PATCH", Path: "/task-instances/0192/state", Status: 204, Body: `{"state":"success"}`}})
	say(700, journal.Event{Run: "alice", HTTP: &journal.HTTP{Method: "PATCH", Path: "/task-instances/0192/state", Status: 409, Body: `{"state":"failed"}`}})
	if o == nil {
		return
	}
	check := func(c journal.Check) {
		c.Clause = c.Requirement
		say(0, journal.Event{Check: &c})
	}
	check(journal.Check{Requirement: c.Verifies[0], What: "waited for the process of alice to end", Held: true, Premise: true, Expected: "within 20s"})
	for _, id := range c.Verifies {
		if o.Outcome == journal.Held || o.Outcome == journal.Violated && id != o.Requirement {
			check(journal.Check{Requirement: id, What: "real uid of alice", Held: true, Expected: "61002", Actual: "61002"})
			check(journal.Check{Requirement: id, What: "what alice said", Held: true, Expected: "a word", Actual: Hostile})
		}
	}
	if o.Outcome == journal.Violated {
		check(journal.Check{Requirement: o.Requirement, What: o.Says, Expected: o.Expected, Actual: o.Actual, Where: o.Where})
	}
	say(40, journal.Event{CaseEnd: journal.End(*o, w.at.Sub(begun)+40*time.Millisecond)})
}
