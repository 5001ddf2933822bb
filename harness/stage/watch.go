package stage

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// watchEvery is the pause between two looks at /proc. The kernel has no event
// for "a process was born" that works inside a sandbox.
const watchEvery = 20 * time.Millisecond

// watch follows all processes that belong to the runs of a case: descendants of
// the process that was started, and processes of a fixture user that appeared
// during the case and have lost their parents.
type watch struct {
	notice func(run *Run, p Process) // called for each new process and each change of its uids
	self   Process                   // the stage
	uids   map[int]string            // fixture users by uid
	before map[identity]bool         // what ran before the case

	mu   sync.Mutex
	runs []*Run
	seen map[identity]*sighting

	stop    chan struct{}
	stopped chan struct{}
}

// sighting is what is known of one process.
type sighting struct {
	process Process // as it was seen alive last
	at      time.Time
	run     *Run // nil: of the case, but of no run in particular
	standIn bool // parent of a runner: the stage's own
}

// newWatch starts to watch. What runs already does not belong to the case.
func newWatch(uids map[int]string, notice func(*Run, Process)) (*watch, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	self, err := readProcess(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("look at the stage itself: %w", err)
	}
	w := &watch{notice: notice, self: self, uids: uids, before: map[identity]bool{}, seen: map[identity]*sighting{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	for _, p := range all {
		w.before[p.identity()] = true
	}
	go w.follow()
	return w, nil
}

func (w *watch) follow() {
	defer close(w.stopped)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.poll()
		case <-w.stop:
			return
		}
	}
}

// end stops the watch; what it saw stays.
func (w *watch) end() {
	close(w.stop)
	<-w.stopped
}

// add makes root the first process of a run.
func (w *watch) add(r *Run, root Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, r)
	w.seen[root.identity()] = &sighting{process: root, at: time.Now(), run: r}
	w.notice(r, root)
}

// addParent knows the stand-in parent of a runner, which belongs to no run.
func (w *watch) addParent(p Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[p.identity()] = &sighting{process: p, standIn: true}
}

// poll looks at all processes once.
func (w *watch) poll() {
	all, err := processesBut(w.before)
	if err != nil {
		return // /proc cannot be listed: the next look will tell
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range byStart(slices.Collect(maps.Values(all))) {
		w.sight(p, all)
	}
}

// byStart orders processes so that parents come before their children.
func byStart(list []Process) []Process {
	slices.SortFunc(list, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return list
}

func (w *watch) sight(p Process, all map[int]Process) {
	id := p.identity()
	if old := w.seen[id]; old != nil {
		w.sightAgain(old, p, all)
		return
	}
	if run, ours := w.owner(p, all); ours {
		w.seen[id] = &sighting{process: p, at: time.Now(), run: run}
		w.notice(run, p)
	}
}

func (w *watch) sightAgain(old *sighting, p Process, all map[int]Process) {
	if p.zombie() {
		return // it has lost its command line and groups
	}
	changed := old.process.UIDs != p.UIDs
	old.process, old.at = p, time.Now()
	if old.run == nil && !old.standIn { // it was seen before its run was known
		old.run, _ = w.owner(p, all)
	}
	if changed {
		w.notice(old.run, p)
	}
}

// owner finds the run of a process that was not seen before: that of its
// parent, or of another process of its group or session, or that of the one run
// there is.
func (w *watch) owner(p Process, all map[int]Process) (*Run, bool) {
	if p.PPID == w.self.PID {
		return nil, false // the stage's own helper; the first process of a run is known by add
	}
	if parent, ok := all[p.PPID]; ok {
		if s := w.seen[parent.identity()]; s != nil {
			return s.run, true
		}
	}
	fixture := slices.ContainsFunc(p.UIDs[:], func(uid int) bool { return w.uids[uid] != "" })
	if !fixture {
		return nil, false
	}
	for _, s := range w.seen {
		sameGroup := s.process.Group == p.Group && p.Group != w.self.Group
		sameSession := s.process.Session == p.Session && p.Session != w.self.Session
		if s.run != nil && (sameGroup || sameSession) {
			return s.run, true
		}
	}
	if len(w.runs) == 1 {
		return w.runs[0], true
	}
	return nil, true
}

// of returns the processes that were ever seen to belong to a run, or, for nil,
// to the case but to no run in particular; oldest first.
func (w *watch) of(r *Run) []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []Process
	for _, s := range w.seen {
		if s.run == r && !s.standIn {
			found = append(found, s.process)
		}
	}
	return byStart(found)
}

// lastSeen is when the process was seen alive last.
func (w *watch) lastSeen(p Process) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.seen[p.identity()]; s != nil {
		return s.at.UTC()
	}
	return time.Time{}
}

// knows reports whether the process was ever seen to belong to the case.
func (w *watch) knows(p Process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[p.identity()] != nil
}
