package impersonation

import (
	"slices"
	"sync"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
)

// overheard collects the types of the requests that a runner sends while a process of
// one user lives: the requests after the switch, since a runner waits for each answer.
type overheard struct {
	uid int

	mu    sync.Mutex
	kinds []string
}

// wire is how frames are written: unchanged, while the requests are noted.
func (o *overheard) wire() runner.Wire {
	return runner.Wire{Answer: func(kind string, _ map[string]any, answer runner.Answer) runner.Answer {
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

// inOrder returns the types in the order of the requests.
func (o *overheard) inOrder() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.kinds)
}
