package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// appendJSON writes the next value of d, whose structure was checked, as JSON.
func (d *decoder) appendJSON(dst []byte) ([]byte, error) {
	t := d.next()
	switch t.Kind {
	case token.Array:
		return d.appendJSONList(dst)
	case token.Map:
		return d.appendJSONMap(dst)
	case token.Bin:
		return dst, errors.New("JSON has no bytes")
	case token.Ext:
		when, err := readTimestamp(d.b, t)
		if err != nil {
			return dst, err
		}
		d.b = d.b[t.Len():]
		text, err := Time{when}.MarshalJSON()
		return append(dst, text...), err
	case token.Str:
		s, err := d.str()
		return appendQuoted(dst, s), err
	}
	v, err := d.any()
	if err != nil {
		return dst, err
	}
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v)
	}
	return append(dst, "null"...), nil
}

func (d *decoder) appendJSONList(dst []byte) ([]byte, error) {
	t := d.next()
	d.b = d.b[t.Head:]
	dst = append(dst, '[')
	for i := range t.Count {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = d.appendJSON(dst); err != nil {
			return dst, at(fmt.Sprintf("[%d]", i), err)
		}
	}
	return append(dst, ']'), nil
}

func (d *decoder) appendJSONMap(dst []byte) ([]byte, error) {
	t := d.next()
	d.b = d.b[t.Head:]
	dst = append(dst, '{')
	for i := range t.Count {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := d.key()
		if err != nil {
			return dst, err
		}
		dst = append(appendQuoted(dst, key), ':')
		if dst, err = d.appendJSON(dst); err != nil {
			return dst, at(fmt.Sprintf("%.60s", key), err)
		}
	}
	return append(dst, '}'), nil
}

// appendFloat writes a float so that it reads back as one: 1.0, not 1.
func appendFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return dst, errNotFinite
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !bytes.ContainsAny(dst[start:], ".e") {
		dst = append(dst, ".0"...)
	}
	return dst, nil
}

const hexDigits = "0123456789abcdef"

// appendQuoted writes valid UTF-8 as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	plain := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf || c >= utf8.RuneSelf {
			continue
		}
		dst = append(dst, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[plain:]...), '"')
}

// fromJSON turns one JSON value into one MessagePack value.
func fromJSON(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	out, err := appendFromJSON(make([]byte, 0, len(data)), dec, token.MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("read JSON value: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("read JSON value: more than one value")
	}
	return out, nil
}

// nextToken reads a token where one has to come.
func nextToken(dec *json.Decoder) (json.Token, error) {
	tok, err := dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return tok, err
}

func appendFromJSON(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	tok, err := nextToken(dec)
	if err != nil {
		return dst, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		if depth == 0 {
			return dst, errDepth
		}
		if tok == '[' {
			return appendFromArray(dst, dec, depth-1)
		}
		return appendFromObject(dst, dec, depth-1)
	case json.Number:
		return appendNumber(dst, tok)
	}
	return appendAny(dst, tok, depth)
}

func appendFromArray(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	start := len(dst)
	count := 0
	for ; dec.More(); count++ {
		var err error
		if dst, err = appendFromJSON(dst, dec, depth); err != nil {
			return dst, err
		}
	}
	if _, err := nextToken(dec); err != nil { // the closing bracket
		return dst, err
	}
	return insert(dst, start, msgp.AppendArrayHeader(nil, uint32(count))), nil
}

func appendFromObject(dst []byte, dec *json.Decoder, depth int) ([]byte, error) {
	start := len(dst)
	seen := map[string]bool{}
	for dec.More() {
		tok, err := nextToken(dec)
		if err != nil {
			return dst, err
		}
		key := tok.(string) // the decoder takes nothing else here
		if seen[key] {
			return dst, fmt.Errorf("key %.60q stands twice", key)
		}
		seen[key] = true
		dst = msgp.AppendString(dst, key)
		if dst, err = appendFromJSON(dst, dec, depth); err != nil {
			return dst, err
		}
	}
	if _, err := nextToken(dec); err != nil { // the closing bracket
		return dst, err
	}
	return insert(dst, start, msgp.AppendMapHeader(nil, uint32(len(seen)))), nil
}

// insert puts a header before the elements that were written from start on.
func insert(dst []byte, start int, header []byte) []byte {
	dst = append(dst, header...)
	copy(dst[start+len(header):], dst[start:])
	copy(dst[start:], header)
	return dst
}

// appendNumber writes a JSON number: a literal of digits only as an integer of
// 64 bits, any other as a 64-bit float.
func appendNumber(dst []byte, n json.Number) ([]byte, error) {
	text := n.String()
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return dst, fmt.Errorf("number %.40s does not fit a 64-bit float", text)
		}
		return msgp.AppendFloat64(dst, f), nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return appendInt(dst, i), nil
	}
	u, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return dst, fmt.Errorf("integer %.40s does not fit 64 bits", text)
	}
	return msgp.AppendUint64(dst, u), nil
}
