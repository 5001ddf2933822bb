package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/commons"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/internal/busy"
	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Session plays the cases of one sandbox, one after the other.
type Session struct {
	Plan  plan.Plan
	Doors Doors
	Write func(journal.Event) // takes each event as one line of the journal
	Root  string              // folder that holds a folder a case
	Tidy  func() error        // ends and removes what tasks left outside that folder
	// Commons, unless nil, is compared after each case. A difference, unless the scenario says that it
	// Alters the sandbox, is for the implementation under test: the stage puts back what it changes.
	Commons *commons.Commons
	// Release is the release of Airflow as which the implementation is judged; unless it is
	// said, the default of package shape.
	Release release.Version
	// Busy says by how much waits and budgets are longer now. The times within which a
	// requirement demands something are not.
	Busy busy.Gauge

	played int
}

// Ended is what a case left behind.
type Ended struct {
	Observation journal.Observation
	Dirty       []string // why the sandbox should not be used again; empty if it is as it was
	LeftOut     int      // checks that held and are not in the journal
	Refused     bool     // the implementation sent what its release does not take
}

func (session *Session) release() release.Version {
	if session.Release.IsZero() {
		return shape.Default()
	}
	return session.Release
}

func (session *Session) slowness() float64 {
	if session.Plan.Manifest.Slowness > 0 {
		return session.Plan.Manifest.Slowness
	}
	return 1
}

func (session *Session) has(capability string) bool {
	return slices.Contains(session.Plan.Manifest.Capabilities, capability)
}

// grace is how long a supervisor waits between SIGTERM and SIGKILL in a role.
func (session *Session) grace(as role.Role) time.Duration {
	env := session.Plan.Manifest.Roles[as].Env
	return shape.Of(session.release()).Grace(func(setting string) string {
		section, key, _ := strings.Cut(setting, ".")
		return env[variable(section, key)]
	})
}

// shortGrace is the one for which the budgets of cases are written.
const shortGrace = 5 * time.Second

// Budget is the time that a case may take with this implementation on a machine that is
// not busy. A case kills at most twice, one after the other.
func (session *Session) Budget(c plan.Case) time.Duration {
	return time.Duration(float64(c.Budget())*session.slowness()) + 2*max(0, session.grace(c.Role)-shortGrace)
}

// Play runs one scenario as one case and cleans up after it. It writes all
// events of the case but its start and its end, which the caller writes.
func (session *Session) Play(ctx context.Context, spec Spec, c plan.Case) Ended {
	if missing := slices.IndexFunc(spec.Needs, func(need string) bool { return !session.has(need) }); missing >= 0 {
		return Ended{Observation: session.lacking(spec.Needs[missing])}
	}
	if as := session.release(); !c.Airflow.Holds(as) {
		return Ended{Observation: journal.Observation{Outcome: journal.NotApplicable, Says: elsewhere(c, as)}}
	}
	session.played++
	s := &Stage{
		World: world.New(shape.Of(session.release())), session: session, spec: spec, role: c.Role,
		number: session.played, dir: filepath.Join(session.Root, fmt.Sprint(session.played)), begun: time.Now(),
	}
	s.record = &record.Record{
		Write: session.Write, Secrets: s.World.Secrets,
		Stamp: journal.Event{Case: c.ID, Attempt: session.Plan.Attempt},
	}
	budget := session.Budget(c)
	wait, stop := session.Busy.Wait(ctx, budget, func(factor int) { s.record.Longer(budget, factor) })
	defer stop()
	s.ctx = wait
	observation := s.play()
	dirty := s.cleanUp()
	if spec.Alters {
		dirty = append(dirty, "the scenario changes what all cases share")
	} else {
		dirty = append(dirty, s.changes()...)
	}
	return Ended{Observation: observation, Dirty: dirty, LeftOut: s.record.Close(), Refused: len(s.misfits(false)) > 0}
}

// elsewhere says why a case is nothing for a release.
func elsewhere(c plan.Case, as release.Version) string {
	verb := "holds"
	if len(c.Verifies) > 1 {
		verb = "hold together"
	}
	return fmt.Sprintf("%s %s for Airflow %s only, and this is %s", strings.Join(c.Verifies, ", "), verb, c.Airflow, as)
}

func (session *Session) lacking(capability string) journal.Observation {
	why, ok := session.Plan.Manifest.Lacks[capability]
	if !ok {
		why = "the manifest does not declare it"
	}
	return journal.Observation{Outcome: journal.NotApplicable, Capability: capability, Says: why}
}

// play runs the scenario and turns whatever ends it into an observation.
func (s *Stage) play() (observation journal.Observation) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case stop:
			observation = fault.observation
		default:
			observation = journal.Observation{
				Outcome: journal.HarnessError,
				Says:    s.text(fmt.Sprintf("panic: %v", fault)), Actual: s.text(string(debug.Stack())),
			}
		}
	}()
	s.must(s.furnish())
	open := s.session.Doors[s.role]
	if open == nil {
		s.broken("the stage cannot play role %s", s.role)
	}
	door, err := open(&Backstage{s})
	s.must(err)
	s.door = door
	s.spec.play(s)
	s.door.Finish()
	for _, clause := range s.spec.Verifies {
		if !s.record.Shows(clause) {
			s.broken("the scenario lists %s in Verifies and checked nothing of it: it would hold whatever happened", clause)
		}
	}
	s.fitting()
	return journal.Observation{Outcome: journal.Held}
}

