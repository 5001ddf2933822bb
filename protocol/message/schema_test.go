package message

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAtSchema(t *testing.T) {
	reason, version := "why", "v1"
	startup := func(later bool) Body {
		s := &StartupDetails{DagRelPath: "x.py", BundleInfo: BundleInfo{Name: "b", Version: &version}, TIContext: TIRunContext{MaxTries: 3}}
		if later {
			s.BundleInfo.VersionData = Raw("\x80")
			s.TIContext.ArgBindings = []ArgBinding{{Kind: "literal", Name: "n"}}
		}
		return s
	}
	for _, tt := range []struct {
		version string
		in      Body
		want    Body
	}{
		{"", startup(true), startup(true)},
		{Schema20261030, startup(true), startup(true)},
		{Schema20260616, startup(true), startup(false)},
		{Schema20260616, &TaskState{State: StateFailed, RetryReason: &reason}, &TaskState{State: StateFailed}},
		{Schema20260616, &RetryTask{RetryReason: &reason}, &RetryTask{RetryReason: &reason}},
		{Schema20260616, &ResendLoggingFD{}, &ResendLoggingFD{}},
	} {
		t.Run(tt.version+" "+tt.in.MessageType(), func(t *testing.T) {
			got, err := AtSchema(tt.in, tt.version)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}

	original := startup(true)
	if _, err := AtSchema(original, Schema20260616); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(startup(true), original); diff != "" {
		t.Errorf("the message itself was changed:\n%s", diff)
	}
	_, err := AtSchema(original, "2026-07-30")
	var unknown *UnknownSchemaError
	if !errors.As(err, &unknown) || unknown.Version != "2026-07-30" {
		t.Errorf("got %v, want UnknownSchemaError", err)
	} else if want := `unknown supervisor schema version "2026-07-30", known are ["2026-06-16" "2026-10-30"]`; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}
