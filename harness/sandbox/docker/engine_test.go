//go:build !engine

// testcontainers remembers which engine it found, so this test cannot share a process with those that use one.

package docker

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

func TestEngineThatDoesNotAnswerIsUnavailableWhateverElseRuns(t *testing.T) {
	silent := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	t.Setenv("DOCKER_HOST", silent)
	for name, try := range map[string]func() error{
		"Sweep": func() error { _, err := Sweep(t.Context(), false); return err },
		"Prepare": func() error {
			return New(Options{Manifest: folder(t, sourceFiles())}).Prepare(t.Context(), func(string) {})
		},
	} {
		err := try()
		if !errors.Is(err, sandbox.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
			continue
		}
		for _, text := range []string{silent, "start one"} {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", name, err, text)
			}
		}
	}
}
