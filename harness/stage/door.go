package stage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Door is what a role means, for one case. The stage itself knows no role: doors are
// packages below it, one a role, and each has the words that its role alone has.
type Door interface {
	// Counterpart returns what the stage plays opposite the implementation in one
	// conversation, with nothing out of the ordinary.
	Counterpart(*Conversation) Counterpart
	// Rest ends what the implementation keeps running as that account for tasks to come,
	// before the stage waits for the end of all processes of the account.
	Rest(account string)
	// Finish is called when the scenario has done all that it does. It may end it as a
	// violation. Tasks may still live.
	Finish()
	// Close ends what was opened for the case, however the scenario ended.
	Close() error
}

// Doors has, for each role that the stage can play, what opens its door when a case begins.
type Doors map[role.Role]func(*Backstage) (Door, error)

// Script is what a scenario does in roles that have words of their own: such a word
// is on the value that the script is given, so that it does not compile elsewhere.
type Script interface {
	Roles() []role.Role
	// Play plays the case of a stage whose door is that of one of the roles.
	Play(*Stage, Door)
}

// Counterpart is what the stage plays opposite the implementation for one task: its
// supervisor, say, or its API.
type Counterpart interface {
	// Settings are set for the task beside what every case sets; the task's own win.
	Settings() map[string]string
	// Words are what the manifest may use in argv and env beside what it may use in
	// every role, such as "{workload}", and what stands in their place.
	Words() map[string]string
	// Start makes the channels and starts cmd, by Begin or Follow of the conversation.
	Start(cmd *exec.Cmd) error
	// Log is the log of the task, as the role has it.
	Log() TaskLog
	// Succeeded reports whether the end is that of a task that succeeded, and says
	// what that would be. Failed reports whether it is that of one that failed. An end
	// can be neither.
	Succeeded(End) (what string, did bool)
	Failed(End) bool
}

// TaskLog is the log of one task.
type TaskLog interface {
	// Text returns what of it can be read so far, and why that is not all: where its
	// end is missing, safefile.ErrTooLarge; where it is not there yet, fs.ErrNotExist.
	Text() (string, error)
	// Problem says what is wrong with a log that is not there, or no log; "" if nothing is.
	Problem() string
	// Require ends the scenario, once the task has ended, if something else lies in its place.
	Require()
	// Whole reports whether it holds what the task prints as well.
	Whole() bool
}

// Backstage is what a door has of a case, and a scenario has not.
type Backstage struct{ *Stage }

// StartWith starts the implementation for one task, as Stage.Start does, opposite a
// counterpart of the door's choice.
func (b *Backstage) StartWith(task Task, counterpart func(*Conversation) Counterpart) *Run {
	return b.start(task, counterpart)
}

// Beside is a conversation with something of the implementation that runs beside its
// tasks. It has no task, and no counterpart.
func (b *Backstage) Beside(name string) *Conversation {
	return &Conversation{b.join(&Run{stage: b.Stage, label: b.label(Task{Name: name})})}
}

// Launch is how the manifest says that the implementation is started in this role.
func (b *Backstage) Launch() implementation.Launch {
	return b.session.Plan.Manifest.Roles[b.role]
}

// Within waits until done is closed. A deadline that passes, after a time to which the
// slowness of the implementation is applied, is a violation of the first requirement,
// which says what was awaited and what saw says was there instead. The time 0 is the
// patience of the scenario.
func (b *Backstage) Within(limit time.Duration, awaited string, done <-chan struct{}, saw func() string) {
	b.within(b.scaled(cmp.Or(limit, b.patience())), awaited, done, saw)
}

// Faded waits until none of some processes lives any more, and returns those that still
// do after the limit, to which the slowness of the implementation is applied.
func (b *Backstage) Faded(limit time.Duration, match func(proc.Process) bool) []proc.Process {
	return b.fade(b.scaled(limit), match)
}

// Begun is when the case began.
func (b *Backstage) Begun() time.Time { return b.begun }

// Command is the path of a helper command.
func (b *Backstage) Command(name string) string { return filepath.Join(b.session.Plan.Bin, name) }

// Folder is the folder of the case, held open from before the implementation was started.
func (b *Backstage) Folder() *safefile.Folder { return b.folder }

// Of returns the conversation about a task instance.
func (b *Backstage) Of(ti string) (*Conversation, bool) {
	for _, r := range b.allRuns() {
		if ti != "" && r.ti == ti {
			return &Conversation{r}, true
		}
	}
	return nil, false
}

// Exchange journals a frame or a request.
func (b *Backstage) Exchange(e journal.Event) { b.record.exchange(e) }

// Conversation is what a counterpart has of a run, and a scenario has not.
type Conversation struct{ *Run }

// Backstage is that of the case.
func (c *Conversation) Backstage() *Backstage { return &Backstage{c.stage} }

// Task is what the scenario asked for, defaults filled in.
func (c *Conversation) Task() Task { return c.task }

// Command is a command of the manifest as it is started for the task: its words
// replaced, under the worker's account, with the worker's environment.
func (c *Conversation) Command(argv []string) (*exec.Cmd, error) { return c.command(argv) }

