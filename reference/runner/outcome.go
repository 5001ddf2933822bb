package runner

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// outcome is an error that ends a task in a way of its own.
type outcome struct {
	text   string
	cause  error // of a failure; else nil
	report func(now message.Time, mayRetry bool) message.Body
}

func (o *outcome) Error() string { return o.text }
func (o *outcome) Unwrap() error { return o.cause }

// Fail makes an error that ends the task as failed even where retries are left.
func Fail(cause error) error {
	return &outcome{text: cause.Error(), cause: cause, report: func(now message.Time, _ bool) message.Body {
		return &message.TaskState{State: message.StateFailed, EndDate: &now}
	}}
}

// Retry makes an error that fails the attempt and asks for the next one after a
// delay, in place of the delay that the task has for its retries. Without
// retries left the task fails.
func Retry(cause error, delay time.Duration) error {
	return &outcome{text: cause.Error(), cause: cause, report: func(now message.Time, mayRetry bool) message.Body {
		if !mayRetry {
			return &message.TaskState{State: message.StateFailed, EndDate: &now}
		}
		seconds, reason := delay.Seconds(), cause.Error()
		return &message.RetryTask{EndDate: now, RetryDelaySeconds: &seconds, RetryReason: &reason}
	}}
}

// Skip makes an error that ends the task as skipped.
func Skip(reason string) error {
	return &outcome{text: "skipped: " + reason, report: func(now message.Time, _ bool) message.Body {
		return &message.TaskState{State: message.StateSkipped, EndDate: &now}
	}}
}

// Reschedule makes an error that ends this process; the task starts anew at a
// time. It costs no retry.
func Reschedule(at time.Time) error {
	return &outcome{text: "rescheduled for " + at.UTC().Format(time.RFC3339), report: func(now message.Time, _ bool) message.Body {
		return &message.RescheduleTask{RescheduleDate: message.At(at), EndDate: now}
	}}
}

// Deferral says what to wait for. The trigger is a Python class that Airflow's
// triggerer runs.
type Deferral struct {
	Trigger string         // class path, such as airflow.providers.standard.triggers.temporal.DateTimeTrigger
	Kwargs  map[string]any // of the trigger; values as message.RawOf takes them
	Method  string         // what Task.Context.NextMethod says when the task goes on; default "resume"
	Then    map[string]any // what Task.Context.NextKwargs brings then, beside the event of the trigger
	Timeout time.Duration  // until the task fails; 0 is none
}

// Defer makes an error that ends this process and lets a trigger wait in its
// place. The body of the task is called again when that has fired, with
// NextMethod set in its context. The result is an ordinary error, a failure, if
// the deferral cannot be expressed.
func Defer(d Deferral) error {
	if d.Trigger == "" {
		return errors.New("defer: no trigger")
	}
	body := message.DeferTask{Classpath: d.Trigger, NextMethod: or(d.Method, "resume")}
	var err error
	if body.TriggerKwargs, err = mapping(d.Kwargs); err != nil {
		return fmt.Errorf("defer: arguments of the trigger: %w", err)
	}
	if body.NextKwargs, err = mapping(d.Then); err != nil {
		return fmt.Errorf("defer: arguments of method %s: %w", body.NextMethod, err)
	}
	if d.Timeout > 0 {
		text := fmt.Sprintf("PT%.6fS", d.Timeout.Seconds())
		body.TriggerTimeout = &text
	}
	return &outcome{text: "deferred to " + d.Trigger, report: func(message.Time, bool) message.Body {
		return &body
	}}
}

// mapping encodes m, of which nil is an empty map.
func mapping(m map[string]any) (message.Raw, error) {
	if m == nil {
		m = map[string]any{}
	}
	return message.RawOf(m)
}

// NotFound reports whether an error is the server's word that what was asked for
// is not there: a variable, a connection, an XCom, an asset.
func NotFound(err error) bool {
	var refusal *message.RemoteError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Response.Error {
	case message.VariableNotFound, message.ConnectionNotFound, message.XComNotFound, message.AssetNotFound,
		message.TaskStoreNotFound, message.AssetStoreNotFound:
		return true
	}
	return false
}
