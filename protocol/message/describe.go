package message

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

const (
	describeText  = 200  // bytes of one string that Describe shows
	describeField = 300  // bytes of one field of a body
	describeTotal = 2048 // bytes of all, the fault of a malformed payload included
)

const hidden = `"***"`

// Describe renders a payload as one line for journals and failure texts, such as
//
//	#3 SetXCom{key: "k", value: [1, 2], dag_id: "d"}
//	#3 error ErrorResponse{error: "API_SERVER_ERROR"}
//	#3 empty
//
// A line has at most 2 KiB of printable text, whatever the payload holds; what
// is long is cut and marked with its size. Values that can be secrets are shown
// as "***": those of MaskSecret, of variables, and the password and extra of
// connections, also where the message is malformed or of an unknown type. A
// malformed payload is rendered as far as it can be read, followed by what is
// wrong at which offset.
func Describe(payload []byte, d Direction) string {
	var fault string
	if err := token.Check(payload); err != nil {
		fault = fmt.Sprintf(" malformed at byte %d of %d: %s", err.Offset, len(payload), err.Text)
	}
	r := &renderer{b: payload, limit: describeTotal - len(fault)}
	r.payload(d)
	return strings.TrimPrefix(r.out.String()+fault, " ")
}

// renderer writes values as text until the input ends, a fault comes or limit
// bytes are written. Once stopped it writes nothing more.
type renderer struct {
	b       []byte // what is still to be read
	out     strings.Builder
	limit   int
	stopped bool
}

func (r *renderer) write(s string) {
	if r.stopped {
		return
	}
	if room := r.limit - r.out.Len() - len("…"); len(s) > room {
		// What is written is printable text, so a cut may only hit a character.
		s = strings.ToValidUTF8(s[:max(room, 0)], "") + "…"
		r.stopped = true
	}
	r.out.WriteString(s)
}

// next reads a header. Without one the renderer stops.
func (r *renderer) next() (token.Token, bool) {
	t, err := token.Read(r.b)
	// An array that announces too much is still worth what is there of it.
	if err != nil && (t.Head == 0 || t.Kind != token.Array && t.Kind != token.Map) {
		r.stopped = true
		return t, false
	}
	return t, !r.stopped
}

// skip steps over a value. Without an end the renderer stops.
func (r *renderer) skip() (value []byte, ok bool) {
	n, err := token.Skip(r.b, token.MaxDepth)
	if err != nil {
		r.stopped = true
		return nil, false
	}
	value, r.b = r.b[:n], r.b[n:]
	return value, true
}

func (r *renderer) payload(d Direction) {
	t, ok := r.next()
	if !ok {
		return
	}
	if t.Kind != token.Array {
		r.value(secrecy{unknown: true}, 0)
		return
	}
	r.b = r.b[t.Head:]
	for i := range t.Count {
		el, ok := r.next()
		if !ok {
			return
		}
		switch {
		case i == 0 && el.Kind == token.Int:
			id, _ := r.skip()
			r.write("#" + integerText(id))
		case i == 1 && el.Kind == token.Map:
			r.write(" ")
			r.body(d)
		case i == 2 && el.Kind == token.Map && d == ToRunner:
			r.write(" error ")
			r.body(d)
		case i == 2 && el.Kind == token.Map:
			r.write(" carrier ")
			r.value(secrecy{}, 0)
		case i >= 3:
			r.write(fmt.Sprintf(" and %d more elements", t.Count-i))
			return
		case el.Kind == token.Nil:
			r.skip()
			if i == 1 && (d == ToSupervisor || t.Count < 3 || len(r.b) > 0 && r.b[0] == 0xc0) {
				r.write(" empty")
			}
		default:
			r.write(" ")
			r.value(secrecy{unknown: true}, 0)
		}
	}
	if t.Count == 1 {
		r.write(" empty")
	}
}

// body renders a map as Type{field: value}.
func (r *renderer) body(d Direction) {
	t, ok := r.next()
	if !ok {
		return
	}
	secret := secrecyOf(r.b, d)
	r.b = r.b[t.Head:]
	r.write(secret.name + "{")
	shown := 0
	for range t.Count {
		key, ok := r.key()
		if !ok {
			return
		}
		if key == `"type"` && secret.name != "" {
			if _, ok := r.skip(); !ok {
				return
			}
			continue
		}
		if shown++; shown > 1 {
			r.write(", ")
		}
		r.write(bare(key) + ": ")
		r.field(secret.in(key))
		if r.stopped {
			return
		}
	}
	r.write("}")
}

// bare takes the quotes off a key that needs none.
func bare(key string) string {
	name := strings.Trim(key, `"`)
	if strings.ContainsFunc(name, func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') }) {
		return key
	}
	return name
}

// field renders one value in a budget of its own, so that the fields behind a
// long one are still seen.
func (r *renderer) field(s secrecy) {
	if s.hide {
		if _, ok := r.skip(); ok {
			r.write(hidden)
		}
		return
	}
	inner := &renderer{b: r.b, limit: describeField}
	inner.value(s, 0)
	r.write(inner.out.String())
	r.skip()
}

