package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// Raw is one MessagePack value kept as it came: an XCom value, a conf, kwargs.
// It is passed on byte for byte, so nothing a decoder might change is changed.
// A nil Raw is null.
//
// A decoded Raw shares the memory of the payload: a change of the payload
// changes it too.
type Raw []byte

// RawOf encodes v: nil, booleans, strings, []byte, integers, floats, time.Time,
// Time, Raw, json.Number, and slices and string-keyed maps ([]any, []string,
// map[string]any, map[string]string) of them. Keys of maps are sorted.
func RawOf(v any) (Raw, error) {
	if v == nil {
		return nil, nil
	}
	b, err := appendAny(nil, v, token.MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

var errDepth = fmt.Errorf("more than %d levels", token.MaxDepth)

func appendAny(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return msgp.AppendNil(dst), nil
	case bool:
		return msgp.AppendBool(dst, v), nil
	case string:
		return appendString(dst, v)
	case []byte:
		return msgp.AppendBytes(dst, v), nil
	case int:
		return appendInt(dst, int64(v)), nil
	case int32:
		return appendInt(dst, int64(v)), nil
	case int64:
		return appendInt(dst, v), nil
	case uint32:
		return msgp.AppendUint64(dst, uint64(v)), nil
	case uint64:
		return msgp.AppendUint64(dst, v), nil
	case float32:
		return msgp.AppendFloat32(dst, v), nil
	case float64:
		return msgp.AppendFloat64(dst, v), nil
	case json.Number:
		return appendNumber(dst, v)
	case time.Time:
		t := Time{v}
		return t.appendWire(dst)
	case Time:
		return v.appendWire(dst)
	case Raw:
		return v.appendWire(dst)
	}
	if depth == 0 {
		return dst, errDepth
	}
	switch v := v.(type) {
	case []any:
		return appendList(dst, v, depth)
	case []string:
		return appendList(dst, v, depth)
	case map[string]any:
		return appendMap(dst, v, depth)
	case map[string]string:
		return appendMap(dst, v, depth)
	}
	return dst, fmt.Errorf("no MessagePack form for %T", v)
}

func appendList[T any](dst []byte, list []T, depth int) ([]byte, error) {
	dst = msgp.AppendArrayHeader(dst, uint32(len(list)))
	for i, v := range list {
		var err error
		if dst, err = appendAny(dst, v, depth-1); err != nil {
			return dst, at(fmt.Sprintf("[%d]", i), err)
		}
	}
	return dst, nil
}

func appendMap[T any](dst []byte, m map[string]T, depth int) ([]byte, error) {
	dst = msgp.AppendMapHeader(dst, uint32(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var err error
		if dst, err = appendString(dst, key); err != nil {
			return dst, err
		}
		if dst, err = appendAny(dst, m[key], depth-1); err != nil {
			return dst, at(key, err)
		}
	}
	return dst, nil
}

// check reports whether r is nil or exactly one well-formed value.
func (r Raw) check() error {
	if r == nil {
		return nil
	}
	return malformed(token.Check(r))
}

func malformed(err *token.Error) error {
	if err == nil {
		return nil
	}
	return &MalformedError{Offset: err.Offset, Reason: err.Text}
}

func (r *Raw) appendWire(dst []byte) ([]byte, error) {
	if *r == nil {
		return msgp.AppendNil(dst), nil
	}
	if err := r.check(); err != nil {
		return dst, err
	}
	return append(dst, *r...), nil
}

func (r *Raw) decodeWire(d *decoder) error {
	if d.null() {
		*r = nil
		return nil
	}
	*r = d.skip()
	return nil
}

// Value decodes r to nil, bool, int64 (uint64 above its range), float64, string,
// []byte, time.Time, []any or map[string]any. Other extensions, keys that are no
// strings and strings that are not UTF-8 are errors, and so are more than
// 4,194,304 elements; of equal keys the last counts.
func (r Raw) Value() (any, error) {
	if r == nil {
		return nil, nil
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	v, err := (&decoder{b: r}).any()
	if err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	return v, nil
}

func (d *decoder) any() (any, error) {
	t := d.next()
	switch t.Kind {
	case token.Nil:
		d.null()
		return nil, nil
	case token.Bool:
		return d.boolean()
	case token.Int:
		u, rest, err := msgp.ReadUint64Bytes(d.b)
		if err == nil && u > math.MaxInt64 {
			d.b = rest
			return u, nil
		}
		return d.integer()
	case token.Float:
		return d.float()
	case token.Str:
		s, err := d.str()
		return string(s), err
	case token.Bin:
		b := slices.Clone(d.b[t.Head:t.Len()])
		d.b = d.b[t.Len():]
		return b, nil
	case token.Ext:
		when, err := readTimestamp(d.b, t)
		d.b = d.b[t.Len():]
		return when, err
	case token.Array:
		return d.anyList()
	}
	return d.anyMap()
}

func (d *decoder) anyList() (any, error) {
	count, err := d.enter(token.Array)
	if err != nil {
		return nil, err
	}
	defer d.leave()
	list := make([]any, count)
	for i := range list {
		if list[i], err = d.any(); err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
	}
	return list, nil
}

func (d *decoder) anyMap() (any, error) {
	pairs, err := d.enter(token.Map)
	if err != nil {
		return nil, err
	}
	defer d.leave()
	m := make(map[string]any, min(pairs, 64))
	for range pairs {
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if m[string(key)], err = d.any(); err != nil {
			return nil, at(fmt.Sprintf("%.60s", key), err)
		}
	}
	return m, nil
}

var errNotFinite = errors.New("JSON has no infinity and no NaN")

// MarshalJSON gives the same value in JSON. Integers stay integers and floats
// keep a fraction or exponent, so that UnmarshalJSON finds them again; a
// timestamp becomes an RFC 3339 string. What JSON cannot hold is an error: bytes,
// other extensions, keys that are no strings, invalid UTF-8, infinity and NaN.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	d := decoder{b: r}
	return d.appendJSON(make([]byte, 0, len(r)+len(r)/4+8))
}

// UnmarshalJSON reads one JSON value. Integers must fit 64 bits, with or without
// sign; numbers with fraction or exponent become 64-bit floats. The order of keys
// is kept, and two equal keys are an error.
func (r *Raw) UnmarshalJSON(data []byte) error {
	b, err := fromJSON(data)
	if err != nil {
		return err
	}
	if len(b) == 1 && b[0] == 0xc0 {
		b = nil
	}
	*r = b
	return nil
}
