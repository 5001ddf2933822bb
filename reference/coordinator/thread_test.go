package coordinator

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// inUnprivilegedThread runs f in a thread of another effective user, which sees of
// other processes what a supervisor sees that is not root.
func inUnprivilegedThread(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		keep := ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, 62999, keep); errno != 0 {
			t.Error(errno)
			return
		}
		f()
	}()
	<-done
}
