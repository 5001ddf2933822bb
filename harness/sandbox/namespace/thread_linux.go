package namespace

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// thread is one locked operating system thread with a mount namespace of its
// own. Every sandbox is started from it: a child inherits the namespace of the
// thread that made it, and PDEATHSIG fires when that thread ends, so it lives
// until close.
type thread struct {
	work chan func()
	done chan struct{}
}

// newThread starts the thread with / private and a tmpfs on scratch.
func newThread(scratch string) (*thread, error) {
	t := &thread{work: make(chan func()), done: make(chan struct{})}
	ready := make(chan error, 1)
	go t.run(scratch, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return t, nil
}

// run never unlocks its thread, so the runtime ends the thread with the
// goroutine, and the namespace with it. The main thread cannot end that way:
// when the goroutine finds itself there, another takes over.
func (t *thread) run(scratch string, ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		took := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(took)
			t.serve(scratch, ready)
		}()
		<-took
		runtime.UnlockOSThread()
		return
	}
	t.serve(scratch, ready)
}

func (t *thread) serve(scratch string, ready chan<- error) {
	defer close(t.done)
	if err := separate(scratch); err != nil {
		ready <- err
		return
	}
	ready <- nil
	for f := range t.work {
		f()
	}
}

func separate(scratch string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private in the new mount namespace: %w", err)
	}
	if err := unix.Mount("tmpfs", scratch, "tmpfs", unix.MS_NODEV, "mode=755,size=50%"); err != nil {
		return fmt.Errorf("mount tmpfs on %s in the new mount namespace: %w", scratch, err)
	}
	return nil
}

// do runs f on the thread and waits for it.
func (t *thread) do(f func() error) error {
	result := make(chan error, 1)
	t.work <- func() { result <- f() }
	return <-result
}

// close ends the thread; children that still run are killed by the kernel.
func (t *thread) close() {
	close(t.work)
	<-t.done
}
