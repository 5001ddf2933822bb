package stage

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// drainTime is how long the stage goes on reading channels that stay open after
// the process has ended, because another process still holds them.
const drainTime = 3 * time.Second

// Run is one task that the implementation was started for.
type Run struct {
	stage  *Stage
	task   Task
	label  string
	ti     string // id of the task instance
	dagID  string
	runID  string
	taskID string

	counterpart Counterpart
	command     func(argv []string) (*exec.Cmd, error)

	root    proc.Process  // the process that was started
	ended   chan struct{} // closed when that process has ended
	status  syscall.WaitStatus
	unknown bool // nobody could learn how it ended

	reading sync.WaitGroup
	drained chan struct{}             // closed when every channel has reached its end
	over    chan struct{}             // closed when the process has ended and every channel with it
	said    map[string]*record.Output // by channel: stdout, stderr, log

	mu       sync.Mutex
	closers  []func() // ends of channels that the stage holds
	messages []string // the last ones, for deadlines
	faults   []string // what was not well-formed on the channel
	barriers map[string]*barrier
}

// Start starts the implementation for one task and returns at once. What goes
// wrong on the stage's side is a harness error; what the implementation does is
// seen by the methods of Run.
func (s *Stage) Start(task Task) *Run { return s.start(task, s.door.Counterpart) }

func (s *Stage) start(task Task, counterpart func(*Conversation) Counterpart) *Run {
	r := s.newRun(task)
	r.counterpart = counterpart(&Conversation{r})
	s.must(s.launch(r))
	s.record.Step("stage", fmt.Sprintf("started %s for task %s as process %d", r.label, r.taskID, r.root.PID))
	return r
}

// Started is a Run, or a value of a door that has one in it.
type Started interface{ started() *Run }

func (r *Run) started() *Run { return r }

// name is the label, "" of no run.
func (r *Run) name() string {
	if r == nil {
		return ""
	}
	return r.label
}

// Label returns the name of the run in the journal.
func (r *Run) Label() string { return r.label }

// TI returns the task instance as the world knows it now.
func (r *Run) TI() world.TaskInstance {
	ti, _ := r.stage.World.Task(r.ti) // added by newRun, never removed
	return ti
}

// XCom returns the key in the world of an XCom of this task.
func (r *Run) XCom(key string) world.XComKey {
	return world.XComKey{Dag: r.dagID, Run: r.runID, Task: r.taskID, Map: r.task.mapIndex(), Key: key}
}

// Result returns the XCom that this task pushed under key, in canonical form:
// what a verb with Save gave. If there is none, that is a violation.
func (r *Run) Result(key string) any {
	value, ok := r.stage.World.XCom(r.XCom(key))
	if !ok {
		r.stage.unmet("a result is missing",
			fmt.Sprintf("%s pushes an XCom %q", r.label, key), r.saw())
	}
	return value
}

// Pushed reports whether the task pushed an XCom under key.
func (r *Run) Pushed(key string) bool {
	_, ok := r.stage.World.XCom(r.XCom(key))
	return ok
}

// At waits until the task says, on the ordered channel, that it stands at the
// barrier, and returns the process that stands there as /proc shows it.
func (r *Run) At(name string) proc.Process {
	s := r.stage
	b := r.barriers[name]
	if b == nil {
		s.broken("run %s has no verb WaitFor(%q)", r.label, name)
	}
	awaited := fmt.Sprintf("%s to reach barrier %s", r.label, name)
	key := r.XCom("at_" + name)
	if !r.await(awaited, func() bool { return r.Pushed(key.Key) }) {
		s.unmet("the task ended before it came to the barrier", awaited, r.saw())
	}
	holder, err := b.holder()
	if err != nil {
		s.unmet("no process stands at the barrier", awaited+", holding its FIFO open", err.Error())
	}
	s.watch.Poll()
	s.watch.Claim(r, holder)
	s.record.Process(r.label, holder.Event("at barrier "+name))
	moment := "while " + r.label + " is at barrier " + name
	for _, p := range s.watch.Of(r) {
		if p.PID != holder.PID && p.Alive() {
			s.record.Process(r.label, p.Event("alive while the task is at barrier "+name))
		}
		s.lookAt(p, moment)
	}
	s.lookAround(moment)
	return holder
}

// await waits until something holds or the run is over, and reports whether it holds.
func (r *Run) await(awaited string, holds func() bool) bool {
	s := r.stage
	return s.until(s.scaled(s.patience()), awaited, holds, r.over, r.saw)
}

// Release lets the task go on from the barrier.
func (r *Run) Release(name string) {
	b := r.barriers[name]
	if b == nil {
		r.stage.broken("run %s has no verb WaitFor(%q)", r.label, name)
	}
	r.stage.must(b.release())
	b.released = true
	r.stage.Step(fmt.Sprintf("let %s go on from barrier %s", r.label, name))
}

// Ended reports whether the process that was started has ended.
func (r *Run) Ended() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// End waits until the process that was started has ended and its channels are
// read to their end, and returns what is known then.
func (r *Run) End() End { return r.EndWithin(r.stage.patience()) }

// EndWithin is End with another limit, to which the slowness of the
// implementation is applied.
func (r *Run) EndWithin(limit time.Duration) End {
	s := r.stage
	s.within(s.scaled(limit), fmt.Sprintf("the process of %s to end", r.label), r.ended, r.saw)
	open := !r.drains()
	if open && s.ctx.Err() == nil {
		s.Step("a process still holds a channel of " + r.label + " open after the end of the one that was started")
	}
	for _, said := range r.said {
		if lost := said.Cut(); lost > 0 {
			s.broken("%s wrote %d octets more on one channel than the %d that are kept: no check of its output can be trusted", r.label, lost, record.MaxKept)
		}
	}
	return r.end(open)
}