// furnish makes the folder of the case and starts to watch.
func (s *Stage) furnish() error {
	if err := os.MkdirAll(s.session.Root, 0o755); err != nil {
		return fmt.Errorf("make folder of cases: %w", err)
	}
	root := account.Root()
	worker, err := account.Find(account.Worker)
	if err != nil {
		return err
	}
	for _, dir := range []struct {
		name  string
		owner account.Account
	}{{"", root}, {"dags", root}, {"barrier", root}, {"home", worker}, {"logs", worker}, {"bundles", worker}} {
		if err := dir.owner.MakeDir(s.Path(dir.name), 0o755); err != nil {
			return err
		}
	}
	if s.folder, err = safefile.OpenFolder(s.dir); err != nil {
		return err
	}
	if probe := s.session.Plan.Manifest.Probe; probe != "" {
		text, err := safefile.Read(filepath.Join(s.session.Plan.Implementation, probe), maxFile)
		if err != nil {
			return fmt.Errorf("read the probe of the implementation: %w", err)
		}
		if err := root.WriteFile(s.Path("dags", filepath.Base(probe)), string(text), 0o644); err != nil {
			return err
		}
	}
	if s.mounted, err = mounts(); err != nil {
		return err
	}
	s.watch, err = proc.NewWatch(account.ByUID(), func(r *Run, p proc.Process) {
		s.record.Process(r.name(), p.Event(""))
		s.lookAt(p, "when it was seen first")
	})
	return err
}

// cleanUp ends everything that belongs to the case and says what it could not
// put back.
func (s *Stage) cleanUp() (dirty []string) {
	var errs []error
	runs := s.allRuns()
	if s.watch != nil {
		s.watch.End()
		s.watch.Poll()
		s.journalProcesses(runs)
	}
	for _, r := range runs {
		r.closeAll()
	}
	if s.door != nil {
		errs = append(errs, s.door.Close())
	}
	if s.watch != nil {
		errs = append(errs, s.killAll())
	}
	for _, r := range runs {
		for _, b := range r.barriers {
			b.close()
		}
		if r.root.PID != 0 {
			errs = append(errs, s.waitFor(r.ended, "the process of "+r.label+" was killed and does not end"))
			errs = append(errs, s.waitFor(r.drained, "the channels of "+r.label+" do not come to their end"))
		}
	}
	s.lookAround("at the end")
	s.lookAtLogs()
	slices.Reverse(s.undo)
	for _, undo := range s.undo {
		errs = append(errs, undo())
	}
	errs = append(errs, s.session.Tidy(), s.removeFolder()) // nobody is left then who could write there
	for _, err := range errs {
		if err != nil {
			text := s.text(err.Error()) // names arguments of processes, and leaves this case
			dirty = append(dirty, text)
			s.record.Step("stage", "clean-up: "+text)
		}
	}
	return dirty
}

// changes says what the implementation changed of that which all cases share.
func (s *Stage) changes() (dirty []string) {
	found, err := s.session.Commons.Changes()
	if err != nil {
		found = append(found, err.Error())
	}
	const most = 5
	if more := len(found) - most; more > 0 {
		found = append(found[:most], fmt.Sprintf("and %d more", more))
	}
	if len(found) == 0 {
		return nil
	}
	text := s.text("the implementation under test changed what all cases share: " + strings.Join(found, "; "))
	s.record.Step("stage", "clean-up: "+text)
	return []string{text}
}

// waitFor waits for what follows a kill, be the time of the case over or not.
func (s *Stage) waitFor(done <-chan struct{}, otherwise string) error {
	wait, stop := s.session.Busy.Wait(context.Background(), killTime, nil)
	defer stop()
	select {
	case <-done:
		return nil
	case <-wait.Done():
		return errors.New(otherwise)
	}
}

// journalProcesses writes what is known of every process of the case.
func (s *Stage) journalProcesses(runs []*Run) {
	for _, r := range append(runs, nil) {
		for _, p := range s.watch.Of(r) {
			event := p.Event("ended")
			event.Seen = s.watch.LastSeen(p)
			if p.Alive() {
				event = p.Event("left over: alive at the end of the scenario")
			}
			s.record.Process(r.name(), event)
		}
	}
}

// mounts lists the mount points of this process.
func mounts() (map[string]bool, error) {
	lines, err := commons.Mounts()
	if err != nil {
		return nil, err
	}
	points := map[string]bool{}
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) > 4 {
			points[fields[4]] = true
		}
	}
	return points, nil
}

// removeFolder removes the folder of the case, unless mounts are left: what is
// mounted may not be the case's to remove.
func (s *Stage) removeFolder() error {
	now, err := mounts()
	if err != nil {
		return err
	}
	maps.DeleteFunc(now, func(point string, _ bool) bool { return s.mounted[point] })
	if s.mounted != nil && len(now) > 0 {
		return fmt.Errorf("mounts are left: %s", strings.Join(slices.Sorted(maps.Keys(now)), ", "))
	}
	if s.folder != nil {
		s.folder.Close()
	}
	return os.RemoveAll(s.dir)
}
