package submit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// maxHello is the longest line, in bytes, that a client may send.
const maxHello = maxWorkload + 64

// maxEvent is the longest line, in bytes, that a server sends.
const maxEvent = 64 << 10

// eventBound is how long a client may take to take an event.
const eventBound = 2 * time.Second

// hello is what a client sends.
type hello struct {
	Workload json.RawMessage `json:"workload"`
}

// Names of events.
const (
	eventAccepted = "accepted"
	eventEnded    = "ended"
	eventRefused  = "refused"
)

// event is what a server sends.
type event struct {
	Event  string  `json:"event"`
	State  string  `json:"state,omitempty"`
	Reason Refusal `json:"reason,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// TellAccepted tells a client that its task is taken.
func TellAccepted(conn *net.UnixConn) { tell(conn, event{Event: eventAccepted}) }

// TellRefused tells a client why its task is not taken.
func TellRefused(conn *net.UnixConn, e *RefusedError) {
	tell(conn, event{Event: eventRefused, Reason: e.Reason, Error: e.Text})
}

// TellEnded tells a client what the server of the API knows of the end of its task:
// the state, "" if it wanted to hear none, and what went wrong beside the task, or "".
func TellEnded(conn *net.UnixConn, state, problem string) {
	tell(conn, event{Event: eventEnded, State: state, Error: problem})
}

// tell sends an event. A client that does not want it is none of our concern.
func tell(conn *net.UnixConn, e event) {
	e.Error = e.Error[:min(len(e.Error), maxEvent/8)] // JSON may need six bytes for one
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(eventBound))
	_, _ = conn.Write(append(line, '\n'))
}

// Refusal says why a server does not take a workload.
type Refusal string

const (
	RefusedUser     Refusal = "user"     // who asks may not
	RefusedWorkload Refusal = "workload" // it makes no sense
	RefusedFull     Refusal = "full"     // as many tasks as permitted run; try again later
	RefusedEnding   Refusal = "ending"   // the server is about to end
)

// RefusedError reports that a server did not take a workload. Nothing was started.
type RefusedError struct {
	Reason Refusal
	Text   string
}

func (e *RefusedError) Error() string { return "the server refuses the task: " + e.Text }

// StrangerError reports that whoever listens on a socket is not to be trusted with a
// token. Nothing was sent.
type StrangerError struct{ Err error }

func (e *StrangerError) Error() string { return e.Err.Error() }
func (e *StrangerError) Unwrap() error { return e.Err }

// Outcome is what a server says about a task.
type Outcome struct {
	Ended bool   // false if it was not waited for
	State string // that the API was told; "" if the API asked for the end of the task
}

// Task hands a workload, in Airflow's JSON, to the server that listens on a
// socket. With wait it returns when nothing of the task is left, else when the
// server has taken it.
//
// The error is *RefusedError if nothing was started, *StrangerError if the token
// was told to nobody. Any other one means that it is not known what became of the task,
// or that the API does not know.
func Task(ctx context.Context, socket string, workload []byte, wait bool) (Outcome, error) {
	if !json.Valid(workload) {
		return Outcome{}, &RefusedError{RefusedWorkload, "the workload is not JSON"}
	}
	line, err := json.Marshal(hello{workload})
	if err != nil {
		return Outcome{}, fmt.Errorf("submit task: %w", err)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return Outcome{}, fmt.Errorf("submit task: %w", err)
	}
	defer conn.Close()
	if err := trustedServer(socket, conn.(*net.UnixConn)); err != nil {
		return Outcome{}, &StrangerError{fmt.Errorf("submit task: %w", err)}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, sent := conn.Write(append(line, '\n')) // who is refused at once is not read
	events := bufio.NewReader(io.LimitReader(conn, 2*maxEvent))
	first, err := nextEvent(events)
	switch {
	case err != nil:
		return Outcome{}, fmt.Errorf("submit task: %w", errors.Join(err, sent, ctx.Err()))
	case first.Event == eventRefused:
		return Outcome{}, &RefusedError{first.Reason, first.Error}
	case first.Event != eventAccepted:
		return Outcome{}, fmt.Errorf("submit task: the server answered %q", first.Event)
	case !wait:
		return Outcome{}, nil
	}
	last, err := nextEvent(events)
	switch {
	case err != nil:
		return Outcome{}, fmt.Errorf("wait for the task: the server ended: %w", errors.Join(err, ctx.Err()))
	case last.Error != "":
		return Outcome{Ended: true, State: last.State}, fmt.Errorf("run the task: %s", last.Error)
	}
	return Outcome{Ended: true, State: last.State}, nil
}

func nextEvent(r *bufio.Reader) (event, error) {
	var e event
	line, err := r.ReadBytes('\n')
	if err != nil {
		return e, fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("read answer: %w", err)
	}
	return e, nil
}

// ReadRequest reads the line of a client and checks the workload in it.
func ReadRequest(r io.Reader) (Workload, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxHello+1), 4<<10).ReadBytes('\n')
	switch {
	case len(line) > maxHello:
		return Workload{}, fmt.Errorf("the request is longer than %d bytes", maxHello)
	case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
		return Workload{}, fmt.Errorf("read request: %w", err)
	}
	var h hello
	if err := json.Unmarshal(line, &h); err != nil {
		return Workload{}, fmt.Errorf("the request is not one line of JSON: %w", err)
	}
	if h.Workload == nil {
		return Workload{}, errors.New(`the request has no "workload"`)
	}
	return parseWorkload(h.Workload)
}
