//go:build sudo

package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// TestSeriesForeignRuntime starts language runtimes through sudo: the worker is not
// root, may not look at the processes of alice, and its policy permits the runner
// and nothing else.
func TestSeriesForeignRuntime(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			h := newHost(t, s)
			root := filepath.Join(h.dir, "bundles")
			err := errors.Join(
				h.folder("bundles"),
				coordinator.PackFile(filepath.Join(root, "bundle"), filepath.Join(commands, "understudy-runner"), nil, manifest(message.Schema20261030)),
				os.Chown(filepath.Join(root, "bundle"), h.worker.UID, h.worker.GID),
				os.Chmod(root, 0o700), // alice has no business there
			)
			if err != nil {
				t.Fatal(err)
			}
			h.env = append(h.env, `AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"default":"go"}`,
				fmt.Sprintf(`AIRFLOW__SDK__COORDINATORS={"go":{"classpath":%q,"kwargs":{"executables_root":%q,"task_startup_timeout":50}}}`, coordinator.Classpath, root))
			repeat(t, repetitions(t, 50), 2, func(i int) error {
				task := []string{"probe", "probe_alice"}[i%2]
				r, err := h.start(task, func(string) []verb {
					return []verb{{"do": "push_xcom", "key": "at_gate", "value": true}, {"do": "whoami", "save": "who"}, {"do": "log", "message": "over TCP"}}
				})
				if err != nil {
					return err
				}
				defer r.clear()
				if err := r.end(); err != nil {
					return err
				}
				want := fmt.Sprintf("Starting language runtime as %s", map[string]string{"probe": "the worker's own user", "probe_alice": `user \"alice\"`}[task])
				text, err := os.ReadFile(r.logFile())
				for _, part := range []string{want, "over TCP", `"state":"success"`} {
					if !strings.Contains(string(text), part) {
						err = errors.Join(err, fmt.Errorf("log lacks %q: %s", part, r.story()))
					}
				}
				if strings.Contains(string(text), "is refused") {
					err = errors.Join(err, fmt.Errorf("the runtime is taken for a stranger: %s", r.story()))
				}
				return err
			})
		})
	}
}

// TestSeriesForeignStranger: another process of alice connects to the runtime of
// her task before that does, and is refused although it has the right user.
func TestSeriesForeignStranger(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			h := newHost(t, s)
			script := filepath.Join(h.dir, "script")
			root := filepath.Join(h.dir, "bundles")
			err := errors.Join(
				h.folder("bundles"),
				os.WriteFile(script, []byte("#!/bin/sh\nread line <"+h.dir+"/start\nexec "+commands+"/understudy-runner \"$@\"\n"), 0o755),
				syscall.Mkfifo(filepath.Join(h.dir, "start"), 0o644),
				coordinator.PackFile(filepath.Join(root, "bundle"), script, nil, manifest("")),
			)
			if err != nil {
				t.Fatal(err)
			}
			h.env = append(h.env, `AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"default":"go"}`,
				fmt.Sprintf(`AIRFLOW__SDK__COORDINATORS={"go":{"classpath":%q,"kwargs":{"executables_root":%q,"task_startup_timeout":50}}}`, coordinator.Classpath, root))
			r, err := h.start("probe_alice", func(string) []verb {
				return []verb{{"do": "push_xcom", "key": "at_gate", "value": true}, {"do": "log", "message": "over TCP"}}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer r.clear()
			var target string
			for deadline := time.Now().Add(patience.Limit); target == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				target = commOf("/bin/sh\x00/proc/self/fd/")
			}
			stranger := exec.Command("/bin/bash", "-c", `exec 3<>"/dev/tcp/${0/://}" && cat <&3`, target)
			stranger.SysProcAttr = &syscall.SysProcAttr{Credential: impersonate.Credential(h.user)}
			got, strangerErr := stranger.Output() // ends when the connection does
			if len(got) > 0 || target == "" {
				t.Errorf("a stranger at %q gets %q: %v", target, got, strangerErr)
			}
			if err := os.WriteFile(filepath.Join(h.dir, "start"), []byte("now\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := r.end(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(r.logFile())
			for _, part := range []string{"as the runtime, but to none of the runtime's processes", "over TCP", `"state":"success"`} {
				if !strings.Contains(string(text), part) {
					t.Errorf("log lacks %q: %v: %s", part, err, r.story())
				}
			}
		})
	}
}
