package message

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// plan is how one struct type is written to and read from a MessagePack map.
type plan struct {
	fields []field
	byName map[string]int
}

type field struct {
	name     string
	key      []byte // name as it is written
	index    []int
	codec    codec
	required bool // decoding fails without the key
	nullable bool // decoding takes null as the zero value
	isMap    bool // a Raw that must hold a map
	atLeast1 bool // a list that must not be empty
	omit     func(reflect.Value) bool
	fixed    bool // decoding fills in the only value there is
}

// planOf reads the tags of struct type t. It panics on a type that no message
// should have; a test makes every plan there is.
func planOf(t reflect.Type) *plan {
	p := &plan{byName: map[string]int{}}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !f.IsExported() {
			continue
		}
		omitted := options != "" // omitzero, or omitempty for pointers
		pointer := f.Type.Kind() == reflect.Pointer
		wire := f.Tag.Get("wire")
		p.byName[name] = len(p.fields)
		p.fields = append(p.fields, field{
			name:     name,
			key:      msgp.AppendString(nil, name),
			index:    f.Index,
			codec:    codecOf(f.Type),
			required: !omitted && !pointer && wire != "optional",
			nullable: omitted || pointer || f.Type == rawType && wire != "map",
			isMap:    wire == "map",
			atLeast1: wire == "nonempty",
			omit:     omission(f.Type, omitted),
			fixed:    reflect.PointerTo(f.Type).Implements(fixedType),
		})
	}
	if len(p.fields) > 64 {
		panic(fmt.Sprintf("message: %v has more than 64 fields", t))
	}
	return p
}

// omission returns the test for a field of type t that is left out, or nil if it
// never is.
func omission(t reflect.Type, omitted bool) func(reflect.Value) bool {
	switch {
	case !omitted:
		return nil
	case t.Implements(reflect.TypeFor[interface{ IsZero() bool }]()) && t.Kind() == reflect.Struct:
		return func(v reflect.Value) bool { return v.Interface().(interface{ IsZero() bool }).IsZero() }
	}
	return reflect.Value.IsZero
}

// append writes the struct v as a map; a name for the message, if there is one,
// comes first under the key "type".
func (p *plan) append(dst []byte, v reflect.Value, name string) ([]byte, error) {
	count := uint32(0)
	var omitted uint64
	for i := range p.fields {
		if f := &p.fields[i]; f.omit != nil && f.omit(v.FieldByIndex(f.index)) {
			omitted |= 1 << i
		} else {
			count++
		}
	}
	if name != "" {
		dst = msgp.AppendMapHeader(dst, count+1)
		dst = append(dst, "\xa4type"...)
		dst = msgp.AppendString(dst, name)
	} else {
		dst = msgp.AppendMapHeader(dst, count)
	}
	for i := range p.fields {
		if omitted&(1<<i) != 0 {
			continue
		}
		f := &p.fields[i]
		dst = append(dst, f.key...)
		start := len(dst)
		var err error
		if dst, err = f.codec.append(dst, v.FieldByIndex(f.index)); err != nil {
			return dst, at(f.name, err)
		}
		if f.isMap {
			if t, _ := token.Read(dst[start:]); t.Kind != token.Map {
				return dst, at(f.name, fmt.Errorf("expected map, got %s", t.Kind))
			}
		}
	}
	return dst, nil
}

// find returns the field of a key, which is tried first with one of the fields.
func (p *plan) find(key []byte, try int) (int, bool) {
	if try < len(p.fields) && p.fields[try].name == string(key) {
		return try, true
	}
	i, known := p.byName[string(key)]
	return i, known
}

// decode reads a map into the struct v.
func (p *plan) decode(d *decoder, v reflect.Value) error {
	pairs, err := d.enter(token.Map)
	if err != nil {
		return err
	}
	defer d.leave()
	var seen uint64
	next := 0 // the field expected, since peers mostly write them in order
	for range pairs {
		key, err := d.key()
		if err != nil {
			return err
		}
		i, known := p.find(key, next)
		if !known {
			d.skip()
			continue
		}
		next = i + 1
		f := &p.fields[i]
		seen |= 1 << i
		value := v.FieldByIndex(f.index)
		if f.nullable && d.null() {
			value.SetZero()
			continue
		}
		if f.isMap && d.kind() != token.Map {
			return at(f.name, d.mismatch("map"))
		}
		if err := f.codec.decode(d, value); err != nil {
			return at(f.name, err)
		}
		if f.atLeast1 && value.Len() == 0 {
			return at(f.name, errEmptyList)
		}
	}
	for i := range p.fields {
		f := &p.fields[i]
		switch absent := seen&(1<<i) == 0; {
		case absent && f.required:
			return at(f.name, &MissingFieldError{Field: f.name})
		case absent && f.fixed:
			v.FieldByIndex(f.index).Addr().Interface().(fixed).fill()
		}
	}
	return nil
}
