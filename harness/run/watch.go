package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// watched is one sandbox and what was seen of it.
type watched struct {
	*runner
	process sandbox.Process
	number  int
	attempt int

	at       *place        // in the queue
	began    bool          // a case that it was told
	told     bool          // it was told a case, or that there is none, and has not begun one since
	open     journal.Event // case-start of the case that runs
	longer   time.Duration // what the stage gave it beyond its budget
	since    time.Time     // when what is waited for now began: the clock inside may be another
	factor   int           // the greatest by which the limits were longer since then
	finished bool          // the exit record came
	cause    string        // why it was ended from outside, did not start, or died
	died     bool          // by itself, before its exit record or with an error
	gone     bool          // what sandboxes run on has gone
}

// watch copies events until the sandbox has ended, and ends it when it must.
func (w *watched) watch(ctx context.Context) error {
	events := make(chan journal.Event)
	go w.read(events)
	timer := time.NewTimer(w.patience())
	defer timer.Stop()
	interrupted := ctx.Done()
	var failed error
	for events != nil {
		select {
		case e, more := <-events:
			if !more {
				events = nil
				break
			}
			if err := w.take(e); err != nil && failed == nil {
				failed = err
				w.kill("its events cannot be recorded")
			}
			if w.cause == "" {
				timer.Reset(w.patience())
			}
		case <-timer.C:
			w.factor = max(w.factor, w.Limits.Busy.Now())
			if left := w.patience(); left > 0 && w.cause == "" {
				timer.Reset(left)
				break
			}
			w.kill(w.overdue())
		case <-interrupted:
			interrupted = nil
			w.cause = "interrupted"
			timer.Reset(w.Limits.End)
			if err := w.process.End(); err != nil {
				w.kill("interrupted")
			}
		}
	}
	err := w.process.Wait()
	abnormal := !w.finished || err != nil
	if w.Diagnose != nil {
		w.Diagnose(w.number, w.process.Diagnostics(), abnormal)
	}
	if failed != nil {
		return failed
	}
	if w.cause == "" && abnormal {
		w.died, w.cause = true, "it ended without its exit record"
		if err != nil {
			w.cause = err.Error()
		}
	}
	w.gone = errors.Is(err, sandbox.ErrUnavailable)
	lost := w.lost(ctx, abnormal)
	return errors.Join(w.close(ctx), lost)
}

// lost records an end that was not clean: an exit record counts only if the sandbox then
// ends by itself and without an error, as one that was written by somebody else does not.
func (w *watched) lost(ctx context.Context, abnormal bool) error {
	if !abnormal || ctx.Err() != nil {
		return nil
	}
	text := w.cause
	if w.finished {
		text = "after its exit record: " + text
	}
	return w.record(journal.Event{Sandbox: w.number, Attempt: w.attempt, SandboxLost: &journal.SandboxLost{Why: journal.Bound(text, 2000)}})
}

// read passes the events on until the sandbox closes its output.
func (w *watched) read(events chan<- journal.Event) {
	defer close(events)
	in := journal.NewReader(w.process.Events())
	for {
		e, err := in.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				io.Copy(io.Discard, w.process.Events())
			}
			return
		}
		events <- e
	}
}

// take records one event.
func (w *watched) take(e journal.Event) error {
	e.Sandbox = w.number
	switch {
	case e.RunStart != nil, e.RunEnd != nil, e.SandboxLost != nil: // ours alone to write
		e = journal.Event{Sandbox: w.number, Malformed: &journal.Malformed{Why: fmt.Sprintf("sandbox %d wrote a %s, which only the outer command may", w.number, e.Kind())}}
	case e.SandboxStart != nil:
		e.SandboxStart.Environment = w.environment(e.SandboxStart.Environment)
	case e.Control != nil:
		if e.Control.Observation.Outcome != journal.Held {
			w.at.fails(e.Control.Role)
		}
	case e.CaseStart != nil:
		w.begin(e)
	case e.Step != nil:
		if e.Case != "" && e.Case == w.open.Case {
			w.longer = max(w.longer, time.Duration(e.Step.MoreMS)*time.Millisecond)
		}
	case e.CaseEnd != nil:
		w.open, w.longer = journal.Event{}, 0
		w.next()
	case e.SandboxEnd != nil:
		w.finished = true
		w.next()
	}
	if w.open.Case == "" && !w.finished {
		w.since = time.Now() // any event will do
	}
	if err := w.record(e); err != nil {
		return err
	}
	if e.Ready != nil {
		w.tell()
	}
	return nil
}

