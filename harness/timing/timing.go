// Package timing keeps in the cache how long each case took when it was last played, so that the next run can begin with
// the longest: one note for each implementation and kind of sandbox, with a time for each case id, in which the role is.
//
// A measurement decides in which order cases are played and nothing else. So no error of it is one of a run: a note that is
// missing, damaged, of another form or of another implementation is simply no measurement.
package timing

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/journal"
)

// Parts are the entries of the cache that this package makes.
const Parts = "measured-*"

const (
	schema = 1
	limit  = 1 << 20         // octets of a note: many thousand cases
	wait   = 2 * time.Second // for another run that reads or writes the note
)

// note is the form in which measurements are kept.
type note struct {
	Schema         int              `json:"schema"`
	Implementation string           `json:"implementation"`
	Sandbox        string           `json:"sandbox"`
	TookMS         map[string]int64 `json:"took_ms"` // by case id
}

// Times are measurements of one implementation in one kind of sandbox.
type Times struct {
	entry cache.Entry
	empty note
	taken map[string]int64 // in this run
}

// Of returns the measurements of the implementation of that name in the kind of sandbox.
func Of(folder *cache.Folder, implementation, sandbox string) *Times {
	key := cache.NewKey()
	key.Text("implementation", implementation)
	key.Text("sandbox", sandbox)
	return &Times{
		entry: folder.Entry("measured-" + key.String()),
		empty: note{Schema: schema, Implementation: implementation, Sandbox: sandbox},
		taken: map[string]int64{},
	}
}

// Last returns how long cases took when they were last measured, by id: nothing where nothing can be read.
func (t *Times) Last(ctx context.Context) map[string]time.Duration {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	text, err := t.entry.Recall(ctx, limit)
	if err != nil {
		return nil
	}
	took := map[string]time.Duration{}
	for id, ms := range t.parse(text) {
		took[id] = time.Duration(ms) * time.Millisecond
	}
	return took
}

// parse returns the times in a note, none where it is no note of these measurements.
func (t *Times) parse(text []byte) map[string]int64 {
	var n note
	if err := json.Unmarshal(text, &n); err != nil || n.Schema != schema || n.Implementation != t.empty.Implementation || n.Sandbox != t.empty.Sandbox {
		return nil
	}
	maps.DeleteFunc(n.TookMS, func(_ string, ms int64) bool { return !sound(ms) })
	return n.TookMS
}

// sound says that a case can have taken so many milliseconds.
func sound(ms int64) bool { return ms >= 0 && ms <= (24*time.Hour).Milliseconds() }

// See takes the measurement of a case that came to its end. One that could not run, or that was ended from outside, took
// no time of its own.
func (t *Times) See(e journal.Event) {
	if e.CaseEnd == nil || !sound(e.CaseEnd.DurationMS) {
		return
	}
	switch e.CaseEnd.Outcome {
	case journal.Held, journal.Violated, journal.NotApplicable:
		t.taken[e.Case] = e.CaseEnd.DurationMS
	}
}

// Keep puts what was seen beside what was known of other cases. Its error is for who wants to know: the next run does with
// what there is.
func (t *Times) Keep(ctx context.Context) error {
	if len(t.taken) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return t.entry.Note(ctx, limit, func(old []byte) ([]byte, error) {
		next := t.empty
		next.TookMS = map[string]int64{}
		maps.Copy(next.TookMS, t.parse(old))
		maps.Copy(next.TookMS, t.taken)
		text, err := json.Marshal(next)
		if err != nil {
			return nil, fmt.Errorf("write measurements: %w", err)
		}
		return append(text, '\n'), nil
	})
}
