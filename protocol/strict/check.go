package strict

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// Check reports what is wrong with payload, which should be exactly one value.
// The result is nil for a payload without fault and without note.
func Check(payload []byte) []Problem {
	c := &checker{b: payload}
	if c.value(0) && c.at < len(payload) {
		c.fault(c.at, Trailing, fmt.Sprintf("%d bytes after the value", len(payload)-c.at))
	}
	return c.result()
}

// checker walks over one value. Its recursion ends at token.MaxDepth.
type checker struct {
	b        []byte
	at       int
	problems []Problem
	more     bool // there were more than MaxProblems
}

func (c *checker) fault(offset int, rule, text string) {
	c.add(Problem{Offset: offset, Rule: rule, Severity: Fault, Text: text})
}

func (c *checker) add(p Problem) {
	if len(c.problems) == MaxProblems {
		c.more = true
		return
	}
	c.problems = append(c.problems, p)
}

// result orders the problems by offset: keys that stand twice are found late.
func (c *checker) result() []Problem {
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return a.Offset - b.Offset })
	if c.more {
		c.problems = append(c.problems, Problem{
			Offset: c.at, Rule: TooMany, Severity: Fault,
			Text: fmt.Sprintf("more than %d problems", MaxProblems),
		})
	}
	return c.problems
}

// value checks the value at c.at, which lies in depth arrays and maps, and steps
// over it. It reports whether its end was found.
func (c *checker) value(depth int) bool {
	t, err := token.Read(c.b[c.at:])
	if err != nil {
		c.fault(c.at, err.Rule, err.Text)
		return false
	}
	start := c.at
	if !t.Short {
		c.add(Problem{Offset: start, Rule: NotShortest, Severity: Note, Text: t.Kind.String() + " in more bytes than needed"})
	}
	if t.Kind == token.Array || t.Kind == token.Map {
		if depth == token.MaxDepth {
			c.fault(start, Depth, fmt.Sprintf("more than %d levels", token.MaxDepth))
			return false
		}
		c.at += t.Head
		if t.Kind == token.Map {
			return c.pairs(t.Count, depth+1)
		}
		for range t.Count {
			if !c.value(depth + 1) {
				return false
			}
		}
		return true
	}
	content := c.b[start+t.Head : start+t.Len()]
	switch t.Kind {
	case token.Str:
		if i := invalidUTF8(content); i >= 0 {
			c.fault(start+t.Head+i, UTF8, fmt.Sprintf("byte 0x%02x is not UTF-8", content[i]))
		}
	case token.Ext:
		c.extension(start, t.Ext, content)
	}
	c.at += t.Len()
	return true
}

// pairs checks the keys and values of a map.
func (c *checker) pairs(count, depth int) bool {
	keys := make([]key, 0, min(count, 16))
	complete := true
	for range count {
		start := c.at
		t, err := token.Read(c.b[start:])
		if err == nil && t.Kind != token.Str {
			c.fault(start, KeyType, fmt.Sprintf("%s as key", t.Kind))
		}
		if complete = c.value(depth); !complete {
			break
		}
		if t.Kind == token.Str {
			keys = append(keys, key{start, start + t.Head, c.at})
		}
		if complete = c.value(depth); !complete {
			break
		}
	}
	c.duplicates(keys)
	return complete
}

// key is where a key begins, and where its text begins and ends.
type key struct{ at, from, to int }

// duplicates finds keys that stood before in the same map. Sorting takes the
// memory of the positions only, however many keys a payload has.
func (c *checker) duplicates(keys []key) {
	text := func(k key) []byte { return c.b[k.from:k.to] }
	slices.SortFunc(keys, func(a, b key) int {
		if d := bytes.Compare(text(a), text(b)); d != 0 {
			return d
		}
		return a.at - b.at
	})
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(text(keys[i-1]), text(keys[i])) {
			c.fault(keys[i].at, DuplicateKey, fmt.Sprintf("key %.60q stands twice", text(keys[i])))
		}
	}
}

// invalidUTF8 returns the index of the first byte that is not UTF-8, or -1.
func invalidUTF8(s []byte) int {
	if utf8.Valid(s) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

const (
	timestampType  = -1
	maxNanoseconds = 999_999_999
)

func (c *checker) extension(offset int, kind int8, content []byte) {
	if kind != timestampType {
		c.fault(offset, Extension, fmt.Sprintf("extension of type %d", kind))
		return
	}
	var nanoseconds uint64
	switch len(content) {
	case 4:
		return
	case 8:
		nanoseconds = binary.BigEndian.Uint64(content) >> 34
	case 12:
		nanoseconds = uint64(binary.BigEndian.Uint32(content))
	default:
		c.fault(offset, Timestamp, fmt.Sprintf("timestamp of %d bytes", len(content)))
		return
	}
	if nanoseconds > maxNanoseconds {
		c.fault(offset, Timestamp, fmt.Sprintf("timestamp with %d nanoseconds", nanoseconds))
	}
}
