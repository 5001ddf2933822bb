package shape

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/protocol/spoken"
)

// Misfit is one thing that does not fit a shape.
type Misfit struct {
	Kind  Kind
	Field string // "loop_decision", "task_outlets[0].uri"; "" of the whole
}

// Kind says what is wrong, in the words of the API's own refusals.
type Kind string

const (
	Extra   Kind = "extra_forbidden" // the shape has no such field, and no others are permitted
	Missing Kind = "missing"
	Value   Kind = "value_error"           // of another type
	Tag     Kind = "union_tag_invalid"     // one of several objects, and it is none of them
	Object  Kind = "model_attributes_type" // no object at all

	Operation Kind = "operation" // the API has none like that
)

// String says what is wrong with which field, or with the whole.
func (m Misfit) String() string {
	what := "it"
	if m.Field != "" {
		what = fmt.Sprintf("field %q", m.Field)
	}
	switch m.Kind {
	case Extra:
		return what + " is unknown"
	case Missing:
		return what + " is missing"
	case Tag:
		return what + " is none of the objects that are taken"
	case Object:
		return what + " is no object"
	case Operation:
		return "there is no such operation"
	}
	return what + " holds what it may not hold"
}

// Body finds what in a value, decoded from JSON as package world does, does not fit a
// type of the API. Fields that are there and unknown come first.
func (s Shape) Body(of spoken.Type, value any) []Misfit {
	return fitter{s.spoken.API.Objects}.fits(of, value, "")
}

// Request finds what in a request of a runner the release refuses, or, where the shape
// is of a newer one, what it does not have: the message type, or keys of its body.
// Values have been seen to by the decoder.
func (s Shape) Request(messageType string, keys []string) []Misfit {
	if !slices.Contains(s.spoken.Frames.Requests, messageType) {
		return []Misfit{{Kind: Tag}}
	}
	object := s.spoken.Frames.Objects[messageType]
	var misfits []Misfit
	for _, key := range keys {
		if _, _, there := object.Field(key); !there && key != "type" && (object.Closed || s.newer) {
			misfits = append(misfits, Misfit{Extra, key})
		}
	}
	return misfits
}

// fitter compares values with types.
type fitter struct{ objects map[string]spoken.Object }

func (f fitter) fits(of spoken.Type, value any, path string) []Misfit {
	var candidates []spoken.Object
	fields, isMap := value.(map[string]any)
	for _, one := range of.Alternatives() {
		if element, is := one.Element(); is {
			if list, ok := value.([]any); ok {
				return f.list(element, list, path)
			}
			continue
		}
		if object, is := f.objects[string(one)]; is {
			candidates = append(candidates, object)
		} else if basic(string(one), value) {
			return nil
		}
	}
	switch {
	case len(candidates) == 0:
		return []Misfit{{Value, path}}
	case !isMap:
		return []Misfit{{Object, path}}
	case len(candidates) == 1:
		return f.object(candidates[0], fields, path)
	}
	meant, fewest := -1, math.MaxInt
	for i, candidate := range candidates {
		if tags, are := f.tags(candidate, fields); are && tags < fewest {
			meant, fewest = i, tags
		}
	}
	if meant < 0 {
		return []Misfit{{Tag, path}}
	}
	return f.object(candidates[meant], fields, path)
}

func (f fitter) list(of spoken.Type, list []any, path string) []Misfit {
	for i, value := range list {
		if misfits := f.fits(of, value, fmt.Sprintf("%s[%d]", path, i)); len(misfits) > 0 {
			return misfits
		}
	}
	return nil
}

// tags says whether the fields that tell one of several objects from the others hold
// what they hold in this one, and how many texts those may be: the object that permits
// the fewest is meant, since one of them takes what is left by the others.
func (f fitter) tags(object spoken.Object, fields map[string]any) (permitted int, are bool) {
	for name, of := range object.Required {
		if of[0] != '\'' {
			continue
		}
		if len(f.fits(of, fields[name], name)) > 0 {
			return 0, false
		}
		permitted += len(of.Alternatives())
	}
	return permitted, true
}

func (f fitter) object(object spoken.Object, fields map[string]any, path string) []Misfit {
	at := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	var extra, wrong []Misfit
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch of, _, known := object.Field(name); {
		case known:
			wrong = append(wrong, f.fits(of, fields[name], at(name))...)
		case object.Closed:
			extra = append(extra, Misfit{Extra, at(name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object.Required)) {
		if _, there := fields[name]; !there {
			wrong = append(wrong, Misfit{Missing, at(name)})
		}
	}
	return append(extra, wrong...)
}

// basic says whether a value is of a type that is no object and no list.
func basic(of string, value any) bool {
	text, isText := value.(string)
	switch of {
	case "any":
		return true
	case "null":
		return value == nil
	case "string":
		return isText
	case "string:date-time":
		_, err := time.Parse(time.RFC3339, text)
		return isText && err == nil
	case "boolean":
		_, is := value.(bool)
		return is
	case "integer":
		_, is := value.(int64)
		return is
	case "number":
		number, is := value.(float64)
		_, whole := value.(int64)
		return whole || is && !math.IsNaN(number)
	case "object":
		_, is := value.(map[string]any)
		return is
	}
	if constant, is := strings.CutPrefix(of, "'"); is {
		return isText && text == strings.TrimSuffix(constant, "'")
	}
	return isText // string:uuid and the like: what stands in them is not looked at
}

// Answer returns what an operation answers without the fields that the release does not
// have. value may be changed.
func (s Shape) Answer(of spoken.Type, value any) any {
	fitter{s.spoken.API.Objects}.prune(of, value)
	return value
}

// prune looks into the objects of which a type has one, and into lists.
func (f fitter) prune(of spoken.Type, value any) {
	var objects []spoken.Object
	for _, one := range of.Alternatives() {
		if object, is := f.objects[string(one)]; is {
			objects = append(objects, object)
		}
		if list, is := value.([]any); is {
			if element, is := one.Element(); is {
				for _, inside := range list {
					f.prune(element, inside)
				}
			}
		}
	}
	fields, is := value.(map[string]any)
	if !is || len(objects) != 1 {
		return
	}
	for name := range fields {
		if inside, _, known := objects[0].Field(name); known {
			f.prune(inside, fields[name])
		} else {
			delete(fields, name)
		}
	}
}
