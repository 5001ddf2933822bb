package proc

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// Every is the pause between two looks at /proc. The kernel has no event
// for "a process was born" that works inside a sandbox.
const Every = 20 * time.Millisecond

// Watch follows all processes that belong to the runs of a case: descendants of
// the process that was started, and processes of certain users that appeared
// during the case and have lost their parents.
//
// A Run is whatever tells one run from another. Its zero value stands for none: a
// process may be of the case, but of no run in particular.
type Watch[Run comparable] struct {
	notice func(run Run, p Process) // called for each new process and each change of its uids
	self   Process                  // who watches
	uids   map[int]string           // the users, by uid
	before map[identity]bool        // what ran before the case

	mu   sync.Mutex
	runs []Run
	seen map[identity]*sighting[Run]

	stop    chan struct{}
	stopped chan struct{}
}

// sighting is what is known of one process.
type sighting[Run comparable] struct {
	process Process // as it was seen alive last
	at      time.Time
	run     Run  // the zero value: of the case, but of no run in particular
	standIn bool // parent of a runner: it belongs to who watches
	first   bool // of its run
	claimed bool // see Claim
}

// NewWatch starts to watch. uids are the names of the users whose orphans belong to
// the case; notice is called for each process that is new and each whose uids have
// changed, under the lock of the Watch. What runs already does not belong to the case.
func NewWatch[Run comparable](uids map[int]string, notice func(Run, Process)) (*Watch[Run], error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	self, err := Read(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("look at the process that watches: %w", err)
	}
	w := &Watch[Run]{notice: notice, self: self, uids: uids, before: map[identity]bool{}, seen: map[identity]*sighting[Run]{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	for _, p := range all {
		w.before[p.identity()] = true
	}
	go w.follow()
	return w, nil
}

func (w *Watch[Run]) follow() {
	defer close(w.stopped)
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.Poll()
		case <-w.stop:
			return
		}
	}
}

// End stops the watch; what it saw stays.
func (w *Watch[Run]) End() {
	close(w.stop)
	<-w.stopped
}

// Add makes root the first process of a run.
func (w *Watch[Run]) Add(r Run, root Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, r)
	w.seen[root.identity()] = &sighting[Run]{process: root, at: time.Now(), run: r, first: true}
	w.notice(r, root)
}

// AddParent knows the stand-in parent of a runner, which belongs to no run.
func (w *Watch[Run]) AddParent(p Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[p.identity()] = &sighting[Run]{process: p, standIn: true}
}

// Claim gives a process to a run: where a server has started it, nothing tells before
// for which run it did. With it go its ancestors, up to the first process of a run, and
// what descends from all of these, began after the run did and was not claimed before.
// What is seen later of them goes to that run at once.
func (w *Watch[Run]) Claim(r Run, p Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Collect(maps.Values(w.seen))
	slices.SortFunc(all, func(a, b *sighting[Run]) int { return cmp.Compare(a.process.Start, b.process.Start) })
	parent := func(s *sighting[Run]) *sighting[Run] {
		for _, of := range slices.Backward(all) { // the last one that had the id by then
			if of.process.PID == s.process.PPID && of.process.Start <= s.process.Start {
				return of
			}
		}
		return nil
	}
	var since uint64
	for _, s := range all {
		if s.first && s.run == r {
			since = s.process.Start
		}
	}
	family := map[*sighting[Run]]bool{}
	take := func(s *sighting[Run]) { s.run, s.claimed, family[s] = r, true, true }
	for s := w.seen[p.identity()]; s != nil && !s.first && !s.standIn; s = parent(s) {
		take(s)
	}
	for _, s := range all { // parents come first
		if !s.first && !s.claimed && s.process.Start >= since && family[parent(s)] {
			take(s)
		}
	}
}

// Poll looks at all processes once.
func (w *Watch[Run]) Poll() {
	all, err := allBut(w.before)
	if err != nil {
		return // /proc cannot be listed: the next look will tell
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range ByStart(slices.Collect(maps.Values(all))) {
		w.sight(p, all)
	}
}

func (w *Watch[Run]) sight(p Process, all map[int]Process) {
	id := p.identity()
	if old := w.seen[id]; old != nil {
		w.sightAgain(old, p, all)
		return
	}
	if run, ours := w.owner(p, all); ours {
		w.seen[id] = &sighting[Run]{process: p, at: time.Now(), run: run}
		w.notice(run, p)
	}
}

func (w *Watch[Run]) sightAgain(old *sighting[Run], p Process, all map[int]Process) {
	if p.Zombie() {
		return // it has lost its command line and groups
	}
	var none Run
	changed := old.process.UIDs != p.UIDs
	old.process, old.at = p, time.Now()
	if old.run == none && !old.standIn { // it was seen before its run was known
		old.run, _ = w.owner(p, all)
	}
	if changed {
		w.notice(old.run, p)
	}
}

// owner finds the run of a process that was not seen before: that of its
// parent, or of another process of its group or session, or that of the one run
// there is.
func (w *Watch[Run]) owner(p Process, all map[int]Process) (Run, bool) {
	var none Run
	if p.PPID == w.self.PID {
		return none, false // a helper of who watches; the first process of a run is known by Add
	}
	if parent, ok := all[p.PPID]; ok {
		if s := w.seen[parent.identity()]; s != nil {
			return s.run, true
		}
	}
	ofUser := slices.ContainsFunc(p.UIDs[:], func(uid int) bool { return w.uids[uid] != "" })
	if !ofUser {
		return none, false
	}
	for _, s := range w.seen {
		sameGroup := s.process.Group == p.Group && p.Group != w.self.Group
		sameSession := s.process.Session == p.Session && p.Session != w.self.Session
		if s.run != none && (sameGroup || sameSession) {
			return s.run, true
		}
	}
	if len(w.runs) == 1 {
		return w.runs[0], true
	}
	return none, true
}

// Of returns the processes that were ever seen to belong to a run, or, for the zero
// value, to the case but to no run in particular; oldest first.
func (w *Watch[Run]) Of(r Run) []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []Process
	for _, s := range w.seen {
		if s.run == r && !s.standIn {
			found = append(found, s.process)
		}
	}
	return ByStart(found)
}

// LastSeen is when the process was seen alive last, in UTC; the zero time if it never was.
func (w *Watch[Run]) LastSeen(p Process) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.seen[p.identity()]; s != nil {
		return s.at.UTC()
	}
	return time.Time{}
}

// Knows reports whether the process was ever seen to belong to the case.
func (w *Watch[Run]) Knows(p Process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[p.identity()] != nil
}
