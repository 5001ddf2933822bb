package message

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// codec writes and reads the values of one Go type.
type codec struct {
	append func(dst []byte, v reflect.Value) ([]byte, error)
	decode func(d *decoder, v reflect.Value) error
}

// custom is a type with an encoding of its own; the method set is that of a
// pointer to it.
type custom interface {
	appendWire(dst []byte) ([]byte, error)
	decodeWire(d *decoder) error
}

var (
	customType = reflect.TypeFor[custom]()
	fixedType  = reflect.TypeFor[fixed]()
	rawType    = reflect.TypeFor[Raw]()
)

var (
	errEmptyList = errors.New("expected at least one element, got none")
	errNotUTF8   = errors.New("string is not UTF-8")
)

func codecOf(t reflect.Type) codec {
	if ownMethods(t) && reflect.PointerTo(t).Implements(customType) {
		return customCodec()
	}
	switch t.Kind() {
	case reflect.String:
		return codec{
			append: func(dst []byte, v reflect.Value) ([]byte, error) {
				return appendString(dst, v.String())
			},
			decode: func(d *decoder, v reflect.Value) error {
				s, err := d.str()
				v.SetString(string(s))
				return err
			},
		}
	case reflect.Bool:
		return codec{
			append: func(dst []byte, v reflect.Value) ([]byte, error) { return msgp.AppendBool(dst, v.Bool()), nil },
			decode: func(d *decoder, v reflect.Value) error {
				b, err := d.boolean()
				v.SetBool(b)
				return err
			},
		}
	case reflect.Int, reflect.Int64:
		return codec{
			append: func(dst []byte, v reflect.Value) ([]byte, error) { return appendInt(dst, v.Int()), nil },
			decode: func(d *decoder, v reflect.Value) error {
				i, err := d.integer()
				v.SetInt(i)
				return err
			},
		}
	case reflect.Float64:
		return codec{
			append: func(dst []byte, v reflect.Value) ([]byte, error) { return msgp.AppendFloat64(dst, v.Float()), nil },
			decode: func(d *decoder, v reflect.Value) error {
				f, err := d.float()
				v.SetFloat(f)
				return err
			},
		}
	case reflect.Struct:
		return structCodec(t)
	case reflect.Pointer:
		return pointerCodec(t)
	case reflect.Slice:
		return sliceCodec(t)
	case reflect.Map:
		return mapCodec(t)
	}
	panic(fmt.Sprintf("message: no encoding for %v", t))
}

func customCodec() codec {
	return codec{
		append: func(dst []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(custom).appendWire(dst)
		},
		decode: func(d *decoder, v reflect.Value) error {
			return v.Addr().Interface().(custom).decodeWire(d)
		},
	}
}

// structCodec makes its plan when a value is there to need it: most of what a
// message can hold, most messages do not.
func structCodec(t reflect.Type) codec {
	made := sync.OnceValue(func() *plan { return planOf(t) })
	return codec{
		append: func(dst []byte, v reflect.Value) ([]byte, error) { return made().append(dst, v, "") },
		decode: func(d *decoder, v reflect.Value) error { return made().decode(d, v) },
	}
}

// pointerCodec serves optional fields, whose null the plan has already seen to.
func pointerCodec(t reflect.Type) codec {
	elem := codecOf(t.Elem())
	return codec{
		append: func(dst []byte, v reflect.Value) ([]byte, error) {
			if v.IsNil() {
				return msgp.AppendNil(dst), nil
			}
			return elem.append(dst, v.Elem())
		},
		decode: func(d *decoder, v reflect.Value) error {
			v.Set(reflect.New(t.Elem()))
			return elem.decode(d, v.Elem())
		},
	}
}

func sliceCodec(t reflect.Type) codec {
	elem := codecOf(t.Elem())
	return codec{
		append: func(dst []byte, v reflect.Value) ([]byte, error) {
			dst = msgp.AppendArrayHeader(dst, uint32(v.Len()))
			for i := range v.Len() {
				var err error
				if dst, err = elem.append(dst, v.Index(i)); err != nil {
					return dst, at(fmt.Sprintf("[%d]", i), err)
				}
			}
			return dst, nil
		},
		decode: func(d *decoder, v reflect.Value) error {
			count, err := d.enter(token.Array)
			if err != nil {
				return err
			}
			defer d.leave()
			// The decoder's own budget bounds count.
			list := reflect.MakeSlice(t, 0, min(count, 64))
			zero := reflect.Zero(t.Elem())
			for i := range count {
				list = reflect.Append(list, zero)
				if err := elem.decode(d, list.Index(i)); err != nil {
					return at(fmt.Sprintf("[%d]", i), err)
				}
			}
			v.Set(list)
			return nil
		},
	}
}

// mapCodec serves maps with string keys, written in the order of their keys.
func mapCodec(t reflect.Type) codec {
	elem := codecOf(t.Elem())
	return codec{
		append: func(dst []byte, v reflect.Value) ([]byte, error) {
			dst = msgp.AppendMapHeader(dst, uint32(v.Len()))
			keys := map[string]reflect.Value{}
			for _, k := range v.MapKeys() {
				keys[k.String()] = k
			}
			for _, name := range slices.Sorted(maps.Keys(keys)) {
				var err error
				if dst, err = appendString(dst, name); err != nil {
					return dst, err
				}
				if dst, err = elem.append(dst, v.MapIndex(keys[name])); err != nil {
					return dst, at(name, err)
				}
			}
			return dst, nil
		},
		decode: func(d *decoder, v reflect.Value) error {
			pairs, err := d.enter(token.Map)
			if err != nil {
				return err
			}
			defer d.leave()
			m := reflect.MakeMap(t)
			for range pairs {
				key, err := d.key()
				if err != nil {
					return err
				}
				value := reflect.New(t.Elem()).Elem()
				if err := elem.decode(d, value); err != nil {
					return at(string(key), err)
				}
				m.SetMapIndex(reflect.ValueOf(string(key)), value)
			}
			v.Set(m)
			return nil
		},
	}
}

func appendString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, errNotUTF8
	}
	return msgp.AppendString(dst, s), nil
}

// appendInt writes i in the fewest bytes; msgp spends three on 200.
func appendInt(dst []byte, i int64) []byte {
	if i >= 0 {
		return msgp.AppendUint64(dst, uint64(i))
	}
	return msgp.AppendInt64(dst, i)
}
