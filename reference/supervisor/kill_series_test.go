//go:build sudo

package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// manners are the ways in which a task takes the news that it is to end.
var manners = [][]verb{
	{{"do": "push_xcom", "key": "ready", "value": 1}, {"do": "sleep", "seconds": 600}},
	{{"do": "ignore_sigterm"}, {"do": "push_xcom", "key": "ready", "value": 1}, {"do": "sleep", "seconds": 600}},
	{{"do": "push_xcom", "key": "ready", "value": 1}, {"do": "signal_self", "signal": "SIGSTOP"}, {"do": "sleep", "seconds": 600}},
}

// twoChildren are verbs that leave two processes behind, one of them a daemon.
func twoChildren(mark string) []verb {
	return []verb{
		{"do": "spawn", "argv": []string{"/bin/sleep", mark}},
		{"do": "spawn", "argv": []string{"/bin/sleep", mark}, "daemonise": true},
	}
}

// TestSeriesKill is the promise of two tasks of one user at once: the server ends
// one, all of it is gone when its supervisor is, and the other notices nothing.
func TestSeriesKill(t *testing.T) {
	for _, s := range setups {
		for _, served := range []bool{false, true} {
			t.Run(s.name+map[bool]string{false: ", a supervisor each", true: ", one server"}[served], func(t *testing.T) {
				h := newHost(t, s)
				if served {
					h.serve()
				}
				repeat(t, repetitions(t, 100), 4, h.killOneOfTwo)
				h.nothingOf(h.user.UID)
			})
		}
	}
}

// nothingOf demands that no process of a user is left.
func (h *host) nothingOf(uid int) {
	h.t.Helper()
	all, err := living()
	if err != nil {
		h.t.Error(err)
	}
	for _, p := range all {
		if p.uid == uid {
			h.t.Errorf("left: %v", p)
		}
	}
}

func (h *host) killOneOfTwo(i int) error {
	spared, err := h.start("probe_alice", func(mark string) []verb {
		return append(twoChildren(mark), verb{"do": "wait_for", "name": "go"}, verb{"do": "push_xcom", "key": "after", "value": 1})
	})
	if err != nil {
		return err
	}
	defer spared.clear()
	doomed, err := h.start("probe_alice", func(mark string) []verb { return append(twoChildren(mark), manners[i%len(manners)]...) })
	if err != nil {
		return err
	}
	defer doomed.clear()
	return errors.Join(h.kill(i, doomed, spared), spared.succeeds())
}

// kill has the server end one of two tasks.
func (h *host) kill(i int, doomed, spared *trial) error {
	if err := errors.Join(doomed.inUserCode(), spared.inUserCode()); err != nil {
		return err
	}
	if i%len(manners) == 2 {
		if err := doomed.isStopped(); err != nil {
			return err
		}
	}
	of, err := doomed.family()
	if err != nil {
		return err
	}
	others, err := spared.family()
	if err != nil {
		return err
	}
	doomed.doom()
	if err := doomed.end(); err != nil {
		return err
	}
	// By the processes seen before, and again by mark: what was started meanwhile.
	still, err := left(of)
	if err != nil {
		return err
	}
	marked, err := doomed.processes()
	if err != nil {
		return err
	}
	if rest := append(still, marked...); len(rest) > 0 {
		return fmt.Errorf("left of the killed task: %v; %s", rest, doomed.story())
	}
	kept, err := left(others)
	if err != nil {
		return err
	}
	if len(kept) != len(others) {
		return fmt.Errorf("of the other task's %v only %v are left", others, kept)
	}
	return doomed.reported()
}

// succeeds lets the task go on to its end.
func (r *trial) succeeds() error {
	select {
	case <-r.ended: // an error said so before
		return fmt.Errorf("task %s ended by itself: %s", r.mark, r.story())
	default:
	}
	if err := r.release(); err != nil {
		return err
	}
	rest, err := r.processes()
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("left of the finished task: %v", rest)
	}
	r.mu.Lock()
	pushed := r.xcoms
	r.mu.Unlock()
	if pushed != 2 {
		return fmt.Errorf("the finished task pushed %d XComs, want 2: %s", pushed, r.story())
	}
	return r.reported("success")
}

// family lists the processes of the task once they are its own process and two of
// the user with its mark, one of which is a daemon: in a session that is not the
// task's and whose leader is gone.
func (r *trial) family() (processes []seen, err error) {
	for deadline := time.Now().Add(patience.Limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if processes, err = r.processes(); err != nil {
			return nil, err
		}
		sessions := map[int]bool{} // with a living leader
		for _, p := range processes {
			sessions[p.session] = sessions[p.session] || p.session == p.pid
		}
		task, marked, daemons := 0, 0, 0
		for _, p := range processes {
			switch {
			case p.pid == r.process():
				task++
			case p.uid != r.host.user.UID || !strings.HasSuffix(p.command, r.mark+"\x00"):
				continue
			case !sessions[p.session] && p.session != r.session(processes):
				daemons++
				fallthrough
			default:
				marked++
			}
		}
		if task == 1 && marked == 2 && daemons == 1 {
			return processes, nil
		}
	}
	return nil, fmt.Errorf("task %s, process %d: no process with a child and a daemon: %v", r.mark, r.process(), processes)
}

// session is that of the task process, which it has from the supervisor.
func (r *trial) session(processes []seen) int {
	for _, p := range processes {
		if p.pid == r.process() {
			return p.session
		}
	}
	return 0
}

// isStopped waits until the runner of the task has stopped itself.
func (r *trial) isStopped() error {
	for deadline := time.Now().Add(patience.Limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		all, err := r.processes()
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.stopped && p.uid == r.host.user.UID {
				return nil
			}
		}
	}
	return fmt.Errorf("task %s did not stop", r.mark)
}
