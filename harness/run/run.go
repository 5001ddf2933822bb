// Package run carries out a plan: it starts sandboxes, tells each its next case
// whenever it is ready for one, copies their events to the journal, and holds the time.
//
//	cases -> queue -> sandbox -> events -> journal, console
//	           |         ^          |
//	           |         |----------' "ready": the sandbox is told the first case of the queue
//	           `---------'            a sandbox that dies, hangs or was left dirty is replaced by a
//	                                  fresh one as long as the queue has cases
//
// The queue has the cases that took longest first, so that all sandboxes end at about the same time.
//
// What happens to a case whose sandbox dies is written to the journal as its
// end: a harness error that names the case, or could-not-run when the run was
// interrupted. Package verdict does the rest.
package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// ErrNoSandbox is wrapped when sandboxes end before they play a case, again and again.
var ErrNoSandbox = errors.New("sandboxes end before they play a case")

// ErrJournal is wrapped when the record of the run cannot be written.
var ErrJournal = errors.New("the journal cannot be written")

// Options say what to run and where it is recorded.
type Options struct {
	Backend  sandbox.Backend // prepared
	Manifest implementation.Manifest
	Cases    []plan.Case
	Measured map[string]time.Duration // how long cases took before, by id: the longest come first; may be nil
	Procs    int                      // sandboxes at the same time, at least 1
	Repeat   int                      // how often each case is played, at least 1
	Identity journal.Identity         // its Planned is filled from Cases
	Journal  *journal.Writer
	Watch    func(journal.Event) // sees every event after it was recorded; calls do not overlap
	// Diagnose gets what a sandbox wrote to standard error, after it ended; abnormal says that it
	// ended otherwise than by itself. May be nil.
	Diagnose func(number int, text string, abnormal bool)
	Limits   Limits
}

// DiagnosticsName is the name of the file that holds what the sandbox of that number wrote to standard error.
func DiagnosticsName(number int) string { return fmt.Sprintf("sandbox-%d.log", number) }

// Limits are the times after which a sandbox is ended from outside.
type Limits struct {
	Grace time.Duration // beyond the budget that a case-start names
	Idle  time.Duration // without any event while no case is open: preflight and controls fall into it
	End   time.Duration // between the request to end and the kill
	Leave time.Duration // between the exit record and the end; what takes longer has not ended cleanly
	Busy  busy.Gauge    // by how much all of them but End are longer now
}

// DefaultLimits fit a machine under load; slowness is the manifest's factor.
func DefaultLimits(slowness float64) Limits {
	return Limits{
		Grace: 10 * time.Second,
		Idle:  time.Duration(max(1, slowness) * float64(5*time.Minute)),
		End:   5 * time.Second,
		Leave: time.Minute,
		Busy:  busy.Factor,
	}
}

// Run plays all cases. It returns nil when the journal is complete, whatever it
// says; the error of ctx when interrupted, with the journal closed as partial;
// otherwise what made it impossible to go on.
func Run(ctx context.Context, o Options) error {
	o.Procs, o.Repeat = max(o.Procs, 1), max(o.Repeat, 1)
	o.Identity.Planned = plan.IDs(o.Cases)
	r := &runner{Options: o}
	if err := r.record(journal.Event{RunStart: journal.Start(o.Identity)}); err != nil {
		return err
	}
	err := r.attempts(ctx)
	end := journal.Event{RunEnd: &journal.RunEnd{}}
	switch {
	case ctx.Err() != nil:
		*end.RunEnd, err = journal.RunEnd{Partial: true, Why: "interrupted"}, context.Cause(ctx)
	case err != nil:
		*end.RunEnd = journal.RunEnd{Partial: true, Why: journal.Bound(err.Error(), 2000)}
	}
	return errors.Join(err, r.record(end))
}

type runner struct {
	Options
	mu     sync.Mutex // of the journal and Watch
	number int
}

// record appends an event and shows it.
func (r *runner) record(e journal.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	if err := r.Journal.Write(e); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	r.Watch(e)
	return nil
}

func (r *runner) nextNumber() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return r.number
}

func (r *runner) attempts(ctx context.Context) error {
	for attempt := 1; attempt <= r.Repeat; attempt++ {
		group, ctx := errgroup.WithContext(ctx)
		places := min(r.Procs, len(r.Cases))
		all := newQueue(r.Cases, r.Measured, places)
		for range places {
			group.Go(func() error { return r.empty(ctx, &place{queue: all}, attempt) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// empty plays cases of the queue until none is left, in one sandbox, or in as many as it takes.
func (r *runner) empty(ctx context.Context, at *place, attempt int) error {
	barren := 0 // sandboxes in a row that began no case
	for cases := at.fresh(); len(cases) > 0; cases = at.fresh() {
		if err := ctx.Err(); err != nil {
			return err
		}
		seen, err := r.sandbox(ctx, at, cases, attempt)
		switch {
		case err != nil:
			return err
		case seen.began:
			barren = 0
		default:
			barren++
		}
		if barren == 2 && !at.over && len(at.left()) > 0 {
			return fmt.Errorf("%w: %s", ErrNoSandbox, seen.why())
		}
	}
	return nil
}

// sandbox plays cases of the queue in one sandbox, as many as it can.
func (r *runner) sandbox(ctx context.Context, at *place, cases []plan.Case, attempt int) (*watched, error) {
	line, err := json.Marshal(plan.Plan{
		Schema: journal.Schema, RunID: r.Identity.RunID, Attempt: attempt, Manifest: r.Manifest, Cases: cases,
		Bin: sandbox.Bin, Implementation: sandbox.Implementation, Sandbox: r.Backend.Name(),
	})
	if err != nil {
		return nil, fmt.Errorf("write the plan: %w", err)
	}
	w := &watched{runner: r, number: r.nextNumber(), attempt: attempt, at: at, since: time.Now(), factor: r.Limits.Busy.Now()}
	w.process, err = r.Backend.Start(ctx, append(line, '\n'))
	if err != nil && ctx.Err() == nil {
		// Counts as a sandbox that began nothing: the second one in a row ends the run.
		w.cause = err.Error()
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	return w, w.watch(ctx)
}
