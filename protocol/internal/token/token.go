// Package token finds where MessagePack values begin and end.
//
// It reads headers only: what kind of value stands here, how many bytes or
// elements it has, and whether the bytes that are there can hold that many. It
// allocates nothing and its work is bounded by the length of the input,
// whatever a header announces. Values themselves are read by msgp.
package token

import (
	"encoding/binary"
	"fmt"
)

// MaxDepth is the number of arrays and maps that may stand inside one another.
const MaxDepth = 100

// Kind is the kind of a MessagePack value.
type Kind uint8

// The kinds of the MessagePack specification.
const (
	Nil Kind = iota
	Bool
	Int
	Float
	Str
	Bin
	Array
	Map
	Ext
)

var kindNames = [...]string{"nil", "boolean", "integer", "float", "string", "bytes", "array", "map", "extension"}

func (k Kind) String() string { return kindNames[k] }

// Rules that an Error names.
const (
	Truncated = "truncated"     // the bytes end inside a value
	Reserved  = "reserved-byte" // 0xc1, which starts no value
	Depth     = "depth"         // more than MaxDepth levels
	Trailing  = "trailing"      // bytes after the value
)

// Error says what is wrong with the structure, and where.
type Error struct {
	Offset int    // bytes from the start of what was given to Skip, Check or Read
	Rule   string // one of the rules of this package
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Text) }

// Token is the header of one value.
type Token struct {
	Kind  Kind
	Head  int  // bytes of the header; the whole value for nil, booleans and numbers
	Size  int  // bytes after the header that belong to a string, bytes or extension
	Count int  // elements of an array, pairs of a map
	Ext   int8 // type of an extension
	// Short is whether no shorter header exists for the same value. A float is
	// always short.
	Short bool
}

// Len is the number of bytes of header and content, without any elements.
func (t Token) Len() int { return t.Head + t.Size }

// Values is the number of values that follow inside an array or map.
func (t Token) Values() int {
	if t.Kind == Map {
		return 2 * t.Count
	}
	return t.Count
}

// Read reads the header at the start of b. Content that is announced and not
// there is an error, and so is an array or map of more values than b has bytes.
func Read(b []byte) (Token, *Error) {
	if len(b) == 0 {
		return Token{}, truncated("a value is missing")
	}
	t, err := header(b)
	if err != nil {
		return Token{}, err
	}
	if rest := len(b) - t.Head; t.Size > rest {
		return t, truncated(fmt.Sprintf("%s of %d bytes announced, %d left", t.Kind, t.Size, rest))
	} else if t.Values() > rest {
		return t, truncated(fmt.Sprintf("%s of %d announced, %d bytes left", t.Kind, t.Count, rest))
	}
	return t, nil
}

func truncated(text string) *Error { return &Error{Rule: Truncated, Text: text} }

func header(b []byte) (Token, *Error) {
	c := b[0]
	switch {
	case c <= 0x7f, c >= 0xe0:
		return Token{Kind: Int, Head: 1, Short: true}, nil
	case c <= 0x8f:
		return Token{Kind: Map, Head: 1, Count: int(c & 0x0f), Short: true}, nil
	case c <= 0x9f:
		return Token{Kind: Array, Head: 1, Count: int(c & 0x0f), Short: true}, nil
	case c <= 0xbf:
		return Token{Kind: Str, Head: 1, Size: int(c & 0x1f), Short: true}, nil
	}
	switch c {
	case 0xc0:
		return Token{Kind: Nil, Head: 1, Short: true}, nil
	case 0xc1:
		return Token{}, &Error{Rule: Reserved, Text: "reserved byte 0xc1"}
	case 0xc2, 0xc3:
		return Token{Kind: Bool, Head: 1, Short: true}, nil
	}
	form := forms[c-0xc4]
	if len(b) < form.head {
		return Token{}, truncated(fmt.Sprintf("%s header: %d of %d bytes", form.kind, len(b), form.head))
	}
	t := Token{Kind: form.kind, Head: form.head, Short: true}
	switch form.kind {
	case Float:
	case Int:
		t.Short = shortInt(b[:form.head])
	case Array, Map:
		t.Count = number(b[1:form.head])
		t.Short = t.Count >= form.least
	case Ext:
		t.Size = form.size
		if form.size == 0 {
			t.Size = number(b[1 : form.head-1])
			t.Short = t.Size >= form.least && !fixed(t.Size)
		}
		t.Ext = int8(b[form.head-1])
	default:
		t.Size = number(b[1:form.head])
		t.Short = t.Size >= form.least
	}
	return t, nil
}

