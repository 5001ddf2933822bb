package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// lastVerb is how long a cancelled task has to notice it once nobody is there
// any more to report to.
const lastVerb = time.Second

var (
	errParentEnded = errors.New("the parent process has ended")
	errGoexit      = errors.New("the body of the task ended its goroutine by runtime.Goexit")
)

// stoppedBy is the cause of a cancellation by signal.
type stoppedBy struct{ signal os.Signal }

func (e stoppedBy) Error() string { return fmt.Sprintf("stopped by %v", e.signal) }

// perform runs the task in this process, reports how it ended and ends what it
// left running. It returns the exit code.
func (s *execution) perform() int {
	if s.signals == nil {
		s.signals = catchSignals()
	}
	<-s.signals.ready
	s.lines.ready()
	family, err := adoptOrphans(s.signals.child)
	if err != nil {
		return s.refuse(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stopSignals := s.cancelBySignal(cancel)
	defer stopSignals()

	ended := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { ended <- err }()
		err = s.userCode(ctx)
	}()

	parent := watchParent()
	select {
	case err := <-ended:
		code := s.finish(err)
		s.endFamily(family)
		return code
	case <-parent:
		err = errParentEnded
	case <-s.channel.ended:
		err = s.channel.err
	}
	return s.abandon(err, cancel, ended, family)
}

// abandon ends a task that nobody supervises any more (IMP-029).
func (s *execution) abandon(err error, cancel context.CancelCauseFunc, ended <-chan error, family *family) int {
	err = fmt.Errorf("the task is ended, since there is no supervisor: %w", err)
	cancel(err)
	select {
	case <-ended:
	case <-time.After(lastVerb):
	}
	s.endFamily(family)
	s.refuse(err)
	return 1
}

func (s *execution) endFamily(f *family) {
	left, err := f.end(s.settings.killStep)
	if err != nil {
		s.log.Error("whether the task left processes cannot be seen", "error", err)
	}
	if len(left) > 0 {
		s.log.Error("processes that the task started could not be ended", "pids", left)
	}
}

// cancelBySignal cancels the task on the first SIGTERM or SIGINT. The next ones
// find it cancelled already (LIFE-027).
func (s *execution) cancelBySignal(cancel context.CancelCauseFunc) (stop func()) {
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-s.signals.stop:
			s.log.Warn("the task is to stop", "signal", sig.String())
			cancel(stoppedBy{sig})
		case <-done:
		}
	}()
	return func() { close(done) }
}

// userCode runs the body of the task. A panic is an error with its stack in the
// log.
func (s *execution) userCode(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
			s.log.Error(err.Error(), "stack", string(debug.Stack()))
		}
	}()
	return s.bodies.find(s.details.TI)(ctx, &Task{
		TI:         s.details.TI,
		Context:    s.details.TIContext,
		Supervisor: s.channel,
		Settings:   s.config.Get,
		Log:        s.log,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
	})
}

// finish sends the terminal message for the end of user code.
func (s *execution) finish(err error) int {
	now := message.At(time.Now())
	mayRetry := s.details.TIContext.ShouldRetry
	var end *outcome
	switch {
	case err == nil:
		// Empty lists, as Airflow's runner sends them: its supervisor passes on what it
		// gets, and the API takes no null there.
		return s.report(&message.SucceedTask{EndDate: now, TaskOutlets: []message.AssetProfile{}, OutletEvents: []message.Raw{}})
	case errors.As(err, &end):
		if end.cause != nil {
			s.logFailure(err)
		} else {
			s.log.Info("task ends: " + err.Error())
		}
		return s.report(end.report(now, mayRetry))
	case mayRetry:
		s.logFailure(err)
		return s.report(&message.RetryTask{EndDate: now})
	default:
		s.logFailure(err)
		return s.report(&message.TaskState{State: message.StateFailed, EndDate: &now})
	}
}

func (s *execution) logFailure(err error) {
	kind := err
	var end *outcome
	if errors.As(err, &end) {
		kind = end.cause
	}
	s.log.Error("task failed: "+err.Error(), "exception", []map[string]any{{
		"exc_type": fmt.Sprintf("%T", kind), "exc_value": err.Error(), "exc_notes": []string{},
		"syntax_error": nil, "is_cause": false, "frames": []any{},
	}})
}

// report sends the one terminal message and returns the exit code: 0 if it was
// delivered. An answer means that, and so does silence for terminal_timeout: an
// answer may take a while or never come (LANG-006).
//
// An error as answer means that the state did not reach the server, and the end
// of the channel that perhaps it did not. Of a success the supervisor knows then
// and repeats it, so the exit code is 0; of anything else exit code 1 is what it
// has to go by (LIFE-016).
func (s *execution) report(terminal message.Body) int {
	ctx, cancel := context.WithTimeoutCause(context.Background(), s.settings.terminalTimeout, errNoAnswer)
	defer cancel()
	_, err := s.channel.Ask(ctx, terminal)
	if err == nil || errors.Is(err, errNoAnswer) {
		return 0
	}
	state, _ := message.TerminalState(terminal)
	s.refuse(fmt.Errorf("report the end of the task as %s: %w", state, err))
	var remote *message.RemoteError
	if state == message.StateSuccess && (errors.As(err, &remote) || errors.Is(err, errClosed)) {
		return 0
	}
	return 1
}

var errNoAnswer = errors.New("no answer in time")
