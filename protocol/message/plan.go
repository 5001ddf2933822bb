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
}

type field struct {
	name     string
	key      []byte // name as it is written
	index    int    // in the struct
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
	p := &plan{fields: make([]field, 0, t.NumField())}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || !f.IsExported() {
			continue
		}
		omitted := options != "" // omitzero, or omitempty for pointers
		pointer := f.Type.Kind() == reflect.Pointer
		wire := f.Tag.Get("wire")
		p.fields = append(p.fields, field{
			name:     name,
			key:      msgp.AppendString(nil, name),
			index:    i,
			codec:    codecOf(f.Type),
			required: !omitted && !pointer && wire != "optional",
			nullable: omitted || pointer || f.Type == rawType && wire != "map",
			isMap:    wire == "map",
			atLeast1: wire == "nonempty",
			omit:     omission(f.Type, omitted),
			fixed:    ownMethods(f.Type) && reflect.PointerTo(f.Type).Implements(fixedType),
		})
	}
	if len(p.fields) > 64 {
		panic(fmt.Sprintf("message: %v has more than 64 fields", t))
	}
	return p
}

// ownMethods reports whether a type can have methods: to look for those of the
// others would cost as much as all the rest of a plan.
func ownMethods(t reflect.Type) bool { return t.PkgPath() != "" }

// omission returns the test for a field of type t that is left out, or nil if it
// never is.
func omission(t reflect.Type, omitted bool) func(reflect.Value) bool {
	switch {
	case !omitted:
		return nil
	case t.Kind() == reflect.Struct && t.Implements(zeroType):
		return func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }
	}
	return reflect.Value.IsZero
}

type zeroer interface{ IsZero() bool }

var zeroType = reflect.TypeFor[zeroer]()

// append writes the struct v as a map; a name for the message, if there is one,
// comes first under the key "type".
func (p *plan) append(dst []byte, v reflect.Value, name string) ([]byte, error) {
	count := uint32(0)
	var omitted uint64
	for i := range p.fields {
		if f := &p.fields[i]; f.omit != nil && f.omit(v.Field(f.index)) {
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
		if dst, err = f.codec.append(dst, v.Field(f.index)); err != nil {
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

// find returns the field of a key and whether there is one. The search begins
// with one of the fields and goes round.
func (p *plan) find(key []byte, first int) (int, bool) {
	for n := range p.fields {
		i := first + n
		if i >= len(p.fields) {
			i -= len(p.fields)
		}
		if p.fields[i].name == string(key) {
			return i, true
		}
	}
	return 0, false
}

// decode reads a map into the struct v.
func (p *plan) decode(d *decoder, v reflect.Value) error {
	pairs, err := d.enter(token.Map)
	if err != nil {
		return err
	}
	defer d.leave()
	var seen uint64
	next := 0 // the field to try first, since peers mostly write them in order
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
		value := v.Field(f.index)
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
			v.Field(f.index).Addr().Interface().(fixed).fill()
		}
	}
	return nil
}
