package message

import (
	"errors"
	"reflect"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// Request is what a runner sends. Nothing follows from its id but the id of the
// answer: ids may repeat and need not grow.
type Request struct {
	ID      int64
	Body    Body
	Carrier map[string]string // trace context to pass on, or nil
}

// Response is what a supervisor answers. Body and Err are both nil where there
// is nothing to tell.
type Response struct {
	ID   int64
	Body Body
	Err  *ErrorResponse
}

var (
	errNoBody     = errors.New("request without body")
	errNegativeID = errors.New("id below 0")
)

// EncodeRequest returns the payload [id, body, carrier or nil], which is to be
// framed. The body must not be nil.
func EncodeRequest(r Request) ([]byte, error) {
	if r.Body == nil {
		return nil, errNoBody
	}
	dst, err := appendBody(appendHead(r.ID), r.Body)
	if err != nil {
		return nil, err
	}
	if r.Carrier == nil {
		return msgp.AppendNil(dst), nil
	}
	return appendMap(dst, r.Carrier, token.MaxDepth)
}

// EncodeResponse returns the payload [id, body or nil, error or nil], which is
// to be framed.
func EncodeResponse(r Response) ([]byte, error) {
	dst, err := appendBody(appendHead(r.ID), r.Body)
	if err != nil {
		return nil, err
	}
	if r.Err == nil {
		return msgp.AppendNil(dst), nil
	}
	return appendBody(dst, r.Err)
}

func appendHead(id int64) []byte {
	dst := msgp.AppendArrayHeader(make([]byte, 0, 256), 3)
	return appendInt(dst, id)
}

// DecodeRequest reads a payload without its frame header. Every error is a
// *DecodeError. A third element that is no map of strings is read as no carrier,
// since no request shall fail for its tracing.
func DecodeRequest(payload []byte) (Request, error) {
	var r Request
	e, err := open(payload)
	if err != nil {
		return r, err
	}
	r.ID = e.id
	if e.elements < 2 || e.d.null() {
		return r, e.fail("", "", errNoBody)
	}
	if r.Body, err = e.body(requests); err != nil {
		return r, err
	}
	if e.elements > 2 {
		r.Carrier = carrier(e.d.skip())
	}
	return r, nil
}

// Keys lists the keys of the body of a request or response, known ones and others, as
// they stand in the payload; none of a payload that has no such body.
func Keys(payload []byte) []string {
	e, err := open(payload)
	if err != nil || e.elements < 2 || e.d.kind() != token.Map {
		return nil
	}
	t := e.d.next()
	e.d.b = e.d.b[t.Head:]
	var keys []string
	for range t.Count {
		key, err := e.d.key()
		if err != nil {
			return nil // no string: what is no key of a body is no key
		}
		keys = append(keys, string(key))
		e.d.skip()
	}
	return keys
}

// DecodeResponse reads a payload without its frame header. Every error is a
// *DecodeError.
func DecodeResponse(payload []byte) (Response, error) {
	var r Response
	e, err := open(payload)
	if err != nil {
		return r, err
	}
	r.ID = e.id
	if e.elements > 1 && !e.d.null() {
		if r.Body, err = e.body(responses); err != nil {
			return r, err
		}
	}
	if e.elements > 2 && !e.d.null() {
		refusal := new(ErrorResponse)
		p := responses.find([]byte(refusal.MessageType())).plan()
		if err := p.decode(&e.d, reflect.ValueOf(refusal).Elem()); err != nil {
			path, cause := located(refusal.MessageType(), err)
			return r, e.fail(refusal.MessageType(), path, cause)
		}
		r.Err = refusal
	}
	return r, nil
}

// opened is a payload whose structure was checked and whose id was read.
type opened struct {
	d        decoder
	id       int64
	hasID    bool
	elements int
}

func open(payload []byte) (*opened, error) {
	e := &opened{d: decoder{b: payload}}
	structure := malformed(token.Check(payload))
	t, fault := token.Read(payload)
	if fault == nil && t.Kind == token.Array && t.Count > 0 {
		e.elements = t.Count
		e.d.b = payload[t.Head:]
		e.d.depth = 1
		id, err := e.d.integer()
		e.id, e.hasID = id, err == nil
		if structure == nil && err != nil {
			return nil, e.fail("", "id", err)
		}
	}
	switch {
	case structure != nil:
		return nil, e.fail("", "", structure)
	case t.Kind != token.Array:
		return nil, e.fail("", "", &MalformedError{Reason: "expected array, got " + t.Kind.String()})
	case t.Count == 0:
		return nil, e.fail("", "", &MalformedError{Reason: "array without id"})
	case e.id < 0:
		return nil, e.fail("", "", errNegativeID)
	}
	return e, nil
}

func (e *opened) fail(messageType, path string, err error) error {
	return &DecodeError{ID: e.id, HasID: e.hasID, Type: messageType, Path: path, Err: err}
}

func (e *opened) body(r registry) (Body, error) {
	if e.d.kind() != token.Map {
		return nil, e.fail("", "", e.d.mismatch("map as body"))
	}
	text, err := typeOf(e.d)
	if err != nil {
		path, cause := located("", err)
		return nil, e.fail("", path, cause)
	}
	known := r.find(text)
	if known == nil {
		name := string(text)
		return nil, e.fail(name, "", &UnknownTypeError{Type: name})
	}
	name := known.body.MessageType()
	v := reflect.New(known.typ())
	if err := known.plan().decode(&e.d, v.Elem()); err != nil {
		path, cause := located(name, err)
		return nil, e.fail(name, path, cause)
	}
	return v.Interface().(Body), nil
}

// typeOf finds the last key "type" of the map at d, which it does not move.
func typeOf(d decoder) ([]byte, error) {
	t := d.next()
	d.b = d.b[t.Head:]
	var name []byte
	found := false
	for range t.Count {
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if string(key) != "type" {
			d.skip()
			continue
		}
		if name, err = d.str(); err != nil {
			return nil, at("type", err)
		}
		found = true
	}
	if !found {
		return nil, at("type", &MissingFieldError{Field: "type"})
	}
	return name, nil
}

// carrier reads a map of strings, or gives nil for anything else.
func carrier(value []byte) map[string]string {
	d := decoder{b: value}
	if d.kind() != token.Map {
		return nil
	}
	pairs, err := d.enter(token.Map)
	if err != nil {
		return nil
	}
	m := map[string]string{}
	for range pairs {
		key, err := d.key()
		if err != nil {
			return nil
		}
		text, err := d.str()
		if err != nil {
			return nil
		}
		m[string(key)] = string(text)
	}
	return m
}
