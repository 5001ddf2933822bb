package run

import (
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/plan"
)

// queue hands out the cases of one attempt, each once, the longest first.
type queue struct {
	mu   sync.Mutex
	rest []plan.Case
}

func newQueue(cases []plan.Case, measured map[string]time.Duration) *queue {
	return &queue{rest: plan.LongestFirst(cases, measured)}
}

func (q *queue) take() *plan.Case {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.rest) == 0 {
		return nil
	}
	first := q.rest[0]
	q.rest = q.rest[1:]
	return &first
}

func (q *queue) left() []plan.Case {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rest // take moves on and changes nothing in it
}

// place is where one sandbox after the other takes cases from the queue. A case that a sandbox was told and did not
// begin stays here, for the next one: no other sandbox could play it, as each goes through the queue in its order.
type place struct {
	queue *queue
	told  *plan.Case // nil: none, or it began
}

// left returns the cases that a sandbox which starts now may come to play, in the order in which it is told them.
func (p *place) left() []plan.Case {
	left := p.queue.left()
	if p.told != nil {
		left = append([]plan.Case{*p.told}, left...)
	}
	return left
}

// next returns the id of the case to be played now: "" where none is left.
func (p *place) next() string {
	if p.told == nil {
		p.told = p.queue.take()
	}
	if p.told == nil {
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
