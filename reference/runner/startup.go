package runner

import (
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// Handed is what a supervisor that switches by itself adds to StartupDetails
// under the key "understudy", because the runner, being the target already, can
// read neither the worker's configuration nor its environment.
type Handed struct {
	Settings    map[string]string    // "section.key", see config.Config.All
	Environment map[string]string    // see impersonate.Allowed
	Switched    bool                 // the runner is to switch no more
	Target      *impersonate.Account // who the runner is then; nil has it look that up
	Bundle      string               // where the supervisor found the task declared; "" has the runner look
}

const handedKey = "understudy"

// EncodeStartup returns the payload of the startup frame, which has id 0. Other
// runners ignore the key that is added for handed; it may be nil.
func EncodeStartup(details *message.StartupDetails, handed *Handed) ([]byte, error) {
	payload, err := message.EncodeResponse(message.Response{Body: details})
	if err != nil || handed == nil {
		return payload, err
	}
	value, err := handed.encode()
	if err != nil {
		return nil, fmt.Errorf("encode what is handed over: %w", err)
	}
	// The payload is [0, body, nil]: two bytes, a map, one byte.
	pairs, fields, err := msgp.ReadMapHeaderBytes(payload[2 : len(payload)-1])
	if err != nil {
		return nil, fmt.Errorf("encode what is handed over: %w", err)
	}
	out := make([]byte, 0, len(payload)+len(value)+32)
	out = append(out, payload[:2]...)
	out = msgp.AppendMapHeader(out, pairs+1)
	out = append(out, fields...)
	out = msgp.AppendString(out, handedKey)
	out = append(out, value...)
	return msgp.AppendNil(out), nil
}

// decodeStartup reads the payload of the startup frame. handed is nil where the
// supervisor added nothing.
func decodeStartup(payload []byte) (details *message.StartupDetails, handed *Handed, err error) {
	response, err := message.DecodeResponse(payload)
	if err != nil {
		return nil, nil, fmt.Errorf("read startup details: %w", err)
	}
	if refusal := message.AsError(response); refusal != nil {
		return nil, nil, fmt.Errorf("read startup details: the supervisor sent an error: %w", refusal.Err())
	}
	details, ok := response.Body.(*message.StartupDetails)
	if !ok {
		return nil, nil, fmt.Errorf("read startup details: the first frame holds %T", response.Body)
	}
	value, err := extension(payload)
	if value == nil || err != nil {
		return details, nil, err
	}
	if handed, err = decodeHanded(value); err != nil {
		return nil, nil, fmt.Errorf("read startup details: %s: %w", handedKey, err)
	}
	return details, handed, nil
}

// extension finds the value under handedKey in the body of a payload that was
// decoded before, and so is well-formed.
func extension(payload []byte) (message.Raw, error) {
	_, b, err := msgp.ReadArrayHeaderBytes(payload)
	if err != nil {
		return nil, err
	}
	if b, err = msgp.Skip(b); err != nil { // the id
		return nil, err
	}
	pairs, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	var found message.Raw
	for range pairs {
		var key []byte
		if key, b, err = msgp.ReadStringZC(b); err != nil {
			return nil, err
		}
		rest, err := msgp.Skip(b)
		if err != nil {
			return nil, err
		}
		if string(key) == handedKey {
			found = message.Raw(b[:len(b)-len(rest)])
		}
		b = rest
	}
	return found, nil
}
