package runner_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/runner"
)

func greet(ctx context.Context, t *runner.Task) error {
	name, err := t.Variable(ctx, "name")
	if err != nil {
		return err
	}
	t.Log.Info("greeting", "name", name)
	return t.Push(ctx, "greeting", "hello "+name)
}

func Example() {
	main := func() { // of a program of your own
		runner.Register("welcome.greet", greet)
		runner.Main()
	}
	_ = main
}

// stub answers what greet asks.
type stub struct{}

func (stub) Ask(_ context.Context, request message.Body) (message.Body, error) {
	switch r := request.(type) {
	case *message.GetVariable:
		value := "Alice"
		return &message.VariableResult{Key: r.Key, Value: &value}, nil
	case *message.SetXCom:
		value, err := r.Value.Value()
		fmt.Println(r.Key, "=", value)
		return nil, err
	}
	return nil, fmt.Errorf("unexpected %s", request.MessageType())
}

// A body is tested without Airflow: a Task made by hand has whatever supervisor
// it is given.
func ExampleTask() {
	t := &runner.Task{
		TI:         message.TaskInstance{DagID: "welcome", TaskID: "greet", RunID: "r1"},
		Supervisor: stub{},
		Log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	fmt.Println(greet(context.Background(), t))
	// Output:
	// greeting = hello Alice
	// <nil>
}
