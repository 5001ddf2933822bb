package stage

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/busy"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// DefaultPatience is how long the stage waits for one thing the implementation
// should do when the Spec names no other time.
const DefaultPatience = 20 * time.Second

// Stage is one case while it runs. Its methods other than those of World are
// for the goroutine of Spec.Run.
type Stage struct {
	World *world.World

	ctx     context.Context
	session *Session
	spec    Spec
	role    role.Role
	door    Door
	number  int // of the case within the sandbox
	dir     string
	folder  *safefile.Folder // the same, held from before the implementation was started
	begun   time.Time
	record  *record.Record
	watch   *proc.Watch[*Run]

	mounted map[string]bool // mount points before the case

	mu   sync.Mutex
	runs []*Run
	undo []func() error               // what the clean-up puts back, last first
	seen map[string][]journal.Witness // by clause: what breaks clauses that have to hold everywhere
}

// Context is done when the budget of the case has passed, which is longer on a busy machine.
func (s *Stage) Context() context.Context { return s.ctx }

// Step writes one line of "who did what" into the journal.
func (s *Stage) Step(text string) { s.record.Step("stage", text) }

// Nonce returns a text of 24 characters that no other part of this run knows.
func (s *Stage) Nonce() string {
	raw := make([]byte, 12)
	_, _ = rand.Read(raw) // crypto/rand never fails
	return hex.EncodeToString(raw)
}

// Secret returns a Nonce that the journal never shows.
func (s *Stage) Secret() string {
	secret := s.Nonce()
	s.World.AddSecret(secret)
	return secret
}

// Path returns a path below the folder of the case, which is removed afterwards.
// The folder holds dags, home (AIRFLOW_HOME), logs, bundles and barrier.
func (s *Stage) Path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// ConfigPath is where a Task's ConfigFile is written.
func (s *Stage) ConfigPath() string { return s.Path("home", "airflow.cfg") }

// patience is the time of one wait, before the slowness of the implementation.
func (s *Stage) patience() time.Duration { return cmp.Or(s.spec.Patience, DefaultPatience) }

// scaled returns a time stretched by the slowness of the implementation.
func (s *Stage) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.session.slowness())
}

// wait begins a wait for the implementation, or for what it left, that lasts longer
// on a busy machine. It ends with the case.
func (s *Stage) wait(d time.Duration) (*busy.Wait, func()) {
	return s.session.Busy.Wait(s.ctx, d, nil)
}

func (s *Stage) text(text string) string { return s.record.Clean(text) }

// first is the clause that takes deadlines and control failures.
func (s *Stage) first() string {
	if len(s.spec.Verifies) == 0 {
		return ""
	}
	return s.spec.Verifies[0]
}

// within waits until done is closed. A deadline that passes is a violation of
// the scenario's first clause, which says what was awaited and what saw
// says was there instead.
func (s *Stage) within(d time.Duration, awaited string, done <-chan struct{}, saw func() string) {
	wait, stop := s.wait(d)
	defer stop()
	select {
	case <-done:
		s.came(awaited, "within "+wait.Words())
	case <-wait.Done():
		s.late(wait, awaited, saw())
	}
}

// until waits until the world is as holds says, or instead is closed; it
// reports whether holds does.
func (s *Stage) until(d time.Duration, awaited string, holds func() bool, instead <-chan struct{}, saw func() string) bool {
	wait, stop := s.wait(d)
	defer stop()
	either, stopEither := context.WithCancel(wait)
	defer stopEither()
	go func() {
		select {
		case <-instead:
			stopEither()
		case <-either.Done():
		}
	}()
	if err := s.World.Wait(either, holds); err != nil {
		if wait.Err() != nil {
			s.late(wait, awaited, saw())
		}
		if !holds() {
			return false
		}
	}
	s.came(awaited, "within "+wait.Words())
	return true
}

// late is the violation of a deadline.
func (s *Stage) late(wait *busy.Wait, awaited, saw string) {
	limit := "within " + wait.Words()
	if err := context.Cause(s.ctx); err != nil {
		limit = "within the budget of the case"
		if !errors.Is(err, context.DeadlineExceeded) { // whoever ended it, gave a cause of his own, or none
			s.broken("the case was ended while it waited for %s", awaited)
		}
	}
	s.unmet("waited in vain for "+awaited, limit+": "+awaited, saw)
}
