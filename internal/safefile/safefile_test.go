package safefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

const somebody = 61004 // a uid that no test runs as

// planted is what somebody may have put in place of a file: a victim lies beside
// the folder, which nothing may change or show.
var planted = []struct {
	name  string
	plant func(t *testing.T, path, victim string)
	want  error
	says  string
}{
	{"symbolic link", func(t *testing.T, path, victim string) { must(t, os.Symlink(victim, path)) }, safefile.ErrNotRegular, "a symbolic link to"},
	{"dangling link", func(t *testing.T, path, victim string) { must(t, os.Symlink(victim+"-absent", path)) }, safefile.ErrNotRegular, "a symbolic link to"},
	{"link within", func(t *testing.T, path, _ string) {
		must(t, os.WriteFile(path+"-other", nil, 0o600))
		must(t, os.Symlink(filepath.Base(path)+"-other", path))
	}, safefile.ErrNotRegular, "a symbolic link to"},
	{"FIFO", func(t *testing.T, path, _ string) { must(t, syscall.Mkfifo(path, 0o666)) }, safefile.ErrNotRegular, "a FIFO"},
	{"FIFO with both ends open", func(t *testing.T, path, _ string) {
		must(t, syscall.Mkfifo(path, 0o666))
		end, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		t.Cleanup(func() { end.Close() })
	}, safefile.ErrNotRegular, "a FIFO"},
	{"device", func(t *testing.T, path, _ string) { device(t, path) }, safefile.ErrNotRegular, "a device"},
	{"folder", func(t *testing.T, path, _ string) { must(t, os.Mkdir(path, 0o755)) }, safefile.ErrNotRegular, "a folder"},
	{"socket", func(t *testing.T, path, _ string) { socket(t, path) }, safefile.ErrNotRegular, "a socket"},
	{"hard link", func(t *testing.T, path, victim string) { must(t, os.Link(victim, path)) }, safefile.ErrLinks, "one of 2 names"},
	{"somebody else's file", func(t *testing.T, path, _ string) {
		root(t)
		must(t, os.WriteFile(path, nil, 0o666))
		must(t, os.Chown(path, somebody, somebody))
	}, safefile.ErrOwner, "belongs to uid 61004"},
}

// strict are the terms under which each of planted is refused.
func strict() safefile.Terms {
	return safefile.Terms{Owners: []int{os.Geteuid()}, OneLink: true}
}

func TestPlantedFilesAreRefusedAtOnce(t *testing.T) {
	uses := map[string]func(*safefile.Folder, string) error{
		"open":   func(d *safefile.Folder, name string) error { return closed(d.Open(name, strict())) },
		"read":   func(d *safefile.Folder, name string) error { _, err := d.Read(name, 10, strict()); return err },
		"append": func(d *safefile.Folder, name string) error { return closed(d.Append(name, 0o644, strict())) },
	}
	for _, p := range planted {
		for use, do := range uses {
			for _, name := range []string{"file", "below/deep/file"} {
				t.Run(p.name+"/"+use+"/"+name, func(t *testing.T) {
					folder, victim := scene(t)
					p.plant(t, folder.Path(name), victim)
					err := do(folder, name)
					if !errors.Is(err, p.want) {
						t.Fatalf("got %v, want %v", err, p.want)
					}
					for _, part := range []string{folder.Path(name), p.says} {
						if !strings.Contains(err.Error(), part) {
							t.Errorf("%v does not name %s", err, part)
						}
					}
					unchanged(t, victim)
				})
			}
		}
	}
}

