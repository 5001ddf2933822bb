package runner

import (
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Wire says how the stage writes frames to a runner. The zero value writes each
// frame in one piece, with three elements.
type Wire struct {
	ByteByByte bool // each octet is a send of its own; a descriptor goes with the first
	Elements   int  // elements of each frame; 0 means 3. Fewer leave out nil at the end, more append nil
	WithoutFD  bool // ResendLoggingFD is answered by a frame without descriptor

	// Startup may change the body of StartupDetails before it is written.
	Startup func(body map[string]any)
	// Answer may replace the answer to a request. It gets the type and the body
	// of the request and the answer the world gave, and returns what is written.
	Answer func(kind string, request map[string]any, answer Answer) Answer
}

// Answer is a response before it is written: a body, or an error element, or
// neither.
type Answer struct {
	Body  map[string]any
	Error map[string]any
}

// startup returns the startup frame as the task wants it written.
func (w Wire) startup(payload []byte) ([]byte, error) {
	if w.Startup == nil && w.Elements == 0 {
		return payload, nil
	}
	elements, err := open(payload)
	if err != nil {
		return nil, err
	}
	if body, ok := elements[1].(map[string]any); ok && w.Startup != nil {
		w.Startup(body)
	}
	return w.close(elements)
}

// answer returns a response as the task wants it written.
func (w Wire) answer(request, payload []byte) ([]byte, error) {
	if w.Answer == nil && w.Elements == 0 {
		return payload, nil
	}
	elements, err := open(payload)
	if err != nil {
		return nil, err
	}
	if w.Answer != nil && request != nil {
		asked, err := open(request)
		if err != nil {
			return nil, err
		}
		var a Answer
		a.Body, _ = elements[1].(map[string]any)
		a.Error, _ = elements[2].(map[string]any)
		body, _ := asked[1].(map[string]any)
		kind, _ := body["type"].(string)
		a = w.Answer(kind, body, a)
		elements[1], elements[2] = orNil(a.Body), orNil(a.Error)
	}
	return w.close(elements)
}

// open decodes a payload to its elements, of which there are at least three.
func open(payload []byte) ([]any, error) {
	value, err := message.Raw(payload).Value()
	if err != nil {
		return nil, fmt.Errorf("open frame: %w", err)
	}
	elements, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("open frame: %T is no array", value)
	}
	for len(elements) < 3 {
		elements = append(elements, nil)
	}
	return elements, nil
}

// close encodes the elements, as many as the task wants and the content allows.
func (w Wire) close(elements []any) ([]byte, error) {
	for len(elements) < w.Elements {
		elements = append(elements, nil)
	}
	for w.Elements > 0 && len(elements) > w.Elements && elements[len(elements)-1] == nil {
		elements = elements[:len(elements)-1]
	}
	raw, err := message.RawOf(elements)
	if err != nil {
		return nil, fmt.Errorf("close frame: %w", err)
	}
	return raw, nil
}

func orNil(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}
