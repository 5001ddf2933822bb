package message

import (
	"fmt"
	"reflect"
	"slices"
)

// The versions of the supervisor schema that releases have. A runtime in another
// language is built against one of them and must not get what came later. They
// are independent of the versions of the HTTP API.
const (
	Schema20260616 = "2026-06-16" // Airflow 3.3
	Schema20261030 = "2026-10-30" // what the structs of this package have
)

var schemas = []string{Schema20260616, Schema20261030}

// UnknownSchemaError reports a schema version that no release has.
type UnknownSchemaError struct{ Version string }

func (e *UnknownSchemaError) Error() string {
	return fmt.Sprintf("unknown supervisor schema version %.40q, known are %q", e.Version, schemas)
}

// AtSchema returns a copy of body without the fields that came after the given
// schema version; their struct tag since says when they came. The empty version
// asks for the newest, and gives body itself. The way back needs nothing: what an
// older peer leaves out is optional.
func AtSchema(body Body, version string) (Body, error) {
	if version == "" {
		return body, nil
	}
	if !slices.Contains(schemas, version) {
		return nil, &UnknownSchemaError{Version: version}
	}
	copied := reflect.New(reflect.TypeOf(body).Elem())
	copied.Elem().Set(reflect.ValueOf(body).Elem())
	dropLater(copied.Elem(), version)
	return copied.Interface().(Body), nil
}

// dropLater clears the later fields of a struct and of the structs it holds.
func dropLater(v reflect.Value, version string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("since") > version {
			v.Field(i).SetZero()
		} else if f.IsExported() && f.Type.Kind() == reflect.Struct {
			dropLater(v.Field(i), version)
		}
	}
}