// Done is closed when the process has ended.
func (c *Conversation) Done() <-chan struct{} { return c.ended }

// Outcome says how the process ended, if it has, and shows the end of its output.
func (c *Conversation) Outcome() string {
	return c.outcome(c.Ended()) + endOf(join(c.said["stdout"].String(), c.said["stderr"].String()))
}

// Status is how the process ended, once it has.
func (c *Conversation) Status() syscall.WaitStatus { return c.status }

// Signal sends a signal to the process.
func (c *Conversation) Signal(signal syscall.Signal) error { return c.root.Signal(signal) }

// Read collects a channel of the implementation ("stdout", "stderr" or "log") until its
// end, and journals it.
func (c *Conversation) Read(file io.ReadCloser, channel string) {
	c.OnClose(func() { file.Close() })
	into := c.said[channel]
	c.reading.Go(func() {
		into.collect(file, func(text string) { c.stage.record.lines(c.label, channel, text) })
		file.Close()
	})
}

// Speak runs f, which ends when its channel does: the run is not over before.
func (c *Conversation) Speak(f func()) { c.reading.Go(f) }

// OnClose remembers how to close the stage's end of a channel.
func (c *Conversation) OnClose(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closers = append(c.closers, f)
}

// Close closes the stage's ends of all channels.
func (c *Conversation) Close() { c.closeAll() }

// Exchange journals a frame that went either way.
func (c *Conversation) Exchange(e journal.Event) {
	e.Run = c.label
	c.stage.record.exchange(e)
}

// Octets shows the head of a frame for the journal, secrets masked.
func (c *Conversation) Octets(raw []byte) string { return c.stage.record.octets(raw) }

// Heard remembers a message of the implementation, for violations.
func (c *Conversation) Heard(message string) {
	const last = 3
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, message)
	c.messages = c.messages[max(0, len(c.messages)-last):]
}

// Fault remembers what was not well-formed on a channel.
func (c *Conversation) Fault(text string) {
	const most = 20
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < most {
		c.faults = append(c.faults, text)
	}
}

// Faults returns what was not well-formed on the message channel.
func (c *Conversation) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

// Received is the log of a task that comes through the channel "log".
func (c *Conversation) Received() TaskLog { return received{c.said["log"]} }

type received struct{ *output }

func (r received) Text() (string, error) { return r.String(), nil }
func (received) Problem() string         { return "" }
func (received) Require()                {}
func (received) Whole() bool             { return false }

// Await waits until something holds or the run is over, and reports whether it holds. A
// deadline that passes is a violation of the first requirement.
func (c *Conversation) Await(awaited string, holds func() bool) bool { return c.await(awaited, holds) }

// Violated ends the scenario: its first requirement does not hold.
func (c *Conversation) Violated(says, expected, actual string) {
	c.stage.violated(c.stage.first(), says, expected, actual)
}

// Saw says in a few lines where the run stands.
func (c *Conversation) Saw() string { return c.saw() }

// Broken ends the scenario: something in the harness went wrong.
func (c *Conversation) Broken(format string, args ...any) { c.stage.broken(format, args...) }

// Begin starts cmd with the given child ends, which it closes, and follows the process
// until it ends.
func (c *Conversation) Begin(cmd *exec.Cmd, ends ...*os.File) error {
	defer closeFiles(ends)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return c.Follow(cmd.Process.Pid, func() (status syscall.WaitStatus, known bool) {
		// The error of Wait repeats the state, which is asked for instead.
		_ = cmd.Wait()
		status, _ = cmd.ProcessState.Sys().(syscall.WaitStatus) // always so on Linux
		return status, true
	})
}

// Follow makes a process the first one of the run. wait returns when it has ended, and
// how, if that can be known.
func (c *Conversation) Follow(pid int, wait func() (status syscall.WaitStatus, known bool)) error {
	expendable(pid)
	first, err := proc.Read(pid)
	if err != nil {
		return fmt.Errorf("look at the process just started: %w", err)
	}
	c.root = first
	c.stage.watch.Add(c.Run, first)
	go c.drain()
	go func() {
		status, known := wait()
		c.status, c.unknown = status, !known
		c.finish()
	}()
	return nil
}

// FollowParent knows a process of the harness that starts the first one of the run.
func (c *Conversation) FollowParent(pid int) {
	expendable(pid)
	if parent, err := proc.Read(pid); err == nil {
		c.stage.watch.AddParent(parent)
	}
}

// requireWhole ends the scenario if a log was too large to be read to its end: a text
// of which the end is missing could hold what a check says is not there.
func (r *Run) requireWhole(err error) {
	if errors.Is(err, safefile.ErrTooLarge) {
		r.stage.broken("task log of %s: %v: no check of it can be trusted", r.label, err)
	}
}

// logProblems says of each run that has ended without a log that there is none, for
// violations: an empty text says nothing of a file at a wrong path.
func (s *Stage) logProblems() (problems []string) {
	for _, r := range s.allRuns() {
		if r.counterpart == nil || !r.Ended() {
			continue
		}
		if problem := r.counterpart.Log().Problem(); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}
