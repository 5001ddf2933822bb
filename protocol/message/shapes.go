package message

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// List is an array that is never null: a nil List is written as an empty one, in
// JSON as well. Any []T literal can be assigned to it.
type List[T any] []T

// MarshalJSON gives an array.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Or returns *p, or the default of an optional field that is not there.
func Or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// NullString is a string that may be null, under a key that older peers refuse
// and newer ones insist on. Its zero value is null.
type NullString struct {
	Value *string
	Omit  bool // leave the key out
}

// IsZero reports whether the key is to be left out.
func (s NullString) IsZero() bool { return s.Omit }

func (s *NullString) appendWire(dst []byte) ([]byte, error) {
	if s.Value == nil {
		return msgp.AppendNil(dst), nil
	}
	return appendString(dst, *s.Value)
}

func (s *NullString) decodeWire(d *decoder) error {
	text, err := d.str()
	if err == nil {
		value := string(text)
		s.Value = &value
	}
	return err
}

// MarshalJSON gives a string or null.
func (s NullString) MarshalJSON() ([]byte, error) { return json.Marshal(s.Value) }

// UnmarshalJSON reads a string or null.
func (s *NullString) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.Value) }

// SkippedTask names a downstream task, or one mapped instance of it. On the wire
// it is the task id alone, or [task id, map index].
type SkippedTask struct {
	TaskID   string
	MapIndex *int // nil: all instances
}

func (s *SkippedTask) appendWire(dst []byte) ([]byte, error) {
	if s.MapIndex == nil {
		return appendString(dst, s.TaskID)
	}
	dst, err := appendString(msgp.AppendArrayHeader(dst, 2), s.TaskID)
	return appendInt(dst, int64(*s.MapIndex)), err
}

func (s *SkippedTask) decodeWire(d *decoder) error {
	*s = SkippedTask{}
	if d.kind() == token.Str {
		id, err := d.str()
		s.TaskID = string(id)
		return err
	}
	if t := d.next(); t.Kind != token.Array || t.Count != 2 {
		return errors.New("expected task id or [task id, map index]")
	}
	if _, err := d.enter(token.Array); err != nil {
		return err
	}
	defer d.leave()
	id, err := d.str()
	if err != nil {
		return at("[0]", err)
	}
	index, err := d.integer()
	if err != nil {
		return at("[1]", err)
	}
	n := int(index)
	s.TaskID, s.MapIndex = string(id), &n
	return nil
}

// MarshalJSON gives the form of the wire.
func (s SkippedTask) MarshalJSON() ([]byte, error) { return customToJSON(&s) }

// UnmarshalJSON reads the form of the wire.
func (s *SkippedTask) UnmarshalJSON(data []byte) error { return customFromJSON(data, s) }

func customToJSON(c custom) ([]byte, error) {
	b, err := c.appendWire(nil)
	if err != nil {
		return nil, err
	}
	return Raw(b).MarshalJSON()
}

func customFromJSON(data []byte, c custom) error {
	b, err := fromJSON(data)
	if err != nil {
		return err
	}
	return c.decodeWire(&decoder{b: b})
}

// Fixed is a field that has one value for the whole message, such as the state
// of SucceedTask. Left empty it is written as that value; decoding refuses any
// other.
type Fixed[C constant] string

type constant interface{ value() string }

// fixed is any Fixed.
type fixed interface{ fill() }

func (f *Fixed[C]) fill() { *f = Fixed[C](f.text()) }

func (f *Fixed[C]) appendWire(dst []byte) ([]byte, error) { return appendString(dst, f.text()) }

func (f *Fixed[C]) decodeWire(d *decoder) error {
	text, err := d.str()
	if err != nil {
		return err
	}
	return f.UnmarshalText(text)
}

func (f Fixed[C]) text() string {
	if f == "" {
		var c C
		return c.value()
	}
	return string(f)
}

// MarshalText gives the one value, or what the field was set to.
func (f Fixed[C]) MarshalText() ([]byte, error) { return []byte(f.text()), nil }

// UnmarshalText accepts the one value.
func (f *Fixed[C]) UnmarshalText(text []byte) error {
	var c C
	if string(text) != c.value() {
		return fmt.Errorf("expected %q, got %.60q", c.value(), text)
	}
	*f = Fixed[C](text)
	return nil
}
