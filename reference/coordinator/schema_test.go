package coordinator

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/protocol/message"
)

func TestSchema(t *testing.T) {
	reason := "out of memory"
	state := &message.TaskState{State: "failed", RetryReason: &reason}
	if message.Schema20261030 <= message.Schema20260616 {
		t.Fatal("versions are not ordered")
	}
	raw, err := message.RawOf(map[string]any{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	startup := &message.StartupDetails{
		BundleInfo: message.BundleInfo{Name: "b", VersionData: raw},
		TIContext:  message.TIRunContext{MaxTries: 3, ArgBindings: []message.ArgBinding{{Kind: "literal", Name: "x"}}},
	}
	for _, c := range []struct {
		name, version string
		in, want      message.Body
	}{
		{"older runtime gets nothing later", message.Schema20260616, startup, &message.StartupDetails{BundleInfo: message.BundleInfo{Name: "b"}, TIContext: message.TIRunContext{MaxTries: 3}}},
		{"runtime of today gets all", message.Schema20261030, startup, startup},
		{"no version gets all", "", startup, startup},
		{"answer without a body", message.Schema20260616, nil, nil},
		{"answer without what came later", message.Schema20260616, &message.VariableResult{Key: "k"}, &message.VariableResult{Key: "k"}},
		{"request with a later field", message.Schema20260616, state, &message.TaskState{State: "failed"}},
		{"request of today", message.Schema20261030, state, state},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Manifest{SDK: SDK{Schema: c.version}}.schema()
			if err != nil || s.Version() != c.version {
				t.Fatalf("%q: %v", s.Version(), err)
			}
			for _, migrate := range []func(message.Body) (message.Body, error){s.ToRuntime, s.FromRuntime} {
				got, err := migrate(c.in)
				if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b message.Raw) bool { return string(a) == string(b) })); diff != "" || err != nil {
					t.Errorf("%v\n%s", err, diff)
				}
			}
		})
	}
	_, err = Manifest{SDK: SDK{Schema: "2027-01-01"}}.schema()
	var unknown *message.UnknownSchemaError
	if !errors.As(err, &unknown) || unknown.Version != "2027-01-01" {
		t.Errorf("unknown version: %v", err)
	}
	if _, err := (Schema{version: "2027-01-01"}).ToRuntime(state); err == nil {
		t.Error("a body is migrated to a version that nobody knows")
	}
}
