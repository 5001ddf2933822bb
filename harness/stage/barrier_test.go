package stage

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/internal/apart"
)

func TestABarrierKnowsWhoWaits(t *testing.T) {
	dir := t.TempDir()
	b, err := newBarrier(dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if holder, err := b.holder(); err == nil {
		t.Errorf("before anybody came, %v stands there", holder)
	}
	// The inner shell stands at the barrier, with a child that inherits it.
	cmd := apart.Shell(t, "exec 3<"+dir+"/here; sleep 65 & :", nil)
	holder, err := b.holder()
	if err != nil || holder.PID != cmd.Process.Pid {
		t.Errorf("there stands %v, %v; want %d", holder, err, cmd.Process.Pid)
	}
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.PPID == cmd.Process.Pid {
			_ = p.Signal(unix.SIGKILL)
		}
	}
}

func TestABarrierIsReleasedOnce(t *testing.T) {
	dir := t.TempDir()
	b, err := newBarrier(dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	released := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		fifo, err := os.Open(dir + "/here")
		close(ready)
		if err == nil {
			_, err = fifo.Read(make([]byte, 1))
			fifo.Close()
		}
		released <- err
	}()
	<-ready
	select {
	case err := <-released:
		t.Fatalf("the barrier let go by itself: %v", err)
	default:
	}
	if err := b.release(); err != nil {
		t.Fatal(err)
	}
	if err := <-released; err != nil {
		t.Error(err)
	}
}
