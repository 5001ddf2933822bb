package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
	"github.com/understudy-conformance/understudy/reference/supervisor/family"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// reapEvery is the least time between two looks for ended orphans of the task.
const reapEvery = time.Second

// life is a task from the start of its process to its last trace.
type life struct {
	task    *task
	log     *tasklog.Log // the task's
	child   *family.Child
	killer  *family.Killer
	drains  *tasklog.Drains
	session *session
	state   *terminal
	last    lastLine // of standard error

	ending ending
	fault  error // processes that could not be ended
}

func (t *task) newLife(c *family.Child) *life {
	l := &life{task: t, log: t.log, child: c, state: newTerminal(), drains: tasklog.NewDrains(t.log)}
	l.killer = family.NewKiller(c, t.shared.settings.KillStep, t.shared.killers, t.log)
	l.session = &session{
		server: t.server, mask: t.mask, conn: c.Comms, max: t.shared.settings.MaxFrame,
		log: t.log, state: l.state, logs: l.drains,
	}
	l.drains.Start(tasklog.Stdout, c.Stdout, nil)
	l.drains.Start(tasklog.Stderr, c.Stderr, l.last.set)
	return l
}

func (l *life) run(ctx context.Context, signals <-chan os.Signal) error {
	defer l.child.Release()
	if err := l.connect(ctx); err != nil {
		return l.neverConnected(ctx, err)
	}
	startup, err := l.begin(ctx)
	if err != nil {
		return l.abort(ctx, err)
	}
	l.session.beat = startHeartbeat(ctx, l.task.server, l.task.process, l.task.shared.settings, l.log, func() { l.session.close(gateRead) })
	requests, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- l.session.serve(requests, startup) }()

	l.watch(ctx, cancel, signals, served)
	l.session.beat.stop()
	if l.fault == nil {
		l.fault = l.killer.Kill(ctx) // what the task left running
	}
	if l.fault != nil {
		l.log.Record("critical", "Processes of the task could not be ended", "error", l.fault)
		l.session.close(gateClosed)
	}
	l.drain(served)
	return errors.Join(l.finish(ctx), l.fault)
}

// begin tells the server that the task runs and returns the startup frame. Until
// it is sent the runner has nothing to execute (LIFE-002).
func (l *life) begin(ctx context.Context) ([]byte, error) {
	answer, err := l.task.server.Run(ctx, l.task.process, l.task.start)
	if err != nil {
		return nil, fmt.Errorf("the server did not accept the run: %w", err)
	}
	context, err := api.RunContext(answer, l.task.mask)
	if err != nil {
		return nil, err
	}
	l.ending.shouldRetry = context.ShouldRetry
	return startupFrame(l.task.workload, context, l.task.start, l.task.launch.handed, l.session.schema)
}

// abort ends a process that was never told what to do.
func (l *life) abort(ctx context.Context, cause error) error {
	l.log.Record("error", "Task is not run: "+cause.Error())
	l.session.conn.Close()
	err := l.killer.Kill(ctx)
	l.drain(nil)
	return errors.Join(cause, err)
}

