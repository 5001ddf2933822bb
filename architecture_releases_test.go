package understudy_test

import (
	"slices"
	"strings"
	"testing"
)

// askers are the packages that look into what releases of Airflow speak. Everything else
// asks a shape, so that a further release is data and a line there.
var askers = []string{"harness/world", "harness/world/executionapi", "harness/world/shape"}

func TestWhatReleasesSpeakIsAskedInOnePlace(t *testing.T) {
	var found []string
	for _, pkg := range list(t, "./...") {
		name := strings.TrimPrefix(pkg.ImportPath, module+"/")
		if slices.Contains(pkg.Imports, module+"/protocol/spoken") {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, askers) {
		t.Errorf("%q look into protocol/spoken, and %q may: ask harness/world/shape", found, askers)
	}
}
