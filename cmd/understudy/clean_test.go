package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
)

func TestCleanNamesTheRunsOfRemovedContainers(t *testing.T) {
	var out bytes.Buffer
	tellRemoved(&out, []docker.Removed{{Container: strings.Repeat("0123456789abcdef", 4), Run: "20261126-221500-x"}})
	want := "containers removed: 1\n  0123456789ab of run 20261126-221500-x\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