// key reads a map's key and returns it quoted.
func (r *renderer) key() (string, bool) {
	t, ok := r.next()
	if !ok {
		return "", false
	}
	if t.Kind != token.Str {
		inner := &renderer{b: r.b, limit: describeField}
		inner.value(secrecy{unknown: true}, 0)
		_, ok := r.skip()
		return inner.out.String(), ok
	}
	text := r.b[t.Head:t.Len()]
	r.b = r.b[t.Len():]
	return quoted(text), true
}

func (r *renderer) value(s secrecy, depth int) {
	t, ok := r.next()
	if !ok {
		return
	}
	content := r.b[t.Head:min(t.Len(), len(r.b))]
	switch t.Kind {
	case token.Array:
		r.b = r.b[t.Head:]
		r.elements("[", "]", t.Count, depth, func() { r.value(s, depth+1) })
		return
	case token.Map:
		r.b = r.b[t.Head:]
		r.elements("{", "}", t.Count, depth, func() {
			key, ok := r.key()
			if !ok {
				return
			}
			r.write(key + ": ")
			if in := s.in(key); in.hide {
				if _, ok := r.skip(); ok {
					r.write(hidden)
				}
			} else {
				r.value(in, depth+1)
			}
		})
		return
	case token.Nil:
		r.write("nil")
	case token.Bool:
		r.write(strconv.FormatBool(r.b[0] == 0xc3))
	case token.Int:
		r.write(integerText(r.b))
	case token.Float:
		r.write(strconv.FormatFloat(floatOf(r.b), 'g', -1, 64))
	case token.Str:
		r.write(quoted(content))
	case token.Bin:
		r.write(fmt.Sprintf("bytes(%d) %s", t.Size, hex.EncodeToString(content[:min(16, len(content))])))
	case token.Ext:
		if when, err := readTimestamp(r.b, t); err == nil {
			r.write(when.Format(time.RFC3339Nano))
		} else {
			r.write(fmt.Sprintf("extension(%d, %d bytes)", t.Ext, t.Size))
		}
	}
	r.b = r.b[t.Len():]
}

func (r *renderer) elements(opening, closing string, count, depth int, element func()) {
	if depth == token.MaxDepth {
		r.stopped = true
		return
	}
	r.write(opening)
	for i := range count {
		if i > 0 {
			r.write(", ")
		}
		if element(); r.stopped {
			return
		}
	}
	r.write(closing)
}

func integerText(b []byte) string {
	if u, _, err := msgp.ReadUint64Bytes(b); err == nil {
		return strconv.FormatUint(u, 10)
	}
	i, _, _ := msgp.ReadInt64Bytes(b)
	return strconv.FormatInt(i, 10)
}

// quoted gives printable text of about describeText bytes.
func quoted(s []byte) string {
	if len(s) <= describeText {
		return strconv.QuoteToGraphic(string(s))
	}
	cut := describeText
	for cut > describeText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", strconv.QuoteToGraphic(string(s[:cut])), len(s))
}

// secrecy says which values below a place can be secrets.
type secrecy struct {
	name       string // message type, quoted if the direction does not have it
	unknown    bool   // hide whatever any message would hide
	variable   bool   // "value" is secret
	connection bool   // "password" and "extra" are secret
	hide       bool   // this value itself
}

// in gives the secrecy of the value under a quoted key.
func (s secrecy) in(key string) secrecy {
	switch key {
	case `"value"`:
		s.hide = s.variable || s.unknown
	case `"password"`:
		s.hide = s.connection || s.unknown
	case `"extra"`:
		s.hide = s.connection || s.unknown
	case `"variables"`:
		s.variable = true
	case `"connections"`:
		s.connection = true
	}
	return s
}

// secrecyOf looks for the type that the map at the start of b claims to be of.
// One that claims none, several, or one the direction does not have is treated
// like any message.
func secrecyOf(b []byte, d Direction) secrecy {
	types, complete := typesIn(b)
	s := secrecy{unknown: !complete || len(types) != 1}
	if len(types) == 0 {
		return s
	}
	name := string(types[len(types)-1])
	if d.registry().find([]byte(name)) == nil {
		return secrecy{unknown: true, name: quoted([]byte(name))}
	}
	s.name = name
	switch name {
	case "MaskSecret", "VariableResult", "PutVariable":
		s.variable = true
	case "ConnectionResult":
		s.connection = true
	}
	return s
}

// typesIn returns the strings under the key "type" of the map at the start of b,
// and whether the map could be read to its end.
func typesIn(b []byte) (types [][]byte, complete bool) {
	r := &renderer{b: b}
	t, _ := r.next()
	r.b = r.b[t.Head:]
	for range t.Count {
		key, ok := r.skip()
		if !ok {
			return types, false
		}
		value, ok := r.skip()
		if !ok {
			return types, false
		}
		if k, _ := token.Read(key); k.Kind == token.Str && string(key[k.Head:]) == "type" {
			v, _ := token.Read(value)
			types = append(types, value[v.Head:])
		}
	}
	return types, true
}
