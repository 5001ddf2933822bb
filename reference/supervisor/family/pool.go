package family

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/keeper"
)

const (
	// keepersIdle is how long a keeper without task is kept for the next one.
	keepersIdle = time.Minute

	// keepersKept is how many idle keepers are kept for ever.
	keepersKept = 2

	// startBound is how long a keeper may take to start a process.
	startBound = 10 * time.Second

	// orphanBound is how long what a keeper left behind may take to end before
	// another keeper is asked for the same.
	orphanBound = 2 * time.Second

	// startTries is how many keepers may fail before a start is given up.
	startTries = 3
)

// errNoKeeper is the status of a task process whose keeper was killed: only a
// task that runs as the user of the server can do that.
var errNoKeeper = errors.New("the process that waited for it was killed")

// Pool is the parent of the tasks of a server: for each task that runs there is a
// keeper, see package keeper. Those that are free are used again, the last one
// first, so that the others can be let go.
//
// This process is a subreaper, too. What loses its keeper becomes its child, is
// taken for nothing but the rest of a task, and killed with that.
type Pool struct {
	program string
	stderr  *os.File

	mu     sync.Mutex // also held while a process is started: until then nobody knows it
	idle   []*kept    // the one used last at the end
	pids   map[int]bool
	closed bool
	trim   *time.Timer
	ended  sync.WaitGroup // of keepers
}

// NewPool returns a pool without keepers as yet. program is the path of
// understudy-keeper, stderr where its complaints go.
func NewPool(program string, stderr *os.File) *Pool {
	return &Pool{program: program, stderr: stderr, pids: map[int]bool{}}
}

// kept is a keeper.
type kept struct {
	pool    *Pool
	process *os.Process
	conn    *net.UnixConn
	since   time.Time     // when it became idle
	dead    chan struct{} // closed when it is gone, and what it had came to this process

	mu      sync.Mutex
	current *keptFamily
	reply   chan keeper.Report // Started or Failed
}

// keptFamily descends from a keeper.
type keptFamily struct {
	keeper *kept
	pid    int
	done   chan struct{} // the task process is gone
	empty  chan struct{} // and all the rest
	exit   Exit
}

func (p *Pool) start(argv, environ []string, credential *syscall.Credential, fds [3]*os.File) (family, error) {
	request, err := keeper.Request{Argv: argv, Env: environ, Credential: credential}.Append(nil)
	if err != nil {
		return nil, fmt.Errorf("start task process: %w", err)
	}
	for try := 1; ; try++ {
		k, err := p.take()
		if err != nil {
			return nil, fmt.Errorf("start task process: %w", err)
		}
		f, number, err := k.start(request, fds)
		switch {
		case number != 0:
			p.give(k)
			return nil, fmt.Errorf("start task process: %s: %w", argv[0], number)
		case err == nil:
			return f, nil
		}
		k.end()
		<-k.dead
		// It told nobody what it started. Nothing was sent to that yet, but it has the
		// channel of the task, which must not have two readers.
		if left := p.awaitOrphans(); left != nil || try == startTries {
			return nil, fmt.Errorf("start task process: %w", errors.Join(err, left))
		}
	}
}

// awaitOrphans ends what keepers left behind, and waits for its end.
func (p *Pool) awaitOrphans() error {
	for deadline := time.Now().Add(orphanBound); ; time.Sleep(lookAgain) {
		if err := p.endOrphans(); err != nil {
			return err
		}
		left, err := p.orphans()
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("what a keeper left behind does not end: %s", describe(left))
		}
	}
}

// take returns a keeper that is free.
func (p *Pool) take() (*kept, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		k := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		select {
		case <-k.dead:
		default:
			return k, nil
		}
	}
	return p.spawn()
}

// spawn starts a keeper; p.mu is held. It is leader of a session of its own: no
// task can enter the process group of this process, by which orphans are told.
func (p *Pool) spawn() (*kept, error) {
	ours, theirs, err := channel.Pair()
	if err != nil {
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	defer null.Close()
	process, err := os.StartProcess(p.program, []string{filepath.Base(p.program)}, &os.ProcAttr{
		Dir: "/", Env: keeper.Environ, Files: []*os.File{null, null, p.stderr, theirs}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	k := &kept{pool: p, process: process, conn: ours, dead: make(chan struct{}), reply: make(chan keeper.Report, 1)}
	p.pids[process.Pid] = true
	p.ended.Add(1)
	go k.listen()
	return k, nil
}

// give takes back a keeper that has nothing to do.
func (p *Pool) give(k *kept) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		k.end()
		return
	}
	k.since = time.Now()
	p.idle = append(p.idle, k)
	if p.trim == nil && len(p.idle) > keepersKept {
		p.trim = time.AfterFunc(keepersIdle, p.shrink)
	}
}

// shrink ends the keepers that were idle for long.
func (p *Pool) shrink() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trim = nil
	for len(p.idle) > keepersKept && time.Since(p.idle[0].since) >= keepersIdle {
		p.idle[0].end()
		p.idle = p.idle[1:]
	}
	p.idle = slices.Clone(p.idle)
	if len(p.idle) > keepersKept && !p.closed {
		p.trim = time.AfterFunc(max(keepersIdle-time.Since(p.idle[0].since), time.Second), p.shrink)
	}
}

// Close ends all keepers that are idle, now and later, and waits for all.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	if p.trim != nil {
		p.trim.Stop()
	}
	for _, k := range p.idle {
		k.end()
	}
	p.idle = nil
	p.mu.Unlock()
	p.ended.Wait()
}

