package message

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/understudy-conformance/understudy/protocol/release"
)

// Direction says who sends a payload.
type Direction int

// The two directions.
const (
	ToSupervisor Direction = iota // requests
	ToRunner                      // responses
)

func (d Direction) String() string {
	if d == ToSupervisor {
		return "runner -> supervisor"
	}
	return "supervisor -> runner"
}

func (d Direction) registry() registry {
	if d == ToSupervisor {
		return requests
	}
	return responses
}

// registry knows the messages of one direction, sorted by name. The compiler
// lays it out, so that it costs nothing at the start of a program.
type registry []entry

type entry struct {
	body  Body   // a nil pointer to the struct
	since string // the first release that has it; "" where that is older than this package
	until string // the first one that has it no longer
	once  sync.Once
	made  *plan // by once
}

// find returns the entry of a message type, or nil.
func (r registry) find(messageType []byte) *entry {
	low, high := 0, len(r)
	for low < high {
		middle := (low + high) / 2
		switch name := r[middle].body.MessageType(); {
		case string(messageType) == name:
			return &r[middle]
		case string(messageType) > name:
			low = middle + 1
		default:
			high = middle
		}
	}
	return nil
}

func (e *entry) typ() reflect.Type { return reflect.TypeOf(e.body).Elem() }

// plan makes the plan when a type is first used: a task uses a handful of the
// types, and all plans together would cost each start of a runner a millisecond.
func (e *entry) plan() *plan {
	e.once.Do(func() { e.made = planOf(e.typ()) })
	return e.made
}

// Types lists the message types of a direction in alphabetical order.
func Types(d Direction) []string {
	r := d.registry()
	names := make([]string, len(r))
	for i := range r {
		names[i] = r[i].body.MessageType()
	}
	return names
}

// TypesAt lists those of Types that a release has.
func TypesAt(d Direction, v release.Version) []string {
	r := d.registry()
	var names []string
	for i := range r {
		if r[i].at(v) {
			names = append(names, r[i].body.MessageType())
		}
	}
	return names
}

// New returns an empty message of the given type, or *UnknownTypeError.
func New(d Direction, messageType string) (Body, error) {
	e := d.registry().find([]byte(messageType))
	if e == nil {
		return nil, &UnknownTypeError{Type: messageType}
	}
	return reflect.New(e.typ()).Interface().(Body), nil
}

// Field describes a key of a body.
type Field struct {
	Name     string
	Required bool // decoding fails without it
	Nullable bool // null is accepted
}

// Fields lists the keys of a message, without "type", in the order in which they
// are written. It is nil for a type the direction does not have.
func Fields(d Direction, messageType string) []Field {
	e := d.registry().find([]byte(messageType))
	if e == nil {
		return nil
	}
	var fields []Field
	for _, f := range e.plan().fields {
		fields = append(fields, Field{Name: f.name, Required: f.required, Nullable: f.nullable})
	}
	return fields
}

// appendBody writes a body of either direction, or nil.
func appendBody(dst []byte, body Body) ([]byte, error) {
	if body == nil {
		return append(dst, 0xc0), nil
	}
	v := reflect.ValueOf(body)
	for _, r := range [...]registry{requests, responses} {
		e := r.find([]byte(body.MessageType()))
		if e == nil || reflect.TypeOf(e.body) != v.Type() || v.IsNil() {
			continue
		}
		dst, err := e.plan().append(dst, v.Elem(), body.MessageType())
		if err != nil {
			return dst, fmt.Errorf("encode %s: %w", body.MessageType(), err)
		}
		return dst, nil
	}
	return dst, fmt.Errorf("encode %T: no message of this package", body)
}