func TestWhatIsPlantedIsReplacedAndNotWrittenTo(t *testing.T) {
	uses := map[string]func(*safefile.Folder) error{
		"create": func(d *safefile.Folder) error {
			file, err := d.Create("file", 0o640)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = io.WriteString(file, "new")
			return err
		},
		"replace": func(d *safefile.Folder) error {
			return d.Replace("file", 0o640, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err })
		},
	}
	for _, p := range planted {
		for use, do := range uses {
			t.Run(p.name+"/"+use, func(t *testing.T) {
				folder, victim := scene(t)
				p.plant(t, folder.Path("file"), victim)
				before := names(t, folder)
				err := do(folder)
				unchanged(t, victim)
				if after := names(t, folder); after != before {
					t.Errorf("the folder holds %s, %s before", after, before)
				}
				if p.name == "folder" {
					if err == nil {
						t.Fatal("a folder was replaced")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, err := folder.Read("file", 10, strict()); err != nil || string(got) != "new" {
					t.Errorf("the file holds %q (%v)", got, err)
				}
				if info, err := folder.Lstat("file"); err != nil || info.Mode != 0o640 || info.Links != 1 {
					t.Errorf("the file is %+v (%v)", info, err)
				}
			})
		}
	}
}

func TestNothingElseIsGivenAway(t *testing.T) {
	root(t)
	for _, p := range planted {
		if p.want != safefile.ErrNotRegular || p.name == "folder" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			folder, victim := scene(t)
			p.plant(t, folder.Path("file"), victim)
			if err := folder.Give("file", somebody, somebody, 0o777); !errors.Is(err, p.want) {
				t.Errorf("got %v", err)
			}
			if info, err := os.Stat(victim); err != nil || ownerOf(info) != os.Geteuid() || info.Mode() != 0o644 {
				t.Errorf("the victim is %v (%v)", info.Mode(), err)
			}
		})
	}
	folder, _ := scene(t)
	must(t, folder.Give("below", somebody, somebody, 0o710))
	if info, err := folder.Lstat("below"); err != nil || info.UID != somebody || info.Mode != fs.ModeDir|0o710 {
		t.Errorf("the folder is %+v (%v)", info, err)
	}
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func TestAFailedReplaceLeavesWhatWasThere(t *testing.T) {
	folder, _ := scene(t)
	must(t, os.WriteFile(folder.Path("file"), []byte("old"), 0o600))
	full := errors.New("disk is full")
	if err := folder.Replace("file", 0o644, func(io.Writer) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if got, err := folder.Read("file", 10, strict()); err != nil || string(got) != "old" {
		t.Errorf("the file holds %q (%v)", got, err)
	}
	if got := names(t, folder); got != "below file" {
		t.Errorf("the folder holds %s", got)
	}
}

// What is not known to be on disk replaces nothing: a pipe takes a mode and text, and cannot be flushed.
func TestAFileIsOnDiskBeforeItReplacesAnother(t *testing.T) {
	folder, _ := scene(t)
	must(t, os.WriteFile(folder.Path("file"), []byte("old"), 0o600))
	out, in, err := os.Pipe()
	must(t, err)
	defer out.Close()
	defer in.Close()
	err = folder.Replace("file", 0o644, func(w io.Writer) error {
		return unix.Dup2(int(in.Fd()), int(w.(*os.File).Fd()))
	})
	if err == nil {
		t.Error("what cannot be flushed replaces a file")
	}
	if got, err := folder.Read("file", 10, strict()); err != nil || string(got) != "old" {
		t.Errorf("the file holds %q (%v)", got, err)
	}
}

func TestFoldersOnTheWayAreNotFollowed(t *testing.T) {
	folder, victim := scene(t)
	outside := filepath.Dir(victim)
	must(t, os.Symlink(outside, folder.Path("out")))
	must(t, os.Symlink("below", folder.Path("in")))
	must(t, syscall.Mkfifo(folder.Path("fifo"), 0o666))
	for name, says := range map[string]string{
		"out/victim": "a symbolic link to ", "in/file": `a symbolic link to "below"`, "in/deep/file": "a symbolic link to ",
		"fifo/file": "a FIFO", "below/deep/../../out/victim": "a symbolic link to ",
	} {
		for use, err := range map[string]error{
			"open":    closed(folder.Open(name, safefile.Terms{})),
			"append":  closed(folder.Append(name, 0o644, safefile.Terms{})),
			"create":  closed(folder.Create(name, 0o644)),
			"replace": folder.Replace(name, 0o644, func(io.Writer) error { return nil }),
			"remove":  folder.Remove(name),
			"lstat":   func() error { _, err := folder.Lstat(name); return err }(),
			"make":    closed(folder.MakeSub(name, 0o755)),
		} {
			if !errors.Is(err, safefile.ErrNotFolder) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s %s: got %v", use, name, err)
			}
		}
	}
	unchanged(t, victim)
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 2 {
		t.Errorf("beside the folder lies %v (%v)", entries, err)
	}
}

