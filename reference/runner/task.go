package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Supervisor answers requests. A refusal, in either of its two shapes, is an
// error in which errors.As finds *message.RemoteError; the body is nil where
// the answer has none.
type Supervisor interface {
	Ask(ctx context.Context, request message.Body) (message.Body, error)
}

// Task is one attempt of a task, and its way to the server. All its methods may
// be called by many goroutines at once: requests are in flight together, and
// one that is given up, by its ctx, disturbs no other.
//
// A runner fills every field. To test a body, make a Task by hand and give it a
// Supervisor that answers what the body asks.
type Task struct {
	TI             message.TaskInstance
	Context        message.TIRunContext // the Dag run, whether a failure is retried, where a deferred task goes on
	Supervisor     Supervisor
	Settings       func(section, key string) (value string, ok bool) // of Airflow's configuration
	Log            *slog.Logger                                      // lines of the task log
	Stdout, Stderr io.Writer                                         // become lines of the task log too
}

// LevelCritical is above slog's highest level, as Python's is above error.
const LevelCritical = slog.LevelError + 4

// Ask sends any request of the protocol. The other methods are made of it.
func (t *Task) Ask(ctx context.Context, request message.Body) (message.Body, error) {
	return t.Supervisor.Ask(ctx, request)
}

// ask sends a request whose answer has to be of type A.
func ask[A message.Body](ctx context.Context, t *Task, request message.Body) (A, error) {
	var none A
	body, err := t.Ask(ctx, request)
	if err != nil {
		return none, err
	}
	answer, ok := body.(A)
	if !ok {
		got := "an empty answer"
		if body != nil {
			got = body.MessageType()
		}
		return none, fmt.Errorf("%s: expected %s, got %s", request.MessageType(), none.MessageType(), got)
	}
	return answer, nil
}

// Setting returns an option of Airflow's configuration; ok is false where it has
// no value. After a switch these are the worker's options without its secrets.
func (t *Task) Setting(section, key string) (value string, ok bool) {
	if t.Settings == nil {
		return "", false
	}
	return t.Settings(section, key)
}

// Conf decodes dag_run.conf, as Pull does. Without conf, into stays as it is.
func (t *Task) Conf(into any) error {
	if t.Context.DagRun.Conf == nil {
		return nil
	}
	if err := decode(t.Context.DagRun.Conf, into); err != nil {
		return fmt.Errorf("read dag_run.conf: %w", err)
	}
	return nil
}

// Mask has the supervisor hide a value, and every value in it, in the task log.
// name, which may be empty, says what it is the value of.
func (t *Task) Mask(ctx context.Context, name string, value any) error {
	raw, err := encode(value)
	if err != nil {
		return fmt.Errorf("mask a secret: %w", err)
	}
	request := &message.MaskSecret{Value: raw}
	if name != "" {
		request.Name = &name
	}
	_, err = t.Ask(ctx, request)
	return err
}

// encode makes a MessagePack value of what RawOf takes, and of anything else by
// way of JSON.
func encode(value any) (message.Raw, error) {
	if raw, err := message.RawOf(value); err == nil {
		return raw, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var raw message.Raw
	err = raw.UnmarshalJSON(text)
	return raw, err
}

// decode reads a MessagePack value into *message.Raw as it is, into *any as
// message.Raw.Value does, into anything else by way of JSON.
func decode(raw message.Raw, into any) error {
	switch into := into.(type) {
	case *message.Raw:
		*into = raw
		return nil
	case *any:
		value, err := raw.Value()
		*into = value
		return err
	}
	text, err := raw.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
