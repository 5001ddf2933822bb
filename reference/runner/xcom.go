package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// XCom names a value that a task pushed. What is empty is the asking task's own:
// XCom{Key: "rows"} is its own value, XCom{Key: "rows", Task: "extract"} that of
// another task in the same run.
type XCom struct {
	Key        string
	Task, Dag  string
	Run        string
	MapIndex   *int // nil: -1, the value of a task that is not mapped
	PriorDates bool // also take the value of an earlier run, if this one has none; for Pull and PullSlice
}

// ErrNoXCom is wrapped by the error of PullItem where there is no such item.
var ErrNoXCom = errors.New("no such XCom")

func (x XCom) withOwn(t *Task) XCom {
	x.Dag, x.Run, x.Task = or(x.Dag, t.TI.DagID), or(x.Run, t.TI.RunID), or(x.Task, t.TI.TaskID)
	return x
}

func or(value, absent string) string {
	if value == "" {
		return absent
	}
	return value
}

// Push stores a value under a key of the task itself, in place of an earlier
// one. The value is anything that message.RawOf or encoding/json takes.
func (t *Task) Push(ctx context.Context, key string, value any) error {
	raw, err := encode(value)
	if err != nil {
		return fmt.Errorf("push XCom %q: %w", key, err)
	}
	index := message.Or(t.TI.MapIndex, -1)
	_, err = t.Ask(ctx, &message.SetXCom{
		Key: key, Value: raw, DagID: t.TI.DagID, RunID: t.TI.RunID, TaskID: t.TI.TaskID, MapIndex: &index,
	})
	return err
}

// Pull decodes a value into what into points to: *message.Raw gets it as it is,
// *any as message.Raw.Value gives it, anything else by way of JSON. found is
// false, and into unchanged, where there is none; a null that was pushed
// counts as none, since Airflow answers alike.
func (t *Task) Pull(ctx context.Context, x XCom, into any) (found bool, err error) {
	x = x.withOwn(t)
	answer, err := ask[*message.XComResult](ctx, t, &message.GetXCom{
		Key: x.Key, DagID: x.Dag, RunID: x.Run, TaskID: x.Task, MapIndex: x.MapIndex, IncludePriorDates: x.PriorDates,
	})
	if err != nil || answer.Value == nil {
		return false, err
	}
	if err := decode(answer.Value, into); err != nil {
		return true, fmt.Errorf("pull XCom %q of task %q: %w", x.Key, x.Task, err)
	}
	return true, nil
}

// Count returns how many instances of a mapped task have pushed the key. The map
// index of x does not matter.
func (t *Task) Count(ctx context.Context, x XCom) (int, error) {
	x = x.withOwn(t)
	answer, err := ask[*message.XComCountResponse](ctx, t, &message.GetXComCount{Key: x.Key, DagID: x.Dag, RunID: x.Run, TaskID: x.Task})
	if err != nil {
		return 0, err
	}
	return answer.Len, nil
}

// PullItem decodes, as Pull does, what the offset-th of the instances of a
// mapped task pushed that have pushed the key; negative offsets count from the
// end. The error wraps ErrNoXCom if there are fewer.
func (t *Task) PullItem(ctx context.Context, x XCom, offset int, into any) error {
	x = x.withOwn(t)
	answer, err := ask[*message.XComSequenceIndexResult](ctx, t, &message.GetXComSequenceItem{
		Key: x.Key, DagID: x.Dag, RunID: x.Run, TaskID: x.Task, Offset: offset,
	})
	if refusal := (*message.RemoteError)(nil); errors.As(err, &refusal) && refusal.Response.Error == message.XComNotFound {
		return fmt.Errorf("pull XCom %q of task %q, item %d: %w: %w", x.Key, x.Task, offset, ErrNoXCom, err)
	}
	if err != nil {
		return err
	}
	if err := decode(answer.Root, into); err != nil {
		return fmt.Errorf("pull XCom %q of task %q, item %d: %w", x.Key, x.Task, offset, err)
	}
	return nil
}

// Slice bounds a sequence as Python does: nil is the end in question, negative
// numbers count from the end, a negative step goes backwards.
type Slice struct{ Start, Stop, Step *int }

// PullSlice decodes into a slice, as Pull does, what the instances of a mapped
// task pushed under the key, in the order of their map index.
func (t *Task) PullSlice(ctx context.Context, x XCom, s Slice, into any) error {
	x = x.withOwn(t)
	answer, err := ask[*message.XComSequenceSliceResult](ctx, t, &message.GetXComSequenceSlice{
		Key: x.Key, DagID: x.Dag, RunID: x.Run, TaskID: x.Task,
		Start: s.Start, Stop: s.Stop, Step: s.Step, IncludePriorDates: x.PriorDates,
	})
	if err != nil {
		return err
	}
	values := make([]any, len(answer.Root))
	for i, value := range answer.Root {
		values[i] = value
	}
	all, err := message.RawOf(values)
	if err == nil {
		err = decode(all, into)
	}
	if err != nil {
		return fmt.Errorf("pull XCom %q of task %q: %w", x.Key, x.Task, err)
	}
	return nil
}

// DeleteXCom removes a value. Without map index in x, that of the asking task
// counts.
func (t *Task) DeleteXCom(ctx context.Context, x XCom) error {
	x = x.withOwn(t)
	if x.MapIndex == nil {
		index := message.Or(t.TI.MapIndex, -1)
		x.MapIndex = &index
	}
	_, err := t.Ask(ctx, &message.DeleteXCom{Key: x.Key, DagID: x.Dag, RunID: x.Run, TaskID: x.Task, MapIndex: x.MapIndex})
	return err
}