func TestNamesDoNotLeadOut(t *testing.T) {
	folder, victim := scene(t)
	for _, name := range []string{"", "..", "../victim", victim, "below/../../victim", "a\x00b"} {
		for use, err := range map[string]error{
			"open": closed(folder.Open(name, safefile.Terms{})), "create": closed(folder.Create(name, 0o644)), "make": closed(folder.MakeSub(name, 0o755)),
		} {
			if !errors.Is(err, safefile.ErrName) {
				t.Errorf("%s %q: got %v", use, name, err)
			}
		}
	}
	if err := closed(folder.Create(".", 0o644)); !errors.Is(err, safefile.ErrName) {
		t.Errorf("create .: got %v", err)
	}
}

func TestAppendMakesAndContinues(t *testing.T) {
	folder, _ := scene(t)
	for _, text := range []string{"one ", "two"} {
		file, err := folder.Append("below/log", 0o640, strict())
		must(t, err)
		_, err = io.WriteString(file, text)
		must(t, errors.Join(err, file.Close()))
	}
	if got, err := folder.Read("below/log", 7, strict()); err != nil || string(got) != "one two" {
		t.Errorf("got %q (%v)", got, err)
	}
	if _, err := folder.Read("below/log", 6, strict()); !errors.Is(err, safefile.ErrTooLarge) {
		t.Errorf("7 bytes read with a limit of 6: %v", err)
	}
	if _, err := folder.Read("absent", 6, strict()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestAFolderIsHeldWhateverIsRenamed(t *testing.T) {
	base := t.TempDir()
	folder, err := safefile.MakeFolder(filepath.Join(base, "made", "report"), 0o755)
	must(t, err)
	defer folder.Close()
	must(t, os.Rename(filepath.Join(base, "made"), filepath.Join(base, "moved")))
	must(t, os.Mkdir(filepath.Join(base, "other"), 0o755))
	must(t, os.Symlink("other", filepath.Join(base, "made")))
	must(t, closed(folder.Create("file", 0o644)))
	if _, err := os.Lstat(filepath.Join(base, "moved", "report", "file")); err != nil {
		t.Error(err)
	}
}

func TestUsersPathsMayBeLinks(t *testing.T) {
	folder, victim := scene(t)
	must(t, os.Symlink(victim, folder.Path("link")))
	if got, err := safefile.Read(folder.Path("link"), 100); err != nil || string(got) != precious {
		t.Errorf("got %q (%v)", got, err)
	}
	must(t, os.Symlink("below", folder.Path("in")))
	linked, err := safefile.OpenFolder(folder.Path("in"))
	must(t, err)
	must(t, linked.Close())
	if err := closed(safefile.MakeFolder(folder.Path("in"), 0o755)); !errors.Is(err, safefile.ErrNotFolder) {
		t.Errorf("a link in place of the folder to make: %v", err)
	}
	must(t, syscall.Mkfifo(folder.Path("FIFO"), 0o666))
	must(t, os.Symlink("/dev/zero", folder.Path("device")))
	for name, says := range map[string]string{"FIFO": "a FIFO", "below": "a folder", "device": "a device"} {
		if _, err := safefile.Read(folder.Path(name), 100); !errors.Is(err, safefile.ErrNotRegular) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, name := range []string{"FIFO", "device", "link"} {
		if err := closed(safefile.OpenFolder(folder.Path(name))); !errors.Is(err, safefile.ErrNotFolder) {
			t.Errorf("%s as a folder: got %v", name, err)
		}
	}
}

func TestInItsFolderTheLastPartOfAPathIsNotFollowed(t *testing.T) {
	folder, victim := scene(t)
	must(t, os.Symlink(victim, folder.Path("link")))
	must(t, os.Symlink("below", folder.Path("in")))
	read := func(d *safefile.Folder, name string) error {
		_, err := d.Read(name, 100, safefile.Terms{})
		return err
	}
	if err := safefile.InFolder(folder.Path("link"), read); !errors.Is(err, safefile.ErrNotRegular) {
		t.Errorf("a link: got %v", err)
	}
	must(t, os.WriteFile(folder.Path("below/file"), []byte("x"), 0o600))
	must(t, safefile.InFolder(folder.Path("in/file"), read))
	if err := safefile.InFolder(folder.Path("gone/file"), read); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its folder: got %v", err)
	}
}

func TestEntriesAreBoundedAndListedAgain(t *testing.T) {
	folder, _ := scene(t)
	empty, err := folder.Sub("below/deep")
	must(t, err)
	defer empty.Close()
	if entries, err := empty.Entries(2); err != nil || len(entries) != 0 {
		t.Errorf("empty folder: %v (%v)", entries, err)
	}
	for _, name := range []string{"a", "b", "c"} {
		must(t, closed(empty.Create(name, 0o644)))
	}
	for range 2 {
		if entries, err := empty.Entries(2); err != nil || len(entries) != 2 {
			t.Errorf("2 of 3 entries: %v (%v)", entries, err)
		}
	}
}

func TestFoldersOfOthers(t *testing.T) {
	for _, c := range []struct {
		name               string
		owner              int
		mode               fs.FileMode
		exclusive, trusted error
	}{
		{"own", os.Geteuid(), 0o755, nil, nil},
		{"sticky", os.Geteuid(), 0o777 | fs.ModeSticky, safefile.ErrWritable, nil},
		{"everybody may write", os.Geteuid(), 0o757, safefile.ErrWritable, safefile.ErrWritable},
		{"group may write", os.Geteuid(), 0o775, safefile.ErrWritable, safefile.ErrWritable},
		{"somebody's", somebody, 0o755, safefile.ErrOwner, safefile.ErrOwner},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir()
			if c.owner != os.Geteuid() {
				root(t)
			}
			must(t, os.Chmod(path, c.mode))
			must(t, os.Chown(path, c.owner, -1))
			below := filepath.Join(path, "below")
			must(t, os.Mkdir(below, 0o755))
			if err := exclusive(t, path); !errors.Is(err, c.exclusive) {
				t.Errorf("exclusive: got %v, want %v", err, c.exclusive)
			}
			if err := exclusive(t, below); err != nil {
				t.Errorf("what lies above counts: %v", err)
			}
			for _, path := range []string{path, below} {
				if err := safefile.Trusted(path, 0, os.Geteuid()); !errors.Is(err, c.trusted) {
					t.Errorf("trusted %s: got %v, want %v", path, err, c.trusted)
				}
			}
		})
	}
}

