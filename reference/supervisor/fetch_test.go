package supervisor

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

func TestFetcherThatIsAbsentIsNamedWithTheRemedy(t *testing.T) {
	for _, path := range []string{"", "/nonexistent/understudy-fetcher"} { // beside this test binary there is none
		w := &shared{fetcher: path}
		_, err := w.fetchGit(t.Context(), bundle.Request{})
		if err == nil || !strings.Contains(err.Error(), "/understudy-fetcher") || !strings.Contains(err.Error(), "--fetcher PATH") {
			t.Errorf("%q: got %v, want the program and the flag", path, err)
		}
	}
}

func TestFetcherLearnsNoSettings(t *testing.T) {
	fetcher, err := filepath.Abs("testdata/fetcher")
	if err != nil {
		t.Fatal(err)
	}
	w := &shared{fetcher: fetcher, environ: []string{
		"PATH=/usr/bin:/bin", "AIRFLOW__CORE__FERNET_KEY=secret", "AIRFLOW_CONN_DB=secret", "_AIRFLOW_SKIP_DB_TESTS=secret", "HOME=/srv",
	}}
	_, err = w.fetchGit(t.Context(), bundle.Request{})
	if want := "settings 0, home /srv"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if len(w.environ) != 5 {
		t.Errorf("the worker's own environment was changed: %q", w.environ)
	}
}
