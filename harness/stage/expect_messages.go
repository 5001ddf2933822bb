package stage

import (
	"slices"
	"sync"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// Overheard collects the types of the requests that a runner sends while a
// process of one user lives: the requests after the switch, since a runner waits
// for each answer.
type Overheard struct {
	uid int

	mu    sync.Mutex
	kinds []string
}

// Overhear returns a collector for one user; its Wire goes into the Task.
func (s *Stage) Overhear(user string) *Overheard { return &Overheard{uid: s.UID(user)} }

// Wire is how frames are written: unchanged, while the requests are noted.
func (o *Overheard) Wire() Wire {
	return Wire{Answer: func(kind string, _ map[string]any, answer Answer) Answer {
		all, err := proc.All()
		if err != nil {
			return answer // nothing is noted, so whoever asks for it finds nothing
		}
		for _, p := range all {
			if !p.Zombie() && p.HasUID(o.uid) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.kinds = append(o.kinds, kind)
				break
			}
		}
		return answer
	}}
}

// Kinds returns the types in the order of the requests.
func (o *Overheard) Kinds() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.kinds)
}
