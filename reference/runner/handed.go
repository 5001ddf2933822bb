package runner

import (
	"fmt"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// encode makes a map of h: {"settings": {...}, "environment": {...}, "switched":
// bool, "target": {...} or nil, "bundle": "path"}.
func (h *Handed) encode() (message.Raw, error) {
	var target map[string]any
	if a := h.Target; a != nil {
		groups := make([]any, len(a.Groups))
		for i, gid := range a.Groups {
			groups[i] = gid
		}
		target = map[string]any{"name": a.Name, "uid": a.UID, "gid": a.GID, "groups": groups, "home": a.Home, "shell": a.Shell}
	}
	return message.RawOf(map[string]any{
		"settings": h.Settings, "environment": h.Environment, "switched": h.Switched, "target": target, "bundle": h.Bundle,
	})
}

// decodeHanded reads what encode made. By way of JSON it would be shorter, and
// take a tenth of the time in which a runner starts.
func decodeHanded(value message.Raw) (*Handed, error) {
	all, err := value.Value()
	if all == nil || err != nil {
		return nil, err
	}
	m := fields{all: all}
	h := &Handed{Settings: m.texts("settings"), Environment: m.texts("environment"), Switched: field[bool](&m, "switched"), Bundle: field[string](&m, "bundle")}
	if target := field[map[string]any](&m, "target"); len(target) > 0 {
		t := fields{all: target, err: m.err}
		h.Target = &impersonate.Account{
			Name: field[string](&t, "name"), Home: field[string](&t, "home"), Shell: field[string](&t, "shell"),
			UID: int(field[int64](&t, "uid")), GID: int(field[int64](&t, "gid")),
		}
		for _, gid := range field[[]any](&t, "groups") {
			h.Target.Groups = append(h.Target.Groups, int(as[int64](&t, "groups", gid)))
		}
		m.err = t.err
	}
	return h, m.err
}

// fields are those of one map, and the first thing about it that is wrong.
type fields struct {
	all any
	err error
}

// field returns the value under a key, the zero value if there is none.
func field[T any](f *fields, key string) T {
	var none T
	m, ok := f.all.(map[string]any)
	if !ok {
		f.fail(fmt.Errorf("expected a map, got %T", f.all))
		return none
	}
	return as[T](f, key, m[key])
}

// as returns a value that is of type T, or nil and so T's zero value.
func as[T any](f *fields, name string, value any) T {
	typed, ok := value.(T)
	if !ok && value != nil {
		f.fail(fmt.Errorf("%s: expected %T, got %T", name, typed, value))
	}
	return typed
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// texts returns the map of strings under a key.
func (f *fields) texts(key string) map[string]string {
	m := field[map[string]any](f, key)
	if len(m) == 0 {
		return nil
	}
	texts := make(map[string]string, len(m))
	for name, value := range m {
		texts[name] = as[string](f, name, value)
	}
	return texts
}
