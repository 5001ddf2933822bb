package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/reference/impersonate"
	"github.com/understudy-conformance/understudy/reference/supervisor/family"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

const (
	// helloBound is how long a client may take to say what it wants.
	helloBound = 10 * time.Second

	// garbage is how much of its memory, in percent of what is in use, a server may
	// waste. It holds little: looking for what is free costs more than it gains.
	garbage = 300

	// spareHellos is how many clients may be about to say what they want, beside as
	// many as can have a task.
	spareHellos = 64
)

// ServeOptions are what the command line says.
type ServeOptions struct {
	Programs
	Socket  string   // path of the socket to listen on
	Allow   []string // users who may submit tasks, beside our own and root
	Environ []string // of the worker: settings, and what may come along to a task
	Stderr  *os.File // diagnostics, and the task log of workloads without log_path

	// Listening is called once tasks can be submitted; it may be nil. An error of it is
	// only said.
	Listening func() error
}

// Serve runs the tasks that clients submit, each as Run would, until ctx is done or
// SIGTERM or SIGINT comes. Then it takes no more tasks, and returns when those that
// run have ended. It changes this process for good (see secure).
//
// The error is *UsageError if nothing was begun.
func Serve(ctx context.Context, o ServeOptions) error {
	if err := secure(); err != nil {
		return err
	}
	settings, err := LoadSettings(o.Environ)
	if err != nil {
		return &UsageError{err}
	}
	allowed := map[int]bool{0: true, os.Geteuid(): true}
	for _, name := range o.Allow {
		account, err := impersonate.Lookup(ctx, name)
		if err != nil {
			return &UsageError{fmt.Errorf("permit user %q to submit tasks: %w", name, err)}
		}
		allowed[account.UID] = true
	}
	listener, remove, err := submit.Listen(o.Socket, len(o.Allow) > 0)
	if err != nil {
		return &UsageError{err}
	}
	debug.SetGCPercent(garbage)
	pool := family.NewPool(o.Keeper, o.Stderr)
	s := &service{
		shared:  newShared(ctx, o.Programs, o.Environ, settings, pool),
		stderr:  o.Stderr,
		allowed: allowed,
		slots:   make(chan struct{}, settings.MaxTasks),
		hellos:  make(chan struct{}, settings.MaxTasks+spareHellos),
		ending:  make(chan struct{}),
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	go s.accept(listener)
	s.say("listening on %s for users with uid %s, at most %d tasks at once", listener.Addr(), uids(allowed), settings.MaxTasks)
	if o.Listening != nil {
		if err := o.Listening(); err != nil {
			s.say("%v", err)
		}
	}
	select {
	case <-ctx.Done():
	case received := <-signals:
		s.say("received %s", family.SignalName(received.(syscall.Signal)))
	}
	remove()
	close(s.ending)
	listener.Close()
	s.wait(signals)
	pool.Close()
	s.shared.transport.CloseIdleConnections()
	return nil
}

func uids(set map[int]bool) string {
	var list []string
	for uid := range set {
		list = append(list, fmt.Sprint(uid))
	}
	return strings.Join(list, ", ")
}

// service is a server that runs.
type service struct {
	shared  *shared
	stderr  io.Writer
	allowed map[int]bool
	slots   chan struct{} // one for each task
	hellos  chan struct{} // one for each client that has not said what it wants
	ending  chan struct{} // closed: no further task is taken

	mu      sync.Mutex // held to begin a task: none begins once it is waited for all
	running sync.WaitGroup
}

func (s *service) say(format string, values ...any) {
	fmt.Fprintf(s.stderr, "understudy-supervisor: "+format+"\n", values...)
}

// wait waits for all tasks. A further signal changes nothing, but is answered.
func (s *service) wait(signals <-chan os.Signal) {
	done := make(chan struct{})
	go func() {
		s.mu.Lock() // who is in begin has seen that we are ending, or counts
		//lint:ignore SA2001 to have held the lock is all that is wanted
		s.mu.Unlock()
		s.running.Wait()
		close(done)
	}()
	for {
		s.say("no more tasks are taken; waiting for %d to end", len(s.slots))
		select {
		case <-done:
			return
		case <-signals:
		}
	}
}

func (s *service) accept(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors are left, as a rule; tasks that end free some
			s.say("accept a client: %v", err)
			select {
			case <-s.ending:
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		select {
		case s.hellos <- struct{}{}:
			go s.converse(conn)
		default:
			submit.TellRefused(conn, &submit.RefusedError{Reason: submit.RefusedFull, Text: fmt.Sprintf("%d clients are connected and say nothing", cap(s.hellos))})
			conn.Close()
		}
	}
}

// converse serves one client.
func (s *service) converse(conn *net.UnixConn) {
	defer conn.Close()
	t, err := s.admit(conn)
	<-s.hellos
	if err != nil {
		var refused *submit.RefusedError
		if !errors.As(err, &refused) {
			refused = &submit.RefusedError{Reason: submit.RefusedWorkload, Text: err.Error()}
		}
		submit.TellRefused(conn, refused)
		return
	}
	submit.TellAccepted(conn)
	err = errors.Join(t.run(context.Background(), nil), t.log.Close())
	problem := ""
	if err != nil {
		problem = t.mask.Text(err.Error())
		s.say("task instance %s: %s", t.workload.TI.ID, problem)
	}
	<-s.slots // before the client can know
	submit.TellEnded(conn, t.known, problem)
	s.running.Done()
}

// admit reads what a client wants and makes a task of it, which has a slot. What
// another user than those permitted says is not read.
func (s *service) admit(conn *net.UnixConn) (*task, error) {
	uid, err := submit.PeerUID(conn)
	if err != nil {
		return nil, err
	}
	if !s.allowed[uid] {
		s.say("refused a client with uid %d", uid)
		return nil, &submit.RefusedError{Reason: submit.RefusedUser, Text: fmt.Sprintf("uid %d may not submit tasks here; understudy-supervisor serve --allow-user NAME permits it", uid)}
	}
	if err := conn.SetReadDeadline(time.Now().Add(helloBound)); err != nil {
		return nil, err
	}
	workload, err := submit.ReadRequest(conn)
	if err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	t, err := s.shared.task(workload, s.stderr)
	if err != nil {
		<-s.slots
		s.running.Done()
		return nil, err
	}
	return t, nil
}

// begin takes a slot for a task.
func (s *service) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ending:
		return &submit.RefusedError{Reason: submit.RefusedEnding, Text: "the server is about to end"}
	default:
	}
	select {
	case s.slots <- struct{}{}:
		s.running.Add(1)
		return nil
	default:
		return &submit.RefusedError{Reason: submit.RefusedFull, Text: fmt.Sprintf("%d tasks run already, as many as [understudy] serve_max_tasks permits", cap(s.slots))}
	}
}
