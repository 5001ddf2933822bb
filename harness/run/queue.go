package run

import (
	"slices"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// queue hands out the cases of one attempt, each once, the longest first.
//
// In a sandbox whose control of a role failed no case of that role takes any time, so it would empty the queue while the
// others play. Such cases are left to the other places; only the last, when the control failed in all others, is told them:
// then they could not run. Controls come before the first case, so that it has passed none of them.
type queue struct {
	mu     sync.Mutex
	rest   []plan.Case
	places int               // that take from it
	unable map[role.Role]int // in how many of them the control of the role failed
}

func newQueue(cases []plan.Case, measured map[string]time.Duration, places int) *queue {
	return &queue{rest: plan.LongestFirst(cases, measured), places: places, unable: map[role.Role]int{}}
}

// take returns the first case of a role that is not left to others; nil: there is none.
func (q *queue) take(others map[role.Role]bool) *plan.Case {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, c := range q.rest {
		if !others[c.Role] {
			q.rest = slices.Concat(q.rest[:i], q.rest[i+1:]) // others may still read what it was
			return &c
		}
	}
	return nil
}

func (q *queue) left() []plan.Case {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rest
}

// fails says that one place more is unable to play the role, and returns whether others are left.
func (q *queue) fails(r role.Role) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unable[r]++
	return q.unable[r] < q.places
}

// hopes says that one place fewer is.
func (q *queue) hopes(r role.Role) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unable[r]--
}

// place is where one sandbox after the other takes cases from the queue. A case that a sandbox was told and did not
// begin stays here, for the next one: no other sandbox could play it, as each goes through the queue in its order.
type place struct {
	queue  *queue
	told   *plan.Case         // nil: none, or it began
	others map[role.Role]bool // has the roles of which the control failed in this sandbox: whether they are left to others
	over   bool               // a sandbox was told that none is left for it: none will be
}

// fresh returns the cases that a sandbox which starts now may come to play, in the order in which it is told them:
// none where it need not start.
func (p *place) fresh() []plan.Case {
	if p.over {
		return nil // and plays nothing that its last sandbox could not
	}
	for r := range p.others {
		p.queue.hopes(r)
	}
	p.others = map[role.Role]bool{}
	return p.left()
}

// left returns what fresh does, of the sandbox that is here.
func (p *place) left() []plan.Case {
	left := p.queue.left()
	if p.told != nil {
		left = append([]plan.Case{*p.told}, left...)
	}
	return left
}

// fails says that the control of the role failed in the sandbox.
func (p *place) fails(r role.Role) {
	if _, known := p.others[r]; !known {
		p.others[r] = p.queue.fails(r)
	}
}

// next returns the id of the case to be played now: "" where none is left.
func (p *place) next() string {
	if p.told == nil {
		p.told = p.queue.take(p.others)
	}
	if p.told == nil {
		p.over = true
		return ""
	}
	return p.told.ID
}

// begun says that a case began, and returns whether it was the one that was told.
func (p *place) begun(id string) bool {
	told := p.told != nil && p.told.ID == id
	if told {
		p.told = nil
	}
	return told
}
