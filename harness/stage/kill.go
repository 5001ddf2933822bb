package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
)

// killTime is how long a killed process may take to be gone, on a machine that is not busy.
const killTime = 5 * time.Second

// alive returns the processes of a fixture user that live now: those whose real,
// effective or saved uid is the user's. Zombies do not count.
func (s *Stage) alive(user string) []proc.Process {
	uid := s.UID(user)
	return s.living(func(p proc.Process) bool { return p.HasUID(uid) })
}

// Grace is how long a supervisor waits between SIGTERM and SIGKILL: as long as the
// release does, or as the manifest tells it in the environment of the role.
func (s *Stage) Grace() time.Duration { return s.session.grace(s.role) }

// Stretched is a time stretched by the slowness of the implementation.
func (s *Stage) Stretched(d time.Duration) time.Duration { return s.scaled(d) }

// Gone waits until no process of these users lives, and returns those that still do
// after the limit, which is what a requirement demands: neither the slowness of the
// implementation nor how busy the machine is makes it longer.
func (s *Stage) Gone(within time.Duration, users ...string) []proc.Process {
	var uids []int
	for _, user := range users {
		uids = append(uids, s.UID(user))
		s.door.Rest(user)
	}
	return s.fade(within, func(p proc.Process) bool { return slices.ContainsFunc(uids, p.HasUID) })
}

// living returns the processes, zombies left out, that match now.
func (s *Stage) living(match func(proc.Process) bool) []proc.Process {
	all, err := proc.All()
	s.must(err)
	var found []proc.Process
	for _, p := range all {
		if !p.Zombie() && match(p) {
			found = append(found, p)
		}
	}
	return proc.ByStart(found)
}

// fade waits until nothing matches and returns what still does at the end.
func (s *Stage) fade(limit time.Duration, match func(proc.Process) bool) []proc.Process {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(proc.Every)
	defer again.Stop()
	for {
		left := s.living(match)
		if len(left) == 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return s.living(match)
		case <-s.ctx.Done():
			return s.living(match)
		}
	}
}

// killAll ends every process of the case and of every fixture user, and reports
// those that do not end.
func (s *Stage) killAll() error {
	wait, stop := s.session.Busy.Wait(context.Background(), killTime, nil)
	defer stop()
	for {
		all, err := proc.All()
		if err != nil {
			return err
		}
		var left []string
		for _, p := range all {
			if p.Zombie() || !s.belongs(p) {
				continue
			}
			left = append(left, p.String())
			if err := p.Signal(syscall.SIGKILL); err != nil {
				return err
			}
		}
		if len(left) == 0 {
			return nil
		}
		if wait.Err() != nil {
			return fmt.Errorf("processes cannot be killed: %s", strings.Join(left, "; "))
		}
		time.Sleep(time.Millisecond) // a killed process needs a moment; there is no event for many at once
	}
}

// belongs reports whether a process must not outlive the case.
func (s *Stage) belongs(p proc.Process) bool {
	for uid := range account.ByUID() {
		if p.HasUID(uid) {
			return true
		}
	}
	return s.watch.Knows(p)
}
