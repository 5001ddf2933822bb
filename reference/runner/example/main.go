// Command example is a runner with two tasks of its own, those of the Dag in
// etl.yaml. docs/tutorial-tasks.md builds and runs it.
package main

import (
	"context"
	"fmt"

	"github.com/understudy-conformance/understudy/reference/runner"
)

func main() {
	runner.Register("etl.extract", extract)
	runner.Register("etl.load", load)
	runner.Main()
}

// order is what extract pushes and load pulls.
type order struct {
	Number int64   `json:"number"`
	Amount float64 `json:"amount"`
}

// extract takes the orders from the conf of the Dag run: {"orders": [...]}.
func extract(ctx context.Context, t *runner.Task) error {
	var conf struct {
		Orders []order `json:"orders"`
	}
	if err := t.Conf(&conf); err != nil {
		return runner.Fail(err) // no later attempt would do better
	}
	if len(conf.Orders) == 0 {
		return runner.Skip("no orders in this run")
	}
	t.Log.Info("extracted", "orders", len(conf.Orders))
	return t.Push(ctx, "orders", conf.Orders)
}

// load adds the orders up, in the currency that a variable names.
func load(ctx context.Context, t *runner.Task) error {
	var orders []order
	found, err := t.Pull(ctx, runner.XCom{Key: "orders", Task: "extract"}, &orders)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("task extract pushed no orders")
	}
	currency, err := t.Variable(ctx, "currency")
	if runner.NotFound(err) {
		currency, err = "EUR", nil
	}
	if err != nil {
		return err
	}
	warehouse, err := t.Connection(ctx, "warehouse")
	if err != nil {
		return err
	}
	sum := 0.0
	for _, o := range orders {
		sum += o.Amount
	}
	t.Log.Info("loaded", "into", warehouse.String(), "sum", sum, "currency", currency)
	return t.Push(ctx, "sum", sum)
}
