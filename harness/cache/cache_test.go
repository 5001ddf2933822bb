package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// said collects what is told.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

func opened(t *testing.T, dir string) (*Folder, *said) {
	t.Helper()
	var s said
	f, err := Open(dir, s.tell)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, &s
}

// writes makes a file of this content.
func writes(text string, times *atomic.Int32) Maker {
	return Maker{What: "layer", Build: func(partial string, _ io.Writer) error {
		times.Add(1)
		return os.WriteFile(partial, []byte(text), 0o600)
	}}
}

// plants makes a folder of a few files.
func plants(times *atomic.Int32) Maker {
	return Maker{What: "root", Build: func(partial string, _ io.Writer) error {
		times.Add(1)
		return errors.Join(
			os.MkdirAll(filepath.Join(partial, "bin"), 0o755),
			os.WriteFile(filepath.Join(partial, "bin", "sudo"), []byte("program"), 0o755),
			os.Symlink("bin", filepath.Join(partial, "sbin")),
		)
	}}
}

func TestKeyTellsPartsApart(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	key := func(fill func(*Key)) string { k := NewKey(); fill(k); return k.String() }
	seen := map[string]string{}
	for name, fill := range map[string]func(*Key){
		"nothing":    func(*Key) {},
		"one":        func(k *Key) { k.Text("a", "bc") },
		"shifted":    func(k *Key) { k.Text("ab", "c") },
		"two":        func(k *Key) { k.Text("a", "b"); k.Text("", "c") },
		"empty file": func(k *Key) { must(t, k.File("f", filepath.Join(dir, "empty"), true)) },
		"no file":    func(k *Key) { must(t, k.File("f", filepath.Join(dir, "none"), true)) },
	} {
		sum := key(fill)
		if other, twice := seen[sum]; twice {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[sum] = name
		if again := key(fill); again != sum {
			t.Errorf("%s: %s and then %s", name, sum, again)
		}
	}
	if err := NewKey().File("f", filepath.Join(dir, "none"), false); err == nil {
		t.Error("a file that must be there and is not was accepted")
	}
}

func TestEntryIsMadeOnceByMany(t *testing.T) {
	dir := t.TempDir()
	var built atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			f, err := Open(dir, func(string) {})
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			err = f.Entry("layers/x.tar").Read(t.Context(), writes("whole", &built), func(in io.Reader) error {
				if text, err := io.ReadAll(in); err != nil || string(text) != "whole" {
					t.Errorf("%v, content %q", err, text)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if built.Load() != 1 {
		t.Errorf("built %d times", built.Load())
	}
}

// damages are what a power cut, a full disk or a hand can make of an entry.
var damages = map[string]func(path string) error{
	"empty":            func(path string) error { return os.WriteFile(path, nil, 0o600) },
	"truncated":        func(path string) error { return os.Truncate(path, 100) },
	"longer":           func(path string) error { return add(path, "more") },
	"garbage":          func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("G", len(content))), 0o600) },
	"one octet":        func(path string) error { return flip(path) },
	"folder":           func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	"dangling link":    func(path string) error { return errors.Join(os.Remove(path), os.Symlink("nowhere", path)) },
	"link to the same": func(path string) error { return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path)) },
	"no record":        func(path string) error { return os.Remove(path + recordSuffix) },
	"empty record":     func(path string) error { return os.Truncate(path+recordSuffix, 0) },
	"strange record":   func(path string) error { return os.WriteFile(path+recordSuffix, []byte("file x 1\nmore"), 0o600) },
	"folder as record": func(path string) error {
		return errors.Join(os.Remove(path+recordSuffix), os.Mkdir(path+recordSuffix, 0o755))
	},
}

var content = strings.Repeat("content of a layer ", 1000)

func add(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// flip changes one octet in the middle and puts the time of the change back.
func flip(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("#"), info.Size()/2)
	return errors.Join(err, f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func TestDamagedFileIsMadeAgainOnceWithAWord(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var built atomic.Int32
			read := func() (text string, lines []string) {
				f, s := opened(t, dir)
				defer f.Close()
				must(t, f.Entry("layers/x.tar").Read(t.Context(), writes(content, &built), func(in io.Reader) error {
					all, err := io.ReadAll(in)
					text = string(all)
					return err
				}))
				return text, s.lines
			}
			if text, lines := read(); text != content || len(lines) > 0 {
				t.Fatalf("%d octets, said %q", len(text), lines)
			}
			must(t, damage(filepath.Join(dir, "layers", "x.tar")))
			text, lines := read()
			if text != content || built.Load() != 2 {
				t.Errorf("%d octets, built %d times", len(text), built.Load())
			}
			if len(lines) != 1 || !strings.HasPrefix(lines[0], "the cached layer is damaged: made again (") {
				t.Errorf("said %q", lines)
			}
			if text, lines := read(); text != content || len(lines) > 0 || built.Load() != 2 {
				t.Errorf("afterwards %d octets, said %q, built %d times", len(text), lines, built.Load())
			}
		})
	}
}

