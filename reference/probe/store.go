package probe

import (
	"context"
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// ask sends a request whose answer has to be of type A.
func ask[A message.Body](ctx context.Context, client Client, request message.Body) (A, error) {
	var none A
	body, err := client.Ask(ctx, request)
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

func getConnection(ctx context.Context, a *attempt, args arguments) (any, error) {
	id, err := args.text("conn_id")
	if err != nil {
		return nil, err
	}
	c, err := ask[*message.ConnectionResult](ctx, a.Supervisor, &message.GetConnection{ConnID: id})
	if err != nil {
		return nil, err
	}
	result := map[string]any{
		"conn_id": c.ConnID, "conn_type": c.ConnType, "host": optional(c.Host), "schema": optional(c.Schema),
		"login": optional(c.Login), "password": optional(c.Password), "port": optional(c.Port), "extra": optional(c.Extra),
	}
	return result, nil
}

// optional turns a nil pointer into a plain nil.
func optional[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func getVariable(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	answer, err := ask[*message.VariableResult](ctx, a.Supervisor, &message.GetVariable{Key: key})
	if err != nil {
		return nil, err
	}
	return optional(answer.Value), nil
}

func putVariable(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	value, err := args.text("value")
	if err != nil {
		return nil, err
	}
	_, err = a.Supervisor.Ask(ctx, &message.PutVariable{Key: key, Value: &value})
	return nil, err
}

func deleteVariable(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	_, err = a.Supervisor.Ask(ctx, &message.DeleteVariable{Key: key})
	return nil, err
}

func setting(_ context.Context, a *attempt, args arguments) (any, error) {
	section, err := args.text("section")
	if err != nil {
		return nil, err
	}
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	if value, ok := a.Setting(section, key); ok {
		return value, nil
	}
	return nil, nil
}
