package probe

import (
	"context"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// setXCom stores a value under a key of the task itself.
func (a *attempt) setXCom(ctx context.Context, key string, value message.Raw) error {
	_, err := a.Supervisor.Ask(ctx, &message.SetXCom{
		Key: key, Value: value,
		DagID: a.TI.DagID, RunID: a.TI.RunID, TaskID: a.TI.TaskID, MapIndex: a.mapIndex(),
	})
	return err
}

func (a *attempt) mapIndex() *int {
	index := message.Or(a.TI.MapIndex, -1)
	return &index
}

// xcom returns a value of any task, nil where there is none.
func (a *attempt) xcom(ctx context.Context, args arguments) (message.Raw, error) {
	task, err := args.text("task_id")
	if err != nil {
		return nil, err
	}
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	run, err := args.optionalText("run_id", a.TI.RunID)
	if err != nil {
		return nil, err
	}
	dag, err := args.optionalText("dag_id", a.TI.DagID)
	if err != nil {
		return nil, err
	}
	answer, err := ask[*message.XComResult](ctx, a.Supervisor, &message.GetXCom{Key: key, DagID: dag, RunID: run, TaskID: task})
	if err != nil {
		return nil, err
	}
	return answer.Value, nil
}

func pushXCom(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	value, err := message.RawOf(args["value"])
	if err != nil {
		return nil, err
	}
	return nil, a.setXCom(ctx, key, value)
}

func pullXCom(ctx context.Context, a *attempt, args arguments) (any, error) {
	value, err := a.xcom(ctx, args)
	if value == nil || err != nil {
		return nil, err
	}
	return value, nil
}

func deleteXCom(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	_, err = a.Supervisor.Ask(ctx, &message.DeleteXCom{
		Key: key, DagID: a.TI.DagID, RunID: a.TI.RunID, TaskID: a.TI.TaskID, MapIndex: a.mapIndex(),
	})
	return nil, err
}