// forms describes the headers 0xc4 to 0xdf: their size, the content of a fixed
// extension, and the least length for which no shorter header would do.
var forms = [...]struct {
	kind  Kind
	head  int
	size  int
	least int
}{
	{Bin, 2, 0, 0}, {Bin, 3, 0, 1 << 8}, {Bin, 5, 0, 1 << 16},
	{Ext, 3, 0, 0}, {Ext, 4, 0, 1 << 8}, {Ext, 6, 0, 1 << 16},
	{Float, 5, 0, 0}, {Float, 9, 0, 0},
	{Int, 2, 0, 0}, {Int, 3, 0, 0}, {Int, 5, 0, 0}, {Int, 9, 0, 0}, // unsigned
	{Int, 2, 0, 0}, {Int, 3, 0, 0}, {Int, 5, 0, 0}, {Int, 9, 0, 0}, // signed
	{Ext, 2, 1, 0}, {Ext, 2, 2, 0}, {Ext, 2, 4, 0}, {Ext, 2, 8, 0}, {Ext, 2, 16, 0},
	{Str, 2, 0, 32}, {Str, 3, 0, 1 << 8}, {Str, 5, 0, 1 << 16},
	{Array, 3, 0, 16}, {Array, 5, 0, 1 << 16},
	{Map, 3, 0, 16}, {Map, 5, 0, 1 << 16},
}

// fixed reports whether an extension of n bytes has a header without length.
func fixed(n int) bool { return n == 1 || n == 2 || n == 4 || n == 8 || n == 16 }

func number(b []byte) int {
	switch len(b) {
	case 1:
		return int(b[0])
	case 2:
		return int(binary.BigEndian.Uint16(b))
	}
	return int(binary.BigEndian.Uint32(b))
}

// shortInt reports whether the integer b, header byte included, is written in
// as few bytes as possible.
func shortInt(b []byte) bool {
	var u uint64
	for _, c := range b[1:] {
		u = u<<8 | uint64(c)
	}
	if signed := b[0] >= 0xd0; signed {
		shift := 64 - 8*(len(b)-1)
		if i := int64(u<<shift) >> shift; i < 0 {
			return len(b) == sizeNegative(i)
		}
	}
	return len(b) == sizePositive(u)
}

func sizePositive(u uint64) int {
	switch {
	case u < 1<<7:
		return 1
	case u < 1<<8:
		return 2
	case u < 1<<16:
		return 3
	case u < 1<<32:
		return 5
	}
	return 9
}

func sizeNegative(i int64) int {
	switch {
	case i >= -1<<5:
		return 1
	case i >= -1<<7:
		return 2
	case i >= -1<<15:
		return 3
	case i >= -1<<31:
		return 5
	}
	return 9
}

// small gives, by its first byte, the length of a value of one byte or of a
// string with a header of one byte, and 0 for any other. Long lists are mostly
// made of them.
var small = func() (length [256]uint8) {
	for c := range length {
		switch {
		case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
			length[c] = 1
		case 0xa0 <= c && c <= 0xbf:
			length[c] = uint8(1 + c - 0xa0)
		}
	}
	return length
}()

// smallAt is the length of the small value at b[at], or 0 if there is none.
func smallAt(b []byte, at int) int {
	if at >= len(b) {
		return 0
	}
	if n := int(small[b[at]]); n <= len(b)-at {
		return n
	}
	return 0
}

// kinds gives the kind of a value by its first byte.
var kinds = func() (kind [256]Kind) {
	for c := range kind {
		switch {
		case c <= 0x7f, c >= 0xe0:
			kind[c] = Int
		case c <= 0x8f:
			kind[c] = Map
		case c <= 0x9f:
			kind[c] = Array
		case c <= 0xbf:
			kind[c] = Str
		case c <= 0xc1:
			kind[c] = Nil
		case c <= 0xc3:
			kind[c] = Bool
		default:
			kind[c] = forms[c-0xc4].kind
		}
	}
	return kind
}()

// KindOf returns the kind of a well-formed value by its first byte.
func KindOf(first byte) Kind { return kinds[first] }

// Skip returns the number of bytes of the value at the start of b, elements
// included, if at most depth arrays and maps stand inside one another.
func Skip(b []byte, depth int) (int, *Error) {
	var left [MaxDepth]int // values still to come at each open level
	depth = min(depth, MaxDepth)
	open, at := 0, 0
	for {
		if n := smallAt(b, at); n > 0 {
			at += n
		} else {
			t, err := Read(b[at:])
			if err != nil {
				err.Offset += at
				return 0, err
			}
			if t.Kind == Array || t.Kind == Map {
				if open == depth {
					return 0, &Error{Offset: at, Rule: Depth, Text: fmt.Sprintf("more than %d levels", depth)}
				}
				left[open] = t.Values() + 1
				open++
			}
			at += t.Len()
		}
		for open > 0 {
			if left[open-1]--; left[open-1] > 0 {
				break
			}
			open--
		}
		if open == 0 {
			return at, nil
		}
	}
}

// Check reports the first fault in the structure of b, which should hold
// exactly one value.
func Check(b []byte) *Error {
	n, err := Skip(b, MaxDepth)
	if err != nil {
		return err
	}
	if n < len(b) {
		return &Error{Offset: n, Rule: Trailing, Text: fmt.Sprintf("%d bytes after the value", len(b)-n)}
	}
	return nil
}