func exclusive(t *testing.T, path string) error {
	folder, err := safefile.OpenFolder(path)
	must(t, err)
	defer folder.Close()
	return folder.Exclusive()
}

// TestAnExchangeBetweenCheckAndUse renames a link, a FIFO and a file over one
// another all the while. Each open either gives the file or refuses.
func TestAnExchangeBetweenCheckAndUse(t *testing.T) {
	folder, victim := scene(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			spare := folder.Path("spare")
			switch i % 3 {
			case 0:
				_ = os.WriteFile(spare, []byte("own"), 0o600)
			case 1:
				_ = os.Symlink(victim, spare)
			case 2:
				_ = syscall.Mkfifo(spare, 0o666)
			}
			_ = os.Rename(spare, folder.Path("file"))
		}
	}()
	var read, refused int
	for i := 0; i < 3000 || (read == 0 || refused == 0) && i < 1_000_000; i++ {
		got, err := folder.Read("file", 100, strict())
		switch {
		case err == nil && (string(got) == "own" || len(got) == 0): // as a whole, or just made
			read++
		case err == nil:
			t.Fatalf("read %q", got)
		default:
			refused++
		}
		if file, err := folder.Append("file", 0o600, strict()); err == nil {
			file.Close()
		}
	}
	close(stop)
	<-stopped
	if read == 0 || refused == 0 {
		t.Errorf("%d reads, %d refusals: nothing was exchanged", read, refused)
	}
	unchanged(t, victim)
}