// A reader that gives up in the middle of a damaged file is not what failed.
func TestErrorOfAReaderCountsOnlyIfTheFileIsWhole(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	var built atomic.Int32
	e := f.Entry("x.tar")
	refuses := errors.New("no tar")
	failing := func(in io.Reader) error { in.Read(make([]byte, 10)); return refuses }
	if err := e.Read(t.Context(), writes(content, &built), failing); !errors.Is(err, refuses) || built.Load() != 1 {
		t.Errorf("%v, built %d times", err, built.Load())
	}
	must(t, f.Close(), flip(e.Path))
	if err := e.Read(t.Context(), writes(content, &built), failing); !errors.Is(err, refuses) || built.Load() != 2 {
		t.Errorf("%v, built %d times", err, built.Load())
	}
}

func TestEntryThatIsDamagedAgainAtOnceIsAnError(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	var built atomic.Int32
	err := f.Entry("x.tar").use(t.Context(), writes(content, &built), func() error { return fmt.Errorf("it is odd: %w", ErrDamaged) })
	if !errors.Is(err, ErrDamaged) || built.Load() > 2 {
		t.Errorf("%v, built %d times", err, built.Load())
	}
}

func TestDamagedFolderIsMadeAgainOnceWithAWord(t *testing.T) {
	in := func(name string) func(string) error {
		return func(path string) error { return os.WriteFile(filepath.Join(path, name), []byte("garbage"), 0o644) }
	}
	sudo := filepath.Join("bin", "sudo")
	for name, damage := range map[string]func(path string) error{
		"file more":    in("more"),
		"file gone":    func(path string) error { return os.Remove(filepath.Join(path, sudo)) },
		"file empty":   func(path string) error { return os.Truncate(filepath.Join(path, sudo), 0) },
		"other length": func(path string) error { return add(filepath.Join(path, sudo), "x") },
		"other time":   func(path string) error { return os.Chtimes(filepath.Join(path, sudo), time.Time{}, time.Unix(5, 0)) },
		"other mode":   func(path string) error { return os.Chmod(filepath.Join(path, sudo), 0o777) },
		"other link": func(path string) error {
			link := filepath.Join(path, "sbin")
			return errors.Join(os.Remove(link), os.Symlink("/bin", link))
		},
		"empty folder":   func(path string) error { return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o755)) },
		"file, no tree":  func(path string) error { return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o644)) },
		"no record":      damages["no record"],
		"strange record": damages["strange record"],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var built atomic.Int32
			get := func() []string {
				f, s := opened(t, dir)
				defer f.Close()
				must(t, f.Entry("roots/x").Tree(t.Context(), plants(&built)))
				return s.lines
			}
			get()
			if lines := get(); len(lines) > 0 || built.Load() != 1 {
				t.Fatalf("said %q, built %d times", lines, built.Load())
			}
			must(t, damage(filepath.Join(dir, "roots", "x")))
			if lines := get(); len(lines) != 1 || !strings.HasPrefix(lines[0], "the cached root is damaged: made again (") || built.Load() != 2 {
				t.Errorf("said %q, built %d times", lines, built.Load())
			}
			if text, err := os.ReadFile(filepath.Join(dir, "roots", "x", sudo)); err != nil || string(text) != "program" {
				t.Errorf("%q, %v", text, err)
			}
			if lines := get(); len(lines) > 0 || built.Load() != 2 {
				t.Errorf("afterwards said %q, built %d times", lines, built.Load())
			}
		})
	}
}