// orphans lists what descends from keepers that are gone: the children of this
// process that are neither keepers nor in its own process group, as the commands
// are that it runs itself, and all below them.
func (p *Pool) orphans() ([]descent.Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	self, group := os.Getpid(), unix.Getpgrp()
	return descent.Below(self, func(child descent.Process) bool {
		return !p.pids[child.PID] && child.Group != group
	})
}

// endOrphans kills what this process may kill of them, and reaps.
func (p *Pool) endOrphans() error {
	all, err := p.orphans()
	for _, o := range all {
		_ = syscall.Kill(o.PID, syscall.SIGKILL)
		_, _ = unix.Wait4(o.PID, nil, unix.WNOHANG, nil)
	}
	return err
}

// end lets a keeper go. It kills what it has and ends.
func (k *kept) end() { k.conn.Close() }

// listen reads what a keeper reports until it is gone.
func (k *kept) listen() {
	defer k.pool.ended.Done()
	var buffer [keeper.ReportSize]byte
	for {
		if _, err := io.ReadFull(k.conn, buffer[:]); err != nil {
			break
		}
		r := keeper.ParseReport(buffer[:])
		k.mu.Lock()
		f := k.current
		switch {
		case r.Kind == keeper.Started && f != nil:
			f.pid = int(r.Value)
			k.reply <- r
		case r.Kind == keeper.Failed:
			k.current = nil
			k.reply <- r
		case r.Kind == keeper.Exited && f != nil:
			f.end(exitOfStatus(syscall.WaitStatus(r.Value)))
		case r.Kind == keeper.Empty && f != nil:
			k.current = nil
			close(f.empty)
		}
		k.mu.Unlock()
	}
	k.conn.Close()
	// Its end comes after that of its socket, and brings us its descendants. One
	// that was stopped does not end by itself.
	timer := time.AfterFunc(startBound, func() { _ = k.process.Kill() })
	_, _ = k.process.Wait()
	timer.Stop()
	k.pool.mu.Lock()
	delete(k.pool.pids, k.process.Pid)
	k.pool.mu.Unlock()
	close(k.dead)
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.current; f != nil {
		_ = k.pool.endOrphans() // what cannot be ended so, who ends the task has to
		f.end(Exit{Lost: errNoKeeper})
	}
}

// end notes how the task process ended, the first time; the keeper's mu is held.
func (f *keptFamily) end(e Exit) {
	select {
	case <-f.done:
	default:
		f.exit = e
		close(f.done)
	}
}

// start starts a process. The number is that of the error if the keeper works and
// the process cannot be started.
func (k *kept) start(request []byte, fds [3]*os.File) (*keptFamily, syscall.Errno, error) {
	f := &keptFamily{keeper: k, done: make(chan struct{}), empty: make(chan struct{})}
	k.mu.Lock()
	k.current = f
	k.mu.Unlock()
	var numbers []int
	for _, file := range fds {
		numbers = append(numbers, int(file.Fd()))
	}
	err := k.conn.SetWriteDeadline(time.Now().Add(startBound))
	if err != nil {
		return nil, 0, fmt.Errorf("ask keeper: %w", err)
	}
	n, _, err := k.conn.WriteMsgUnix(request, syscall.UnixRights(numbers...), nil)
	if err == nil && n < len(request) {
		_, err = k.conn.Write(request[n:])
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ask keeper: %w", err)
	}
	timeout := time.NewTimer(startBound)
	defer timeout.Stop()
	select {
	case r := <-k.reply:
		if r.Kind == keeper.Failed {
			return nil, syscall.Errno(r.Value), nil
		}
		return f, 0, nil
	case <-k.dead:
		return nil, 0, errNoKeeper
	case <-timeout.C:
		return nil, 0, fmt.Errorf("ask keeper: no answer in %v", startBound)
	}
}

func (f *keptFamily) main() int                 { return f.pid }
func (f *keptFamily) ended() <-chan struct{}    { return f.done }
func (f *keptFamily) status() Exit              { return f.exit }
func (f *keptFamily) orphans() <-chan os.Signal { return nil }

func (f *keptFamily) isEmpty() bool {
	select {
	case <-f.empty:
		return true
	default:
		return false
	}
}

// lost reports whether the keeper is gone.
func (f *keptFamily) lost() bool {
	select {
	case <-f.keeper.dead:
		return true
	default:
		return false
	}
}

func (f *keptFamily) root() int {
	if f.isEmpty() || f.lost() {
		return 0
	}
	return f.keeper.process.Pid
}

func (f *keptFamily) scan() ([]descent.Process, error) {
	switch {
	case f.isEmpty():
		return nil, nil
	case f.lost():
		return f.keeper.pool.orphans()
	}
	return descent.Of(f.keeper.process.Pid)
}

func (f *keptFamily) gone() bool {
	if f.isEmpty() {
		return true
	}
	if !f.lost() {
		return false
	}
	left, err := f.keeper.pool.orphans()
	return err == nil && len(left) == 0
}

func (f *keptFamily) settle(d time.Duration) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-f.empty:
		return true
	case <-f.keeper.dead:
	case <-timeout.C:
	}
	return f.gone()
}

func (f *keptFamily) reap(int) error {
	if !f.lost() || f.isEmpty() {
		return nil // the keeper does
	}
	all, err := f.scan()
	for _, p := range all {
		if p.Zombie {
			_, _ = unix.Wait4(p.PID, nil, unix.WNOHANG, nil)
		}
	}
	return err
}

// release makes the keeper free for the next task. One that still has processes
// of this one is let go with them.
func (f *keptFamily) release() {
	if f.isEmpty() {
		f.keeper.pool.give(f.keeper)
		return
	}
	f.keeper.end()
}