// begin notes which case is open.
func (w *watched) begin(e journal.Event) {
	w.open, w.longer = e, 0
	if w.at.begun(e.Case) {
		w.began, w.told = true, false
	}
	w.next()
}

// tell answers a sandbox that is ready. One that has not begun what it was told, or has not ended it, gets no further
// answer: so no more than one is ever under way, and to write it does not block.
func (w *watched) tell() {
	if w.told || w.open.Case != "" || w.cause != "" {
		return
	}
	w.told = true
	_, _ = io.WriteString(w.process.Input(), plan.Next(w.at.next())) // what cannot be told has ended; the case stays in its place
}

// environment adds to what the worker sees from inside what only the backend knows: image, engine, layer.
func (w *watched) environment(inside map[string]string) map[string]string {
	all := maps.Clone(w.Backend.Environment())
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, inside)
	return all
}

// next begins to wait for something else.
func (w *watched) next() { w.since, w.factor = time.Now(), w.Limits.Busy.Now() }

// patience is how long the sandbox may take from now on.
func (w *watched) patience() time.Duration {
	factor := time.Duration(w.factor)
	limit := factor * w.Limits.Idle
	switch {
	case w.finished:
		limit = factor * w.Limits.Leave
	case w.open.Case != "":
		limit = w.budget() + factor*w.Limits.Grace
	}
	return time.Until(w.since.Add(limit))
}

// budget is the time of the open case as the worker gave it: on a busy machine the
// stage says by how much it is longer, so that nothing is ended here before its time there.
func (w *watched) budget() time.Duration {
	return time.Duration(w.open.CaseStart.BudgetMS)*time.Millisecond + w.longer
}

func (w *watched) overdue() string {
	switch {
	case w.cause != "":
		return w.cause
	case w.finished:
		return fmt.Sprintf("it did not end within %s", busy.Words(w.Limits.Leave, w.factor))
	case w.open.Case != "":
		return fmt.Sprintf("%s took longer than its budget of %s and %s more", w.open.Case, w.budget(), busy.Words(w.Limits.Grace, w.factor))
	}
	return fmt.Sprintf("nothing was heard from the sandbox for %s", busy.Words(w.Limits.Idle, w.factor))
}

func (w *watched) kill(cause string) {
	w.cause = cause
	_ = w.process.Kill() // Wait says what came of it
}

// close writes the end of the case that was open.
func (w *watched) close(ctx context.Context) error {
	if w.open.Case == "" {
		return nil
	}
	seen := journal.Observation{Outcome: journal.HarnessError, Says: w.cause, Actual: w.lastWords()}
	switch {
	case ctx.Err() != nil:
		seen = journal.Observation{Outcome: journal.CouldNotRun, Says: "the run was interrupted"}
	case w.gone:
		seen.Outcome = journal.CouldNotRun
	case w.died:
		seen.Says = "worker died during " + w.open.Case + ": " + seen.Says
	}
	if seen.Actual != "" {
		seen.Says += "; " + DiagnosticsName(w.number) + " has all that it said"
	}
	return w.record(journal.Event{
		Sandbox: w.number, Attempt: w.open.Attempt, Case: w.open.Case, CaseEnd: journal.End(seen, time.Since(w.since)),
	})
}

// lastWords are the last lines that the sandbox wrote during the open case: those
// of cases before it would be taken for its own.
func (w *watched) lastWords() string {
	text := w.process.Diagnostics()
	if i := strings.LastIndex(text, plan.Mark(w.open.Case)); i >= 0 {
		text = text[i+len(plan.Mark(w.open.Case)):]
	}
	return lastLines(text)
}

// why says what ended a sandbox that began no case, with the last lines of its diagnostics.
func (w *watched) why() string {
	cause := w.cause
	if cause == "" {
		cause = "it ended by itself and began none of its cases"
	}
	if w.process == nil {
		return cause
	}
	if last := lastLines(w.process.Diagnostics()); last != "" {
		return cause + "; its last words: " + last
	}
	return cause
}

func lastLines(text string) string {
	const n = 8
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
