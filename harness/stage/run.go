package stage

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
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

	root    proc.Process // the process that was started, or that the stand-in parent started
	parent  *exec.Cmd
	ended   chan struct{} // closed when that process has ended
	status  syscall.WaitStatus
	unknown bool // nobody could learn how it ended

	reading              sync.WaitGroup
	drained              chan struct{} // closed when every channel has reached its end
	over                 chan struct{} // closed when the process has ended and every channel with it
	comms                *commsChannel // role runner
	stdout, stderr, logs output
	taskLog              string // role worker: the task log file, below the folder of the case

	mu       sync.Mutex
	closers  []func() // ends of channels that the stage holds
	said     []string // the last messages, for deadlines
	faults   []string // what was not well-formed on the channel
	barriers map[string]*barrier
}

// Start starts the implementation for one task and returns at once. What goes
// wrong on the stage's side is a harness error; what the implementation does is
// seen by the methods of Run.
func (s *Stage) Start(task Task) *Run {
	r := s.newRun(task)
	s.must(s.launch(r))
	s.record.step("stage", fmt.Sprintf("started %s for task %s as process %d", r.label, r.taskID, r.root.PID))
	return r
}

// Label returns the name of the run in the journal.
func (r *Run) Label() string { return r.label }

// DagID, RunID and TaskID name the task instance.
func (r *Run) DagID() string  { return r.dagID }
func (r *Run) RunID() string  { return r.runID }
func (r *Run) TaskID() string { return r.taskID }

// TI returns the task instance as the world knows it now.
func (r *Run) TI() world.TaskInstance {
	ti, _ := r.stage.World.Task(r.ti) // added by newRun, never removed
	return ti
}

// XCom returns the key in the world of an XCom of this task.
func (r *Run) XCom(key string) world.XComKey {
	return world.XComKey{Dag: r.dagID, Run: r.runID, Task: r.taskID, Map: -1, Key: key}
}

