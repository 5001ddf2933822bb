package message

import (
	"fmt"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// maxElements bounds the elements of all typed lists and maps of one payload,
// and those that Raw.Value gives: an element of one byte becomes up to 50.
const maxElements = 1 << 22

// decoder walks over a payload whose structure was checked, so that reading a
// header never fails and only the kind of a value can be wrong.
type decoder struct {
	b     []byte
	depth int // open arrays and maps
	spent int // elements of typed lists and maps
}

func (d *decoder) next() token.Token {
	t, _ := token.Read(d.b)
	return t
}

func (d *decoder) kind() token.Kind { return token.KindOf(d.b[0]) }

func (d *decoder) mismatch(want string) error {
	return fmt.Errorf("expected %s, got %s", want, d.kind())
}

// enter reads the header of an array or map and returns its elements or pairs.
func (d *decoder) enter(kind token.Kind) (int, error) {
	t := d.next()
	if t.Kind != kind {
		return 0, d.mismatch(kind.String())
	}
	if d.spent += t.Count; d.spent > maxElements {
		return 0, fmt.Errorf("more than %d elements", maxElements)
	}
	d.depth++
	d.b = d.b[t.Head:]
	return t.Count, nil
}

func (d *decoder) leave() { d.depth-- }

// null consumes a nil if one is next.
func (d *decoder) null() bool {
	if d.b[0] != 0xc0 {
		return false
	}
	d.b = d.b[1:]
	return true
}

// skip passes over one value and returns its bytes.
func (d *decoder) skip() []byte {
	n, _ := token.Skip(d.b, token.MaxDepth)
	value := d.b[:n:n]
	d.b = d.b[n:]
	return value
}

// key returns the bytes of a string that is the key of a map.
func (d *decoder) key() ([]byte, error) {
	if d.kind() != token.Str {
		return nil, fmt.Errorf("expected string as key, got %s", d.kind())
	}
	return d.str()
}

// str returns the bytes of a string, which belong to the payload.
func (d *decoder) str() ([]byte, error) {
	if d.kind() != token.Str {
		return nil, d.mismatch("string")
	}
	s := d.text()
	if !utf8.Valid(s) {
		return nil, errNotUTF8
	}
	return s, nil
}

// text passes over a string and returns its bytes, which may be no UTF-8.
func (d *decoder) text() []byte {
	head, end := 1, 1+int(d.b[0]&0x1f) // the short form, which most strings have
	if d.b[0] > 0xbf {
		t := d.next()
		head, end = t.Head, t.Len()
	}
	s := d.b[head:end]
	d.b = d.b[end:]
	return s
}

func (d *decoder) boolean() (bool, error) {
	b, rest, err := msgp.ReadBoolBytes(d.b)
	if err != nil {
		return false, d.mismatch("boolean")
	}
	d.b = rest
	return b, nil
}

func (d *decoder) integer() (int64, error) {
	if d.kind() != token.Int {
		return 0, d.mismatch("integer")
	}
	i, rest, err := msgp.ReadInt64Bytes(d.b)
	if err != nil {
		return 0, fmt.Errorf("integer above 2^63-1")
	}
	d.b = rest
	return i, nil
}

// float reads a float of either size or an integer.
func (d *decoder) float() (float64, error) {
	t := d.next()
	switch t.Kind {
	case token.Float:
		f := floatOf(d.b)
		d.b = d.b[t.Head:]
		return f, nil
	case token.Int:
		if u, rest, err := msgp.ReadUint64Bytes(d.b); err == nil {
			d.b = rest
			return float64(u), nil
		}
		i, err := d.integer()
		return float64(i), err
	}
	return 0, d.mismatch("number")
}

// floatOf reads the float at the start of b, which is known to be there.
func floatOf(b []byte) float64 {
	if f, _, err := msgp.ReadFloat32Bytes(b); err == nil {
		return float64(f)
	}
	f, _, _ := msgp.ReadFloat64Bytes(b)
	return f
}
