package probe

import (
	"context"
	"math"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/runner"
)

// xcom returns a value of any task, nil where there is none.
func (a *attempt) xcom(ctx context.Context, args arguments) (message.Raw, error) {
	var x runner.XCom
	var err error
	if x.Task, err = args.text("task_id"); err != nil {
		return nil, err
	}
	if x.Key, err = args.text("key"); err != nil {
		return nil, err
	}
	if x.Run, err = args.optionalText("run_id", ""); err != nil {
		return nil, err
	}
	if x.Dag, err = args.optionalText("dag_id", ""); err != nil {
		return nil, err
	}
	if _, given := args["map_index"]; given {
		index, err := args.count("map_index", 0, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		x.MapIndex = &index
	}
	var value message.Raw
	_, err = a.Pull(ctx, x, &value)
	return value, err
}

func pushXCom(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	return nil, a.Push(ctx, key, args["value"])
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
	return nil, a.DeleteXCom(ctx, runner.XCom{Key: key})
}
