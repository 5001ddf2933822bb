package world

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Canonical returns v in the one form in which values are stored and compared:
// nil, bool, string, int64, uint64 (only above the int64 range), float64,
// json.Number (an integer beyond 64 bits), []any and map[string]any. A type it
// does not know is returned as it is.
func Canonical(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64, float64:
		return v
	case float32:
		return float64(v)
	case json.Number:
		return canonicalNumber(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = Canonical(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = Canonical(e)
		}
		return m
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		if u := r.Uint(); u > math.MaxInt64 {
			return u
		}
		return int64(r.Uint())
	case r.Kind() == reflect.String:
		return r.String()
	case r.Kind() == reflect.Array, r.Kind() == reflect.Slice && !r.IsNil() && r.Type().Elem().Kind() != reflect.Uint8:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = Canonical(r.Index(i).Interface())
		}
		return list
	case r.Kind() == reflect.Map && r.Type().Key().Kind() == reflect.String:
		m := make(map[string]any, r.Len())
		for it := r.MapRange(); it.Next(); {
			m[it.Key().String()] = Canonical(it.Value().Interface())
		}
		return m
	}
	return v
}

// canonicalNumber keeps an integer an integer and a float a float: 1 and 1.0
// are different values to a task.
func canonicalNumber(n json.Number) any {
	text := n.String()
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u
	}
	if strings.ContainsAny(text, ".eE") {
		if f, err := n.Float64(); err == nil {
			return f
		}
	}
	return n
}

// AppendJSON appends v, in canonical form, as JSON. Unlike encoding/json it
// writes a float with a fraction or an exponent, so that 1.0 stays a float, and
// leaves <, > and & as they are. NaN and infinities are errors, and so is a type
// that Canonical does not know.
func AppendJSON(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case json.Number:
		return append(dst, v...), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, fmt.Errorf("write %v as JSON: not a number JSON can hold", v)
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return append(dst, text...), nil
	case string:
		return appendJSONString(dst, v), nil
	case []any:
		return appendJSONList(dst, v)
	case map[string]any:
		return appendJSONMap(dst, v)
	}
	return dst, fmt.Errorf("write %T as JSON: no canonical value", v)
}

func appendJSONString(dst []byte, s string) []byte {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string always encodes
	return append(dst, strings.TrimSuffix(out.String(), "\n")...)
}

func appendJSONList(dst []byte, list []any) ([]byte, error) {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendJSON(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendJSONMap(dst []byte, m map[string]any) ([]byte, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, k), ':')
		var err error
		if dst, err = AppendJSON(dst, m[k]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
