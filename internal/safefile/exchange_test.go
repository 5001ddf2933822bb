package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// TestWhatIsExchangedAfterTheLookIsRefusedAtOnce opens without the look that comes
// first, as if the file had been exchanged right after it.
func TestWhatIsExchangedAfterTheLookIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	folder, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for name, plant := range map[string]func(path string) error{
		"link": func(path string) error {
			return errors.Join(os.WriteFile(path+"-target", nil, 0o600), os.Symlink(filepath.Base(path)+"-target", path))
		},
		"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		if err := plant(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []int{unix.O_RDONLY, unix.O_WRONLY | unix.O_APPEND} {
			refused := make(chan error, 1)
			go func() {
				_, err := folder.openNow(name, flag, Terms{})
				refused <- err
			}()
			select {
			case err := <-refused:
				if !errors.Is(err, ErrNotRegular) {
					t.Errorf("%s, flags %#x: got %v", name, flag, err)
				}
			case <-time.After(patience.Limit):
				t.Fatalf("%s, flags %#x: opening waits for somebody else", name, flag)
			}
		}
	}
}