// watch waits until the task process is gone, and ends it where that is due.
func (l *life) watch(ctx context.Context, cancel func(), signals <-chan os.Signal, served chan error) {
	reap := time.NewTicker(reapEvery)
	defer reap.Stop()
	var (
		orphans  bool
		overtime <-chan time.Time
		over     = l.state.seen
		beats    = l.session.beat.verdict
	)
	stop := func(reason string) {
		l.log.Record("error", "Task is stopped: "+reason)
		l.session.close(gateRead)
		l.fault = l.killer.Stop(ctx, func() {
			l.session.close(gateClosed)
			cancel()
		})
		if l.fault == nil {
			l.log.Record("error", "Task is stopped, none of its processes is left")
		}
	}
	for {
		select {
		case <-l.child.Ended():
			return
		case v := <-beats:
			l.ending.byServer, l.ending.stopped = v.byServer, true
			stop(v.reason)
		case err := <-served:
			served <- err // for drain
			served = nil
			var cut *frame.TruncatedError
			if err == nil || errors.As(err, &cut) { // nothing more can come; how it exits decides
				continue
			}
			l.session.conn.Close()
			l.ending.stopped = true
			stop("protocol error on its channel: " + err.Error())
		case <-over:
			over = nil
			overtime = time.After(l.task.shared.settings.Overtime)
		case <-overtime:
			stop(fmt.Sprintf("it reported %s %v ago and did not end", l.state.get(), l.task.shared.settings.Overtime))
		case s := <-signals:
			l.log.Record("warning", fmt.Sprintf("Supervisor received %s: it waits for the task to end", family.SignalName(s.(syscall.Signal))))
		case <-l.child.Orphans():
			orphans = true
		case <-reap.C:
			if orphans {
				orphans = false
				if err := l.child.Reap(); err != nil {
					l.log.Record("warning", "Ended processes could not be reaped", "error", err)
				}
			}
		}
		if l.fault != nil {
			return
		}
	}
}

// drain copies what is left on all channels. They end by themselves once nothing
// of the task lives; a process that is out of reach can hold one open.
func (l *life) drain(served <-chan error) {
	timeout := time.NewTimer(l.task.shared.settings.SocketCleanup)
	defer timeout.Stop()
	logs := l.drains.Done()
	for logs != nil || served != nil {
		select {
		case err := <-served:
			served = nil
			if err != nil && !l.ending.stopped {
				l.log.Record("error", "Protocol error on the channel of the task: "+err.Error())
			}
		case <-logs:
			logs = nil
		case <-timeout.C:
			l.log.Record("warning", "Somebody keeps a channel of the task open; what it still sends is lost", "seconds", l.task.shared.settings.SocketCleanup.Seconds())
			l.session.close(gateClosed)
			l.drains.Cut()
			l.session.conn.Close()
		}
	}
	l.session.conn.Close()
}

// finish says in the log how the process ended and sees to it that the server
// knows the state.
func (l *life) finish(ctx context.Context) error {
	select {
	case <-l.child.Ended():
		l.ending.exit = l.child.Exit()
	default: // it could not be ended
		l.ending.exit = family.Exit{Lost: l.fault}
	}
	level, text := l.ending.exit.Describe()
	l.log.Record(level, text)
	l.explainSwitch()
	l.ending.reported = l.state.get()
	switch {
	case l.ending.byServer:
		l.log.Record("warning", "No state is reported: the server asked for the end of the task")
		return nil
	case l.ending.reported == "":
		if l.ending.exit.Clean() && !l.ending.stopped {
			l.log.Record("error", "Task process ended without reporting a state")
		}
		return l.task.report(ctx, l.ending)
	}
	if err := l.state.deliver(ctx, l.task.server); err != nil {
		l.log.Record("error", "The state of the task could not be reported", "state", l.ending.reported, "error", err)
		return fmt.Errorf("report state %s: %w", l.ending.reported, err)
	}
	l.task.ended(l.ending.reported)
	return nil
}

// explainSwitch names the user where the process ended before the runner said a
// word: sudo's own message does not tell who was to be impersonated.
func (l *life) explainSwitch() {
	if l.task.launch.handed == nil || l.session.served.Load() > 0 || l.ending.exit.Clean() || l.ending.stopped {
		return
	}
	l.log.Record("error", fmt.Sprintf("Task could not be run as %s: %s", l.task.launch.who, l.last.get()))
}

// lastLine keeps the last line of a channel, cut to what an error needs.
type lastLine struct {
	mu   sync.Mutex
	text string
}

func (l *lastLine) set(line []byte) {
	text := strings.TrimSpace(string(line[:min(len(line), 500)]))
	if text == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = strings.ToValidUTF8(text, "\uFFFD")
}

func (l *lastLine) get() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == "" {
		return "it said nothing on standard error"
	}
	return l.text
}