// Result returns the XCom that this task pushed under key, in canonical form:
// what a verb with Save gave. If there is none, that is a violation.
func (r *Run) Result(key string) any {
	value, ok := r.stage.World.XCom(r.XCom(key))
	if !ok {
		r.stage.violated(r.stage.first(), "a result is missing",
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
	if !s.until(s.scaled(s.patience()), awaited, func() bool { return r.Pushed(key.Key) }, r.over, r.saw) {
		s.violated(s.first(), "the task ended before it came to the barrier", awaited, r.saw())
	}
	holder, err := b.holder()
	if err != nil {
		s.violated(s.first(), "no process stands at the barrier", awaited+", holding its FIFO open", err.Error())
	}
	s.watch.Poll()
	s.record.process(r, holder.Event("at barrier "+name))
	for _, p := range s.watch.Of(r) {
		if p.PID != holder.PID && p.Alive() {
			s.record.process(r, p.Event("alive while the task is at barrier "+name))
		}
	}
	return holder
}

// Release lets the task go on from the barrier.
func (r *Run) Release(name string) {
	b := r.barriers[name]
	if b == nil {
		r.stage.broken("run %s has no verb WaitFor(%q)", r.label, name)
	}
	r.stage.must(b.release())
	r.stage.Step(fmt.Sprintf("let %s go on from barrier %s", r.label, name))
}

// CloseChannel closes the stage's end of the message channel (role runner).
// stdout, stderr and the log channel stay open.
func (r *Run) CloseChannel() {
	if r.comms == nil {
		r.stage.broken("CloseChannel: run %s has no message channel", r.label)
	}
	r.stage.Step("close the message channel of " + r.label)
	r.comms.close()
}

// KillParent kills the parent of the runner by SIGKILL and closes the ends of
// all channels, as the kernel does when a supervisor dies. It needs Task.Parent.
func (r *Run) KillParent() {
	if r.parent == nil {
		r.stage.broken("KillParent: run %s was started without Parent", r.label)
	}
	r.stage.Step("kill the parent of " + r.label)
	r.stage.must(r.parent.Process.Kill())
	r.closeAll()
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
	drain, stop := s.wait(s.scaled(drainTime))
	defer stop()
	open := false
	select {
	case <-r.drained:
	case <-drain.Done():
		open = true
		if s.ctx.Err() == nil {
			s.Step("a process still holds a channel of " + r.label + " open after the end of the one that was started")
		}
	}
	for _, o := range []*output{&r.stdout, &r.stderr, &r.logs} {
		if lost := o.cut(); lost > 0 {
			s.broken("%s wrote %d octets more on one channel than the %d that are kept: no check of its output can be trusted", r.label, lost, maxKept)
		}
	}
	return r.end(open)
}

func (r *Run) end(open bool) End {
	r.requireTaskLogOfOurs()
	e := End{
		ExitCode: r.status.ExitStatus(), Open: open, Terminals: r.terminals(),
		Stdout: r.stdout.String(), Stderr: r.stderr.String(), Channel: r.channel(),
	}
	if r.status.Signaled() {
		e.ExitCode, e.Signal = -1, signalName(r.status.Signal())
	}
	if r.unknown {
		e.ExitCode = -1
	}
	e.Log = join(e.Channel, e.Stdout, e.Stderr)
	return e
}

func (r *Run) terminals() []Terminal {
	var terminals []Terminal
	for _, report := range r.TI().Reports {
		terminals = append(terminals, Terminal{Type: report.Type, State: report.State, At: report.At})
	}
	return terminals
}

// Log returns everything the run has written so far: log channel or task log
// file, stdout and stderr.
func (r *Run) Log() string { return join(r.channel(), r.stdout.String(), r.stderr.String()) }

func (r *Run) channel() string {
	if r.taskLog == "" {
		return r.logs.String()
	}
	text, err := r.readTaskLog()
	r.requireWhole(err)
	return text // what else is wrong with it, the end of the run or a violation says
}

func join(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	for i, part := range parts {
		parts[i] = strings.TrimSuffix(part, "\n")
	}
	return strings.Join(parts, "\n")
}

// Faults returns what was not well-formed on the message channel.
func (r *Run) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// Succeeds waits for the end and requires success. Role runner: exactly one
// terminal message, exit code 0, and a well-formed channel. Role worker: nothing
// but success told to the server, any number of times.
func (r *Run) Succeeds() End {
	r.stage.checks(r.stage.first())
	e := r.End()
	expected := r.label + " succeeds: success and nothing else is told to the server"
	good := len(e.Terminals) > 0 && !slices.ContainsFunc(e.Terminals, func(t Terminal) bool { return t.State != "success" })
	if r.stage.role == role.Runner {
		expected = r.label + " succeeds: one terminal message, success, and exit code 0"
		good = good && len(e.Terminals) == 1 && e.ExitCode == 0 && e.Signal == "" && len(r.Faults()) == 0
	}
	if !good {
		r.stage.violated(r.stage.first(), "the task of "+r.label+" should have succeeded", expected, r.saw())
	}
	return e
}

// Fails waits for the end and requires failure. Role runner: an exit code other
// than 0, or a failed or retry message. Role worker: such a state at the server.
// Success must never be reported.
func (r *Run) Fails() End {
	r.stage.checks(r.stage.first())
	e := r.End()
	has := func(states ...string) bool {
		return slices.ContainsFunc(e.Terminals, func(t Terminal) bool { return slices.Contains(states, t.State) })
	}
	failed := has("failed", "up_for_retry") || r.stage.role == role.Runner && e.ExitCode != 0
	if !failed || has("success") {
		r.stage.violated(r.stage.first(), "the task of "+r.label+" should have failed",
			r.label+" fails and never reports success", r.saw())
	}
	return e
}

// Processes returns every process that was ever seen to belong to the run, as
// it was seen last. One that lived for less than 20 ms may be missing.
func (r *Run) Processes() []proc.Process {
	r.stage.watch.Poll()
	return r.stage.watch.Of(r)
}

// saw says in a few lines where the run stands: for a violation's "actual". What is
// in the first line is the same each time, process ids aside; what depends on the
// moment, or is said by the implementation, follows below a line with a colon.
func (r *Run) saw() string {
	var text strings.Builder
	text.WriteString(r.outcome(r.Ended()))
	var states []string
	for _, t := range r.terminals() {
		states = append(states, t.Type+"("+t.State+")")
	}
	if len(states) == 0 {
		states = []string{"none"}
	}
	fmt.Fprintf(&text, "; terminal messages: %s", strings.Join(states, ", "))
	r.mu.Lock()
	if len(r.faults) > 0 {
		fmt.Fprintf(&text, "\nfaults:\n%s", strings.Join(r.faults, "\n"))
	}
	if len(r.said) > 0 {
		fmt.Fprintf(&text, "\nlast messages:\n%s", strings.Join(r.said, "\n"))
	}
	r.mu.Unlock()
	log := r.logs.String()
	if r.taskLog != "" {
		var err error
		if log, err = r.readTaskLog(); errors.Is(err, safefile.ErrTooLarge) {
			log = err.Error() // its end is not there
		}
	}
	if log = join(log, r.stdout.String(), r.stderr.String()); log != "" {
		const limit = 1200
		fmt.Fprintf(&text, "\nend of its output:\n%s", tail(log, limit))
	}
	return text.String()
}

// heard remembers the last messages of the implementation.
func (r *Run) heard(message string) {
	const last = 3
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, message)
	r.said = r.said[max(0, len(r.said)-last):]
}

func (r *Run) fault(text string) {
	const most = 20
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) < most {
		r.faults = append(r.faults, text)
	}
}

// holds remembers an end of a channel, so that closeAll can close it.
func (r *Run) holds(closer func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closers = append(r.closers, closer)
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
