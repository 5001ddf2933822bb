package probe

import (
	"context"
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
)

func getConnection(ctx context.Context, a *attempt, args arguments) (any, error) {
	id, err := args.text("conn_id")
	if err != nil {
		return nil, err
	}
	body, err := a.Ask(ctx, &message.GetConnection{ConnID: id})
	if err != nil {
		return nil, err
	}
	c, ok := body.(*message.ConnectionResult)
	if !ok {
		return nil, fmt.Errorf("expected a connection, got %T", body)
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
	return a.Variable(ctx, key)
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
	return nil, a.PutVariable(ctx, key, value, "")
}

func deleteVariable(ctx context.Context, a *attempt, args arguments) (any, error) {
	key, err := args.text("key")
	if err != nil {
		return nil, err
	}
	return nil, a.DeleteVariable(ctx, key)
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

func maskSecret(ctx context.Context, a *attempt, args arguments) (any, error) {
	name, err := args.optionalText("name", "")
	if err != nil {
		return nil, err
	}
	return nil, a.Mask(ctx, name, args["value"])
}
