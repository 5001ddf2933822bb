package message

import (
	"fmt"
	"reflect"
	"slices"
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

func (d Direction) registry() *registry {
	if d == ToSupervisor {
		return requests
	}
	return responses
}

// registry knows the messages of one direction.
type registry struct {
	names  []string
	byName map[string]entry
}

type entry struct {
	typ  reflect.Type // the struct
	plan *plan
}

func newRegistry(bodies ...Body) *registry {
	r := &registry{byName: map[string]entry{}}
	for _, body := range bodies {
		t := reflect.TypeOf(body).Elem()
		r.names = append(r.names, body.MessageType())
		r.byName[body.MessageType()] = entry{typ: t, plan: planOf(t)}
	}
	slices.Sort(r.names)
	return r
}

// Types lists the message types of a direction in alphabetical order.
func Types(d Direction) []string { return slices.Clone(d.registry().names) }

// New returns an empty message of the given type, or *UnknownTypeError.
func New(d Direction, messageType string) (Body, error) {
	e, ok := d.registry().byName[messageType]
	if !ok {
		return nil, &UnknownTypeError{Type: messageType}
	}
	return reflect.New(e.typ).Interface().(Body), nil
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
	e, ok := d.registry().byName[messageType]
	if !ok {
		return nil
	}
	var fields []Field
	for _, f := range e.plan.fields {
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
	for _, r := range []*registry{requests, responses} {
		e, ok := r.byName[body.MessageType()]
		if !ok || reflect.PointerTo(e.typ) != v.Type() || v.IsNil() {
			continue
		}
		dst, err := e.plan.append(dst, v.Elem(), body.MessageType())
		if err != nil {
			return dst, fmt.Errorf("encode %s: %w", body.MessageType(), err)
		}
		return dst, nil
	}
	return dst, fmt.Errorf("encode %T: no message of this package", body)
}
