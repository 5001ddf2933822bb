package world

import (
	"path"
	"slices"
	"time"
)

// Problem is an answer other than success, in HTTP's terms: Detail is what the
// server puts under "detail".
type Problem struct {
	Status int
	Detail any
}

func (p *Problem) status(otherwise int) int {
	if p == nil {
		return otherwise
	}
	return p.Status
}

// NotFound is the answer to a question for what is not there.
func NotFound(message string) *Problem {
	return &Problem{Status: 404, Detail: map[string]any{"reason": "not_found", "message": message}}
}

// Fault makes the world answer some requests otherwise than it should.
type Fault struct {
	Method string        // HTTP method; "" is any
	Path   string        // pattern of path.Match on the path below the API's root, such as "task-instances/*/heartbeat"
	Times  int           // how many requests it strikes; 0 means all
	Delay  time.Duration // before the request is looked at
	Status int           // answered instead of the right answer; 0: only the delay
	Detail any           // goes under "detail"
	Drop   bool          // role worker: the connection is closed without an answer
	// ContentType replaces "application/json", role worker only.
	ContentType string

	struck int
}

// Inject adds a fault. Faults are asked in the order in which they were added,
// and the first that fits a request strikes.
func (w *World) Inject(f Fault) {
	w.change(func() { w.faults = append(w.faults, &f) })
}

// FailHeartbeats answers every heartbeat from now on with that status.
func (w *World) FailHeartbeats(status int, detail any) {
	w.Inject(Fault{Method: "PUT", Path: "task-instances/*/heartbeat", Status: status, Detail: detail})
}

// Strike returns the fault that hits a request, or nil, and counts it.
func (w *World) Strike(method, requestPath string) *Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.faults, func(f *Fault) bool {
		if f.Method != "" && f.Method != method || f.Times > 0 && f.struck >= f.Times {
			return false
		}
		ok, err := path.Match(f.Path, requestPath)
		return err == nil && ok
	})
	if i < 0 {
		return nil
	}
	w.faults[i].struck++
	struck := *w.faults[i]
	return &struck
}

// Problem is what the fault answers, or nil if it only delays.
func (f *Fault) Problem() *Problem {
	if f == nil || f.Status == 0 {
		return nil
	}
	return &Problem{Status: f.Status, Detail: Canonical(f.Detail)}
}
