//go:build sudo

package supervisor

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// loops are programs that fork for a minute or more. No process of them lives long,
// so that whoever looks for them and then kills what he saw comes too late.
var loops = map[string]string{
	"chain":    "for (1..1_000_000) { fork and exit }",
	"daemons":  "use POSIX; for (1..1_000_000) { exit if fork; POSIX::setsid() }",
	"chains":   "fork; fork; for (1..1_000_000) { fork and exit }",
	"children": "$SIG{CHLD} = 'IGNORE'; for (1..1_000_000) { fork or exit }",
}

// TestSeriesForkLoop is the promise that a task which forks in a loop can be ended
// all the same, and that another one which runs meanwhile succeeds.
func TestSeriesForkLoop(t *testing.T) {
	for _, s := range setups {
		for name, code := range loops {
			t.Run(s.name+", "+name, func(t *testing.T) {
				h := newHost(t, s)
				if s.name == "no pty" {
					h.serve()
				}
				repeat(t, repetitions(t, 20), 1, func(i int) error { return h.endLoop("probe_alice", code, i%2 == 0) })
				if s.name == "default" { // once is enough: no sudo is involved
					repeat(t, repetitions(t, 20), 1, func(i int) error { return h.endLoop("probe", code, i%2 == 0) })
				}
			})
		}
	}
}

// TestSeriesForkLoopOnABusyMachine is the same promise beside four loops that take all
// the time of a processor they can get and a loop of forks, of another user: as the
// worker account, which has only sudo, and as root.
func TestSeriesForkLoopOnABusyMachine(t *testing.T) {
	root, err := impersonate.Lookup(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	for _, asRoot := range []bool{false, true} {
		for name, code := range loops {
			t.Run(fmt.Sprintf("%s, supervisor is root %v", name, asRoot), func(t *testing.T) {
				h := newHost(t, setups[0])
				if asRoot {
					h.worker = root
				}
				makeBusy(t)
				repeat(t, repetitions(t, 20), 1, func(i int) error { return h.endLoop("probe_alice", code, i%2 == 0) })
			})
		}
	}
}

// nobody is a user without other processes.
const nobody = 65534

// makeBusy keeps the processors busy until the test ends.
func makeBusy(t *testing.T) {
	t.Helper()
	command := func(argv ...string) *exec.Cmd {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Setsid: true}
		return cmd
	}
	busy := []string{"/bin/sh", "-c", "while :; do :; done"}
	for _, argv := range [][]string{busy, busy, busy, busy, {"/usr/bin/perl", "-e", "use POSIX; while (1) { exit if fork; POSIX::setsid() }"}} {
		cmd := command(argv...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
	}
	t.Cleanup(func() { // all processes of the user at once
		if err := command("/usr/bin/perl", "-e", "kill KILL => -1").Run(); err != nil {
			t.Errorf("end what kept the processors busy: %v", err)
		}
	})
}

// endLoop runs a task with a loop and has it ended by the server, or the runner
// killed so that only the supervisor is left to do it.
func (h *host) endLoop(task, code string, byServer bool) error {
	spared, err := h.start("probe_alice", func(mark string) []verb {
		return append(twoChildren(mark), verb{"do": "wait_for", "name": "go"}, verb{"do": "push_xcom", "key": "after", "value": 1})
	})
	if err != nil {
		return err
	}
	defer spared.clear()
	end, states := verb{"do": "sleep", "seconds": 600}, []string(nil)
	if !byServer {
		end, states = verb{"do": "signal_self", "signal": "SIGKILL"}, []string{"failed"}
	}
	r, err := h.start(task, func(mark string) []verb {
		return []verb{
			{"do": "spawn", "argv": []string{"/usr/bin/perl", "-e", code, mark}},
			{"do": "push_xcom", "key": "ready", "value": 1},
			end,
		}
	})
	if err != nil {
		return err
	}
	defer r.clear()
	if err := errors.Join(r.inUserCode(), spared.inUserCode()); err != nil {
		return err
	}
	if byServer {
		r.doom()
	}
	if err := r.end(); err != nil {
		return err
	}
	rest, err := r.processes()
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("left of the task: %v; %s", rest, r.story())
	}
	if story := r.story(); strings.Contains(story, "still alive") { // after killBound
		err = errors.Join(err, fmt.Errorf("it was not ended in time: %s", story))
	}
	return errors.Join(err, r.reported(states...), spared.succeeds())
}