func TestRefreshBelievesOnlyWhatItLeft(t *testing.T) {
	dir := t.TempDir()
	f, s := opened(t, dir)
	e := f.Entry("bin/x")
	program := filepath.Join(e.Path, "program")
	made := 0
	// Like "go build", it makes only what is absent, and looks at no content.
	build := func(string) error {
		if _, err := os.Stat(program); err == nil {
			return nil
		}
		made++
		return os.WriteFile(program, []byte(content), 0o755)
	}
	refresh := func() { t.Helper(); must(t, e.Refresh(t.Context(), "helper commands", build)) }
	refresh()
	refresh()
	if made != 1 || len(s.lines) > 0 {
		t.Fatalf("made %d times, said %q", made, s.lines)
	}
	for i, damage := range []func() error{
		func() error { return flip(program) },
		func() error { return os.Truncate(program, 10) },
		func() error { return errors.Join(os.RemoveAll(program), os.Mkdir(program, 0o755)) },
		func() error { return errors.Join(os.RemoveAll(e.Path), os.WriteFile(e.Path, nil, 0o644)) },
	} {
		must(t, damage())
		refresh()
		if made != i+2 || len(s.lines) != i+1 || !strings.HasPrefix(s.lines[i], "the cached helper commands are damaged: made again") {
			t.Errorf("damage %d: made %d times, said %q", i, made, s.lines)
		}
		if text, err := os.ReadFile(program); err != nil || string(text) != content {
			t.Errorf("damage %d: %d octets, %v", i, len(text), err)
		}
	}
}

// Somebody who interrupts the first build has damaged nothing.
func TestRefreshThatWasInterruptedIsUnfinishedAndNotDamaged(t *testing.T) {
	f, s := opened(t, t.TempDir())
	e := f.Entry("bin/x")
	half := filepath.Join(e.Path, "half")
	interrupted := errors.New("interrupted")
	err := e.Refresh(t.Context(), "helper commands", func(string) error {
		must(t, os.WriteFile(half, nil, 0o755))
		return interrupted
	})
	if !errors.Is(err, interrupted) {
		t.Fatal(err)
	}
	must(t, e.Refresh(t.Context(), "helper commands", func(string) error {
		if _, err := os.Stat(half); err == nil {
			t.Error("what nobody knows is used")
		}
		return nil
	}))
	if diff := cmp.Diff([]string{"the cached helper commands are unfinished: made again"}, s.lines); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

func TestFailedEntryLeavesOnlyItsLog(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	e := f.Entry("layer.tar")
	broken := errors.New("no network")
	err := e.Read(t.Context(), Maker{What: "layer", Build: func(partial string, log io.Writer) error {
		fmt.Fprintln(log, "trying")
		must(t, os.MkdirAll(filepath.Join(partial, "half"), 0o700))
		return broken
	}}, func(io.Reader) error { t.Error("read what was not made"); return nil })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if log, _ := os.ReadFile(e.Log); string(log) != "trying\n" {
		t.Errorf("log holds %q", log)
	}
	for _, path := range []string{e.Path, e.Path + partialSuffix, e.Path + recordSuffix} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is there", path)
		}
	}
}

func TestWaitingForAnotherProcessCanBeInterrupted(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	must(t, f.Entry("layer.tar").Tree(t.Context(), Maker{What: "layer", Build: func(partial string, _ io.Writer) error {
		other, err := Open(dir, func(string) { cancel() })
		must(t, err)
		again := Maker{What: "layer", Build: func(string, io.Writer) error { t.Error("built beside another"); return nil }}
		if err := other.Entry("layer.tar").Tree(ctx, again); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it to give up", err)
		}
		return os.Mkdir(partial, 0o755)
	}}))
}

func TestCacheThatCannotBeWrittenSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "layers"), nil, 0o644))
	f, _ := opened(t, dir)
	var built atomic.Int32
	for name, err := range map[string]error{
		"file":    f.Entry("layers/x.tar").Read(t.Context(), writes("", &built), func(io.Reader) error { return nil }),
		"folder":  f.Entry("layers/x").Tree(t.Context(), plants(&built)),
		"refresh": f.Entry("layers/y").Refresh(t.Context(), "helper commands", func(string) error { return nil }),
	} {
		if !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "XDG_CACHE_HOME") || built.Load() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "layers", "cache"), nil); !errors.Is(err, ErrUnwritable) {
		t.Errorf("opened: %v", err)
	}
}

func TestSweepRemovesWhatNobodyMakes(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "dead.tar.partial"), 0o700), os.WriteFile(filepath.Join(dir, "dead.tar.record.partial"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "whole.tar"), nil, 0o600))
	f, _ := opened(t, dir)
	must(t, f.Entry("alive.tar").Read(t.Context(), Maker{What: "layer", Build: func(partial string, _ io.Writer) error {
		must(t, os.WriteFile(partial, nil, 0o600))
		if done, err := f.Sweep([]string{"*"}); done.Removed != 1 || err != nil {
			t.Errorf("%+v, %v", done, err)
		}
		return nil
	}}, func(io.Reader) error { return nil }))
	want := []string{"alive.tar", "alive.tar.lock", "alive.tar.log", "alive.tar.record", "whole.tar"}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

