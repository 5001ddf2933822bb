package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/worker"
	"github.com/understudy-conformance/understudy/scenarios"
)

func TestTheEmbeddedIndexIsThatOfTheTree(t *testing.T) {
	var tree bytes.Buffer
	if err := worker.Index(&tree, scenarios.Catalogue(), areas()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(scenarios.Index()), tree.String()); diff != "" {
		t.Errorf("scenarios/index.json is stale: go generate ./scenarios (-embedded +tree)\n%s", diff)
	}
}

func TestUnknownArgumentsAreNamed(t *testing.T) {
	for _, args := range [][]string{nil, {"start"}, {"run", "fast"}, {"parent"}} {
		if _, err := command(args); err == nil || !strings.Contains(err.Error(), "unknown arguments") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
