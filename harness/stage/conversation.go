package stage

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
)

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
	if c.Ended() {
		c.drains()
	}
	return c.outcome(c.Ended()) + c.stage.record.EndOf(c.said["stdout"].String(), c.said["stderr"].String())
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
		into.Collect(file, c.stage.record.Before, func(text string) { c.stage.record.Lines(c.label, channel, text) })
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
	c.stage.record.Exchange(e)
}

// Octets shows the head of a frame for the journal, secrets masked.
func (c *Conversation) Octets(raw []byte) string { return c.stage.record.Octets(raw) }

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

// Await waits until something holds or the run is over, and reports whether it holds. A
// deadline that passes is a violation of the first requirement.
func (c *Conversation) Await(awaited string, holds func() bool) bool { return c.await(awaited, holds) }

// Violated ends the scenario: what the rest of it relies on did not come.
func (c *Conversation) Violated(says, expected, actual string) {
	c.stage.unmet(says, expected, actual)
}

// Saw says in a few lines where the run stands.
func (c *Conversation) Saw() string { return c.saw() }

// Begin starts cmd with the given child ends, which it closes, and follows the process
// until it ends.
func (c *Conversation) Begin(cmd *exec.Cmd, ends ...*os.File) error {
	defer closeFiles(ends)
	if err := proc.StartUnder(c.task.Umask, cmd); err != nil {
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