// TestPruneSparesWhatItShould has four entries of 1,000 octets, last used 40, 20, 10 and 0 days ago; the last is in use.
func TestPruneSparesWhatItShould(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		policy Policy
		left   []string
		done   Pruned
	}{
		"nothing":         {Policy{}, []string{"10", "20", "40", "used"}, Pruned{Left: 4}},
		"all":             {Policy{All: true}, []string{"used"}, Pruned{Removed: 3, Left: 1, InUse: 1}},
		"age":             {Policy{OlderThan: 15 * day}, []string{"10", "used"}, Pruned{Removed: 2, Left: 2}},
		"size":            {Policy{Keep: 3500}, []string{"10", "20", "used"}, Pruned{Removed: 1, Left: 3}},
		"small size":      {Policy{Keep: 10}, []string{"used"}, Pruned{Removed: 3, Left: 1, InUse: 1}},
		"age and size":    {Policy{OlderThan: 30 * day, Keep: 2500}, []string{"10", "used"}, Pruned{Removed: 2, Left: 2}},
		"large and young": {Policy{OlderThan: 50 * day, Keep: 1 << 30}, []string{"10", "20", "40", "used"}, Pruned{Left: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			user, _ := opened(t, dir)
			var built atomic.Int32
			for entry, days := range map[string]int{"40": 40, "20": 20, "10": 10, "used": 0} {
				f := user
				if entry != "used" {
					f, _ = opened(t, dir)
				}
				must(t, f.Entry("layers/"+entry).Read(t.Context(), writes(strings.Repeat("x", 1000), &built), func(io.Reader) error { return nil }))
				if entry == "used" {
					continue
				}
				must(t, f.Close())
				at := time.Now().Add(-time.Duration(days) * day)
				paths, err := filepath.Glob(filepath.Join(dir, "layers", entry+"*"))
				must(t, err)
				for _, path := range paths {
					must(t, os.Chtimes(path, at, at))
				}
			}
			must(t, os.WriteFile(filepath.Join(dir, "foreign"), nil, 0o600))
			cleaner, _ := opened(t, dir)
			got, err := cleaner.Prune([]string{"layers/*"}, c.policy)
			got.Freed, got.Size = 0, 0 // records count, too
			if diff := cmp.Diff(c.done, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			var left []string
			for _, name := range names(t, filepath.Join(dir, "layers")) {
				if !strings.Contains(name, ".") {
					left = append(left, name)
				}
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(dir, "foreign")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUseCountsAsUse(t *testing.T) {
	dir := t.TempDir()
	var built atomic.Int32
	use := func() {
		f, _ := opened(t, dir)
		defer f.Close()
		must(t, f.Entry("layers/x").Read(t.Context(), writes("x", &built), func(io.Reader) error { return nil }))
	}
	use()
	old := time.Now().Add(-1000 * time.Hour)
	for _, name := range names(t, filepath.Join(dir, "layers")) {
		must(t, os.Chtimes(filepath.Join(dir, "layers", name), old, old))
	}
	use()
	f, _ := opened(t, dir)
	if done, err := f.Prune([]string{"layers/*"}, Policy{OlderThan: time.Hour}); err != nil || done.Left != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// A lock that was removed by clean while somebody waited for it protects nobody.
func TestLockOfARemovedEntryIsTakenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	first, err := take(t.Context(), path, false, func() {})
	must(t, err)
	waiting, got := make(chan struct{}), make(chan error)
	go func() {
		second, err := take(t.Context(), path, false, func() { close(waiting) })
		if err == nil && !current(second, path) {
			err = errors.New("the lock is that of a file without name")
		}
		got <- err
	}()
	<-waiting
	must(t, os.Remove(path), first.Close())
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// ci/setup/base makes one entry without this package.
func TestShellScriptRecordsAsWeDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "base.tar")
	must(t, os.WriteFile(path, []byte(content), 0o600))
	script := `eval "$(grep '^measured()' ../../ci/setup/base)"; measured "$1"`
	got, err := exec.Command("bash", "-c", script, "bash", path).Output()
	must(t, err)
	want, err := measure(path, kindFile)
	must(t, err)
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
