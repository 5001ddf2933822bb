package strict

import (
	"fmt"
	"math"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// CheckRequest reports what is wrong with a payload from a runner, in addition
// to what Check reports.
func CheckRequest(payload []byte) []Problem {
	return checkEnvelope(payload, 2, 4, (*envelope).request)
}

// CheckResponse reports what is wrong with a payload from a supervisor, in
// addition to what Check reports.
func CheckResponse(payload []byte) []Problem {
	return checkEnvelope(payload, 3, 3, (*envelope).response)
}

// checkEnvelope wants an array of from least to most elements. What a request has
// beyond them is permitted: releases have added to it twice.
func checkEnvelope(payload []byte, least, most int, elements func(*envelope)) []Problem {
	c := &checker{b: payload}
	if !c.value(0) {
		return c.result() // the elements cannot be told apart
	}
	end := c.at
	if end < len(payload) {
		c.fault(end, Trailing, fmt.Sprintf("%d bytes after the value", len(payload)-end))
	}
	t, _ := token.Read(payload)
	if t.Kind != token.Array {
		c.fault(0, NoArray, fmt.Sprintf("%s instead of an array", t.Kind))
		return c.result()
	}
	switch {
	case least == most && t.Count != most:
		c.fault(0, Arity, fmt.Sprintf("%d elements instead of %d", t.Count, most))
	case t.Count < least:
		c.fault(0, Arity, fmt.Sprintf("%d elements instead of %d to %d", t.Count, least, most))
	case t.Count > most:
		c.add(Problem{Offset: 0, Rule: Arity, Severity: Note, Text: fmt.Sprintf("%d elements, of which %d are known", t.Count, most)})
	}
	e := &envelope{checker: c, left: t.Count, at: t.Head, end: end}
	e.id()
	elements(e)
	return c.result()
}

// envelope walks over the elements of an array that is known to be complete.
type envelope struct {
	*checker
	left int // elements to come
	at   int
	end  int // offset behind the array
}

// element is a value with its place in the payload.
type element struct {
	token.Token
	offset int
	bytes  []byte
}

// next returns the next element, or false and the end of the array.
func (e *envelope) next() (element, bool) {
	if e.left == 0 {
		return element{offset: e.end}, false
	}
	e.left--
	el := e.read(e.at)
	e.at += len(el.bytes)
	return el, true
}

// read returns the value at an offset.
func (e *envelope) read(offset int) element {
	t, _ := token.Read(e.b[offset:])
	n, _ := token.Skip(e.b[offset:], token.MaxDepth)
	return element{Token: t, offset: offset, bytes: e.b[offset : offset+n]}
}

func (e *envelope) id() {
	el, ok := e.next()
	if !ok {
		e.fault(el.offset, ID, "no id")
		return
	}
	if el.Kind != token.Int {
		e.fault(el.offset, ID, fmt.Sprintf("%s as id", el.Kind))
	} else if u, _, err := msgp.ReadUint64Bytes(el.bytes); err != nil || u > math.MaxInt64 {
		e.fault(el.offset, ID, "id outside 0..2^63-1")
	}
}

func (e *envelope) request() {
	body, ok := e.next()
	if !ok {
		e.fault(body.offset, Body, "no body")
		return
	}
	if body.Kind != token.Map {
		e.fault(body.offset, Body, fmt.Sprintf("%s as body", body.Kind))
	} else {
		e.typed(body)
	}
	if carrier, ok := e.next(); ok && carrier.Kind != token.Nil {
		e.carrier(carrier)
	}
	if of, ok := e.next(); ok && of.Kind != token.Nil && of.Kind != token.Str {
		e.fault(of.offset, TaskInstance, fmt.Sprintf("%s as id of a task instance", of.Kind))
	}
}

func (e *envelope) response() {
	body, ok := e.next()
	if !ok {
		return
	}
	switch body.Kind {
	case token.Nil:
	case token.Map:
		e.typed(body)
	default:
		e.fault(body.offset, Body, fmt.Sprintf("%s as body", body.Kind))
	}
	refusal, ok := e.next()
	if !ok || refusal.Kind == token.Nil {
		return
	}
	if refusal.Kind != token.Map {
		e.fault(refusal.offset, Refusal, fmt.Sprintf("%s as error", refusal.Kind))
		return
	}
	e.typed(refusal)
	if body.Kind != token.Nil {
		e.fault(refusal.offset, Refusal, "body and error in one response")
	}
}

// typed checks that a map has a string under the key "type".
func (e *envelope) typed(m element) {
	found := false
	e.eachPair(m, func(key, value element) {
		if key.Kind != token.Str || string(key.bytes[key.Head:]) != "type" {
			return
		}
		found = true
		if value.Kind != token.Str {
			e.fault(value.offset, Type, fmt.Sprintf("%s as type", value.Kind))
		}
	})
	if !found {
		e.fault(m.offset, Type, "map without type")
	}
}

// carrier checks that a value is a map of strings. Keys are Check's business.
func (e *envelope) carrier(m element) {
	if m.Kind != token.Map {
		e.fault(m.offset, Carrier, fmt.Sprintf("%s as trace context", m.Kind))
		return
	}
	e.eachPair(m, func(_, value element) {
		if value.Kind != token.Str {
			e.fault(value.offset, Carrier, fmt.Sprintf("%s in trace context", value.Kind))
		}
	})
}

func (e *envelope) eachPair(m element, visit func(key, value element)) {
	at := m.offset + m.Head
	for range m.Count {
		key := e.read(at)
		at += len(key.bytes)
		value := e.read(at)
		at += len(value.bytes)
		visit(key, value)
	}
}
