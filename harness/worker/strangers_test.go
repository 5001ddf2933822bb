package worker

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// TestWhatBelongsToNobodyIsEnded: a daemon of root has left parent, group and session.
func TestWhatBelongsToNobodyIsEnded(t *testing.T) {
	if !afterInit() {
		t.Skip("needs a pid namespace of its own")
	}
	own := exec.Command("sleep", "600")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = own.Process.Kill()
		_ = own.Wait() // it was killed
	}()
	said, err := exec.Command("sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(said), &pid); err != nil {
		t.Fatal(err)
	}
	stranger, err := proc.Read(pid)
	if err != nil || stranger.PPID != 1 {
		t.Fatalf("the daemon is no orphan: %v, %v", stranger, err)
	}
	if err := endStrangers(); err != nil {
		t.Fatal(err)
	}
	if stranger.Alive() {
		t.Error("a daemon of root lives on")
	}
	if mine, err := proc.Read(own.Process.Pid); err != nil || !mine.Alive() {
		t.Errorf("a process of this one was ended: %v, %v", mine, err)
	}
}

func TestWhoDescendsFromWhom(t *testing.T) {
	all := map[int]proc.Process{}
	for pid, parent := range map[int]int{1: 0, 2: 1, 3: 2, 4: 3, 5: 1, 6: 99} {
		all[pid] = proc.Process{PID: pid, PPID: parent}
	}
	for pid, want := range map[int]bool{1: false, 2: true, 3: true, 4: true, 5: false, 6: false} {
		if descends(all, pid, 2) != want {
			t.Errorf("process %d descends from process 2: want %v", pid, want)
		}
	}
}