const precious = "precious"

// scene returns a folder with below/deep in it, and a file beside the folder.
func scene(t *testing.T) (*safefile.Folder, string) {
	t.Helper()
	base := t.TempDir()
	victim := filepath.Join(base, "victim")
	must(t, os.WriteFile(victim, []byte(precious), 0o644))
	folder, err := safefile.MakeFolder(filepath.Join(base, "folder"), 0o755)
	must(t, err)
	t.Cleanup(func() { folder.Close() })
	must(t, closed(folder.MakeSub("below/deep", 0o755)))
	return folder, victim
}

func unchanged(t *testing.T, victim string) {
	t.Helper()
	if text, err := os.ReadFile(victim); err != nil || string(text) != precious {
		t.Errorf("the victim holds %q (%v)", text, err)
	}
	if _, err := os.Lstat(victim + "-absent"); err == nil {
		t.Error("a file was made at the end of the dangling link")
	}
}

func names(t *testing.T, folder *safefile.Folder) string {
	t.Helper()
	entries, err := os.ReadDir(folder.Path(""))
	must(t, err)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

func closed(file io.Closer, err error) error {
	if err != nil {
		return err
	}
	return file.Close()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func root(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
}

func TestOfSeveralFilesNoneIsReplacedBeforeAllAreWritten(t *testing.T) {
	folder, _ := scene(t)
	full := errors.New("disk is full")
	text := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, failed := io.WriteString(w, text)
			return errors.Join(failed, err)
		}
	}
	for _, step := range []struct {
		text string
		last error
		want string
	}{{"old", nil, "old"}, {"new", full, "old"}, {"new", nil, "new"}} {
		err := folder.ReplaceAll(0o644, safefile.New{Name: "one", Write: text(step.text, nil)}, safefile.New{Name: "two", Write: text(step.text, step.last)})
		if !errors.Is(err, step.last) {
			t.Errorf("%+v: got %v", step, err)
		}
		for _, name := range []string{"one", "two"} {
			if got, err := folder.Read(name, 10, strict()); err != nil || string(got) != step.want {
				t.Errorf("%+v: %s holds %q (%v)", step, name, got, err)
			}
		}
		if got := names(t, folder); got != "below one two" {
			t.Errorf("%+v: the folder holds %s", step, got)
		}
	}
}

func TestOfSeveralFilesNoneIsReplacedWhereOneCannotBe(t *testing.T) {
	folder, _ := scene(t)
	text := func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }
	must(t, os.WriteFile(folder.Path("one"), []byte("old"), 0o644))
	must(t, os.Mkdir(folder.Path("two"), 0o755))
	err := folder.ReplaceAll(0o644, safefile.New{Name: "one", Write: text}, safefile.New{Name: "two", Write: text})
	if !errors.Is(err, safefile.ErrNotRegular) || !strings.Contains(err.Error(), folder.Path("two")+" is a folder") {
		t.Errorf("got %v", err)
	}
	if got, err := folder.Read("one", 10, strict()); err != nil || string(got) != "old" {
		t.Errorf("the first one holds %q (%v)", got, err)
	}
	if got := names(t, folder); got != "below one two" {
		t.Errorf("the folder holds %s", got)
	}
}