// drains waits for the end of all channels and reports whether they came to it.
func (r *Run) drains() bool {
	drain, stop := r.stage.wait(r.stage.scaled(drainTime))
	defer stop()
	select {
	case <-r.drained:
		return true
	case <-drain.Done():
		return false
	}
}

func (r *Run) end(open bool) End {
	r.counterpart.Log().Require()
	e := End{
		ExitCode: r.status.ExitStatus(), Open: open, Terminals: r.terminals(),
		Stdout: r.said["stdout"].String(), Stderr: r.said["stderr"].String(), Channel: r.channel(),
	}
	if r.status.Signaled() {
		e.ExitCode, e.Signal = -1, signalName(r.status.Signal())
	}
	if r.unknown {
		e.ExitCode = -1
	}
	e.Log = record.Join(e.Channel, e.Stdout, e.Stderr)
	return e
}

func (r *Run) terminals() []Terminal {
	var terminals []Terminal
	for _, report := range r.TI().Reports {
		terminals = append(terminals, Terminal{Type: report.Type, State: report.State, At: report.At})
	}
	return terminals
}

// TaskLog returns what counts as the log of the task: where a supervisor would collect
// it, all three channels together; where one is under test, the file that it writes, of
// which it may print a copy.
func (r *Run) TaskLog() string {
	if r.counterpart.Log().Whole() {
		return r.channel()
	}
	return r.all(r.channel())
}

func (r *Run) channel() string {
	text, err := r.counterpart.Log().Text()
	r.requireWhole(err)
	return text // what else is wrong with it, the end of the run or a violation says
}

func (r *Run) all(log string) string {
	return record.Join(log, r.said["stdout"].String(), r.said["stderr"].String())
}

// Succeeds waits for the end and requires success, whatever that is in the role. What
// follows relies on it: it shows nothing of a clause by itself, as Check.Success does.
func (r *Run) Succeeds() End {
	return r.toSucceed(r.stage.first(), true)
}

// Fails waits for the end and requires failure, whatever that is in the role, and that
// success is never reported. As Succeeds it shows nothing of a clause by itself.
func (r *Run) Fails() End {
	return r.toFail(r.stage.first(), true)
}

// Success is Run.Succeeds for a clause that says just this.
func (c Check) Success(r *Run) End { return r.toSucceed(c.clause, false) }

// Failure is Run.Fails for a clause that says just this.
func (c Check) Failure(r *Run) End { return r.toFail(c.clause, false) }

func (r *Run) toSucceed(clause string, premise bool) End {
	for _, name := range slices.Sorted(maps.Keys(r.barriers)) {
		if !r.barriers[name].released {
			r.stage.broken("%s cannot succeed: it waits at barrier %s, and the scenario has no Release(%q) before Succeeds", r.label, name, name)
		}
	}
	e := r.End()
	what, did := r.counterpart.Succeeded(e)
	expected := r.label + " succeeds: " + what
	if !did {
		r.stage.violatedAt(caller(), clause, premise, "the task of "+r.label+" should have succeeded", expected, r.saw())
	}
	r.stage.holds(journal.Check{Clause: clause, What: "the task of " + r.label, Premise: premise, Expected: expected, Actual: r.state()})
	return e
}

func (r *Run) toFail(clause string, premise bool) End {
	e := r.End()
	expected := r.label + " fails and never reports success"
	if !r.counterpart.Failed(e) || e.Told("success") {
		r.stage.violatedAt(caller(), clause, premise, "the task of "+r.label+" should have failed", expected, r.saw())
	}
	r.stage.holds(journal.Check{Clause: clause, What: "the task of " + r.label, Premise: premise, Expected: expected, Actual: r.state()})
	return e
}

// LastSeen is when a process was seen alive last; the zero time if it never was.
func (r *Run) LastSeen(p proc.Process) time.Time { return r.stage.watch.LastSeen(p) }

// Processes returns every process that was ever seen to belong to the run, as
// it was seen last. One that lived for less than 20 ms may be missing.
func (r *Run) Processes() []proc.Process {
	r.stage.watch.Poll()
	return r.stage.watch.Of(r)
}

// state says how the process ended, and what was reported of the task.
func (r *Run) state() string {
	var states []string
	for _, t := range r.terminals() {
		states = append(states, t.Type+"("+t.State+")")
	}
	if len(states) == 0 {
		states = []string{"none"}
	}
	return fmt.Sprintf("%s; terminal messages: %s", r.outcome(r.Ended()), strings.Join(states, ", "))
}

// saw says in a few lines where the run stands: for a violation's "actual". What is
// in the first line is the same each time, process ids aside; what depends on the
// moment, or is said by the implementation, follows below a line with a colon.
func (r *Run) saw() string {
	var text strings.Builder
	text.WriteString(r.state())
	r.mu.Lock()
	if len(r.faults) > 0 {
		fmt.Fprintf(&text, "\nfaults:\n%s", strings.Join(r.faults, "\n"))
	}
	if len(r.messages) > 0 {
		fmt.Fprintf(&text, "\nlast messages:\n%s", strings.Join(r.messages, "\n"))
	}
	r.mu.Unlock()
	log, err := r.counterpart.Log().Text()
	if errors.Is(err, safefile.ErrTooLarge) {
		log = err.Error() // its end is not there
	}
	text.WriteString(r.stage.record.EndOf(log, r.said["stdout"].String(), r.said["stderr"].String()))
	return text.String()
}

func (r *Run) closeAll() {
	r.mu.Lock()
	closers := r.closers
	r.closers = nil
	r.mu.Unlock()
	for _, closer := range closers {
		closer()
	}
}
