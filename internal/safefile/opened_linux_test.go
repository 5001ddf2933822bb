package safefile_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// TestWhatIsNoFileIsNotEvenOpened: to open a device may rewind a tape or start a
// watchdog. A FIFO stands for it here, since any user can make one.
func TestWhatIsNoFileIsNotEvenOpened(t *testing.T) {
	folder, _ := scene(t)
	path := folder.Path("FIFO")
	must(t, syscall.Mkfifo(path, 0o600))
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	defer unix.Close(watch)
	_, err = unix.InotifyAddWatch(watch, path, unix.IN_OPEN)
	must(t, err)
	opened := func() bool {
		_, err := unix.Read(watch, make([]byte, 4096))
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		return err == nil
	}
	for use, err := range map[string]error{
		"open": closed(folder.Open("FIFO", safefile.Terms{})), "append": closed(folder.Append("FIFO", 0o600, safefile.Terms{})),
		"a user's path": func() error { _, err := safefile.Read(path, 10); return err }(),
	} {
		if !errors.Is(err, safefile.ErrNotRegular) {
			t.Errorf("%s: got %v", use, err)
		}
	}
	if opened() {
		t.Error("it was opened")
	}
	end, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer end.Close()
	if !opened() {
		t.Error("an open is not seen: the check above proves nothing")
	}
}
