package message

import (
	"fmt"
	"reflect"

	"github.com/understudy-conformance/understudy/protocol/release"
)

// OtherReleaseError reports a message that a release does not have.
type OtherReleaseError struct {
	Type    string
	Release release.Version
}

func (e *OtherReleaseError) Error() string {
	return fmt.Sprintf("Airflow %s has no message %s", e.Release.Minor(), e.Type)
}

// AtVersion returns a copy of body as a release of Airflow knows it: without the
// fields that came later. Their struct tag since says when they came. The error of a
// message that the release does not have is an *OtherReleaseError.
//
// The way back needs nothing: what an older peer leaves out is optional.
func AtVersion(body Body, v release.Version) (Body, error) {
	for _, r := range [...]registry{requests, responses} {
		if e := r.find([]byte(body.MessageType())); e != nil && !e.at(v) {
			return nil, &OtherReleaseError{Type: body.MessageType(), Release: v}
		}
	}
	copied := reflect.New(reflect.TypeOf(body).Elem())
	copied.Elem().Set(reflect.ValueOf(body).Elem())
	dropLater(copied.Elem(), v)
	return copied.Interface().(Body), nil
}

// at says whether the release has the message.
func (e *entry) at(v release.Version) bool {
	return !later(e.since, v) && (e.until == "" || later(e.until, v))
}

// later says whether a release, "" for one before all others, came after another.
func later(since string, v release.Version) bool {
	return since != "" && release.MustParse(since).Compare(v) > 0
}

// dropLater clears the later fields of a value and of all that it holds. What hangs
// on pointers and in lists is copied first: it is the sender's.
func dropLater(value reflect.Value, v release.Version) {
	t := value.Type()
	if ownMethods(t) && reflect.PointerTo(t).Implements(customType) {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if later(f.Tag.Get("since"), v) {
				value.Field(i).SetZero()
			} else if f.IsExported() {
				dropLater(value.Field(i), v)
			}
		}
	case reflect.Pointer:
		if !value.IsNil() {
			copied := reflect.New(t.Elem())
			copied.Elem().Set(value.Elem())
			dropLater(copied.Elem(), v)
			value.Set(copied)
		}
	case reflect.Slice:
		if !value.IsNil() && holds(t.Elem()) {
			copied := reflect.MakeSlice(t, value.Len(), value.Len())
			reflect.Copy(copied, value)
			for i := range copied.Len() {
				dropLater(copied.Index(i), v)
			}
			value.Set(copied)
		}
	}
}

// holds says whether values of a type can have later fields in them.
func holds(t reflect.Type) bool { return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer }
