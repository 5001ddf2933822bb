package timing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/journal"
)

func opened(t *testing.T, dir string) *cache.Folder {
	t.Helper()
	folder, err := cache.Open(dir, func(text string) { t.Errorf("people are told %q", text) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

func end(id string, outcome journal.Outcome, ms int64) journal.Event {
	return journal.Event{Case: id, CaseEnd: &journal.CaseEnd{DurationMS: ms, Outcome: outcome}}
}

func kept(t *testing.T, times *Times, events ...journal.Event) {
	t.Helper()
	for _, e := range events {
		times.See(e)
	}
	if err := times.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func last(t *testing.T, times *Times) string {
	t.Helper()
	return strings.TrimPrefix(fmt.Sprint(times.Last(t.Context())), "map")
}

// path is that of the only note.
func path(t *testing.T, dir string) string {
	t.Helper()
	notes, err := filepath.Glob(filepath.Join(dir, "measured-????????????????????"))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes %q, %v", notes, err)
	}
	return notes[0]
}

func TestTheLastMeasurementOfEachCaseIsKept(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir)
	kept(t, Of(first, "reference", "namespace"), end("a", journal.Held, 7), end("b", journal.Violated, 2000))
	kept(t, Of(first, "reference", "namespace"), end("b", journal.Held, 5), end("c", journal.NotApplicable, 0))
	second := opened(t, dir)
	if got, want := last(t, Of(second, "reference", "namespace")), "[a:7ms b:5ms c:0s]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, other := range []*Times{Of(second, "reference", "docker"), Of(second, "airflow", "namespace"), Of(second, "referencename", "space")} {
		if got := last(t, other); got != "[]" {
			t.Errorf("another implementation or sandbox has %s", got)
		}
	}
}

func TestWhatDidNotComeToItsEndIsNoMeasurement(t *testing.T) {
	dir := t.TempDir()
	kept(t, Of(opened(t, dir), "reference", "namespace"),
		end("a", journal.CouldNotRun, 1), end("b", journal.HarnessError, 60000), end("c", journal.Held, -1), end("d", journal.Held, 1<<62),
		journal.Event{Case: "e", CaseEnd: &journal.CaseEnd{DurationMS: 1}}, journal.Event{Case: "f", CaseStart: &journal.CaseStart{BudgetMS: 1}})
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("kept %v, %v", entries, err)
	}
}

func TestANoteThatCannotBeUsedIsNoMeasurement(t *testing.T) {
	text := `{"schema":1,"implementation":"reference","sandbox":"namespace","took_ms":{"a":1,"b":-1,"c":900000000000000000}}`
	note := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			err := opened(t, dir).Entry(filepath.Base(path(t, dir))).Note(t.Context(), 2*limit, func([]byte) ([]byte, error) { return []byte(text), nil })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(do func(path string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := do(path(t, dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		want  string
	}{
		"some times are none": {note(text), "[a:1ms]"},
		"another schema":      {note(strings.Replace(text, ":1,", ":2,", 1)), "[]"},
		"another one's":       {note(strings.Replace(text, "reference", "airflow", 1)), "[]"},
		"not JSON":            {note("{"), "[]"},
		"another shape":       {note(`{"schema":1,"implementation":"reference","sandbox":"namespace","took_ms":[1]}`), "[]"},
		"empty":               {note(""), "[]"},
		"endless":             {note(text + strings.Repeat(" ", limit)), "[]"},
		"written over":        {file(func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }), "[]"},
		"cut":                 {file(func(path string) error { return os.Truncate(path, 10) }), "[]"},
		"no record":           {file(func(path string) error { return os.Remove(path + ".record") }), "[]"},
		"a record that is a folder": {file(func(path string) error {
			return errors.Join(os.Remove(path+".record"), os.Mkdir(path+".record", 0o700))
		}), "[]"},
		"a link": {file(func(path string) error {
			return errors.Join(os.Rename(path, path+"-elsewhere"), os.Symlink(path+"-elsewhere", path))
		}), "[]"},
		"a folder": {file(func(path string) error {
			return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "in"), 0o700))
		}), "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			kept(t, Of(opened(t, dir), "reference", "namespace"), end("z", journal.Held, 1))
			c.spoil(t, dir)
			times := Of(opened(t, dir), "reference", "namespace")
			if got := last(t, times); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			kept(t, times, end("new", journal.Held, 3))
			if got := last(t, times); !strings.Contains(got, "new:3ms") {
				t.Errorf("then %s: nothing was put in its place", got)
			}
		})
	}
}

func TestRunsAtTheSameTimeLoseNothing(t *testing.T) {
	dir := t.TempDir()
	want := map[string]time.Duration{}
	var wait sync.WaitGroup
	for i := range 8 {
		id := fmt.Sprintf("case-%d", i)
		want[id] = time.Duration(i) * time.Millisecond
		times := Of(opened(t, dir), "reference", "namespace")
		wait.Go(func() {
			times.See(end(id, journal.Held, int64(i)))
			times.Last(t.Context())
			if err := times.Keep(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff(want, Of(opened(t, dir), "reference", "namespace").Last(t.Context())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithoutACacheThatCanBeWrittenNothingIsKept(t *testing.T) {
	dir := t.TempDir()
	folder := opened(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // as root may write into any folder
		t.Fatal(err)
	}
	times := Of(folder, "reference", "namespace")
	times.See(end("a", journal.Held, 1))
	if got := last(t, times); got != "[]" {
		t.Errorf("got %s", got)
	}
	if err := times.Keep(t.Context()); err == nil {
		t.Error("kept")
	}
}

func TestCleanRemovesMeasurements(t *testing.T) {
	dir := t.TempDir()
	folder := opened(t, dir)
	kept(t, Of(folder, "reference", "namespace"), end("a", journal.Held, 1))
	if done, err := folder.Prune([]string{Parts}, cache.Policy{All: true}); err != nil || done.Removed != 1 {
		t.Errorf("removed %+v, %v", done, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}
