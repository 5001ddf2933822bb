package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// server is a process of the implementation that takes all tasks of a case which have
// one worker environment.
type server struct {
	*stage.Conversation
	door        *Door
	environment string // of the tasks
	account     string
	dir         string // {serve_dir}

	started bool
	asked   bool                  // to end
	shown   bool                  // to have ended, by a violation
	tasks   []*stage.Conversation // that it was to take
}

// serverOf returns the server of a task, which may have to be started, or nil if the
// manifest has none.
func (d *Door) serverOf(task stage.Task) *server {
	if len(d.Launch().Serve) == 0 {
		return nil
	}
	environment := environmentOf(task)
	for _, s := range d.servers {
		if s.environment == environment && !s.asked {
			return s
		}
	}
	s := &server{Conversation: d.Beside("server", task), door: d, environment: environment, account: task.Worker}
	s.dir = d.Path("serve", s.Label())
	d.servers = append(d.servers, s)
	return s
}

// environmentOf tells the environments of two workers apart: account, settings, files,
// variables, umask.
func environmentOf(task stage.Task) string {
	text, _ := json.Marshal(stage.Task{ // plain data always encodes
		Worker: task.Worker, Settings: task.Settings, File: task.File, Env: task.Env, Without: task.Without, Umask: task.Umask,
	})
	return string(text)
}

// take starts the server, unless it runs, for a task that is about to be handed to it.
func (s *server) take(task *executor) error {
	if !s.started {
		s.started = true
		if err := s.start(task); err != nil {
			return err
		}
	}
	s.tasks = append(s.tasks, task.Conversation)
	s.door.Step(fmt.Sprintf("%s goes to %s", task.Label(), s.Label()))
	return nil
}

// start starts the server and waits until it says that it is ready, as services of
// systemd do: by a datagram to the socket that NOTIFY_SOCKET names.
func (s *server) start(task *executor) error {
	owner, err := account.Find(s.account)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.door.Path("serve"), 0o755); err != nil {
		return fmt.Errorf("make folder of servers: %w", err)
	}
	if err := owner.MakeDir(s.dir, 0o700); err != nil {
		return err
	}
	path := s.door.Path("serve", s.Label()+".notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("listen for the server to be ready: %w", err)
	}
	defer notify.Close()
	// Its folder is root's: nobody can have exchanged it.
	if err := errors.Join(os.Lchown(path, owner.UID, owner.GID), os.Chmod(path, 0o600)); err != nil {
		return err
	}
	cmd, err := task.Command(s.door.Launch().Serve)
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+path)
	if err := begin(s.Conversation, cmd); err != nil {
		return err
	}
	s.door.Step(fmt.Sprintf("started %s as process %d", s.Label(), s.Processes()[0].PID))
	ready := make(chan struct{})
	go func() {
		if hears(notify, "READY=1") {
			close(ready)
		}
	}()
	either := make(chan struct{})
	go func() {
		defer close(either)
		select {
		case <-ready:
		case <-s.Done():
		}
	}()
	limit, _ := time.ParseDuration(s.door.Launch().StartTimeout) // checked with the manifest; 0 if there is none
	s.door.Within(limit, s.Label()+" to say READY=1 to the socket that NOTIFY_SOCKET names", either, s.Outcome)
	if s.Ended() {
		s.refuses()
	}
	return nil
}

func (s *server) refuses() {
	s.shown = true
	s.Violated("the server does not start", "a process that says READY=1 to the socket that NOTIFY_SOCKET names, and serves", s.Outcome())
}

// hears reports whether a line arrives before the socket is closed.
func hears(from net.Conn, line string) bool {
	for datagram := make([]byte, 4096); ; {
		n, err := from.Read(datagram)
		if err != nil {
			return false
		}
		if slices.ContainsFunc(bytes.Split(datagram[:n], []byte("\n")), func(l []byte) bool { return string(l) == line }) {
			return true
		}
	}
}

// settles is how much later than its client the server may be seen to end: the kernel
// closes its connections first.
const settles = 500 * time.Millisecond

// trouble says that the server has ended before it was asked to.
func (s *server) trouble(task *stage.Conversation) string {
	if !s.started || s.asked || s.shown {
		return ""
	}
	if task.Ended() {
		s.door.Wait(settles, s.Done())
	}
	if !s.Ended() {
		return ""
	}
	s.shown = true
	return s.Label() + ", which was to run the task of " + task.Label() + ", has ended: " + s.Outcome()
}

// ask asks the server to end when its tasks have.
func (s *server) ask() {
	if s.started && !s.asked && !s.Ended() {
		s.asked = true
		s.door.Step("ask " + s.Label() + " to end")
		s.door.Must(s.Signal(syscall.SIGTERM))
	}
}

// Rest asks the servers of the account to end: they are no processes of tasks.
func (d *Door) Rest(account string) {
	for _, s := range d.servers {
		if s.account == account {
			s.ask()
		}
	}
}

// Finish requires that each server lived until it was asked to end, and then ends with
// everything that it kept running. Where a task still lives, nobody waits for that.
func (d *Door) Finish() {
	for _, s := range d.servers {
		if !s.started {
			continue
		}
		if s.Ended() && !s.asked {
			s.gone()
		}
		if slices.ContainsFunc(s.tasks, func(task *stage.Conversation) bool { return !task.Ended() }) {
			continue
		}
		s.ask()
		d.Within(0, s.Label()+" to end after SIGTERM, since all its tasks have", s.Done(), s.Outcome)
		if status := s.Status(); !slices.Contains(politely, status) {
			s.gone()
		}
		if left := s.left(); len(left) > 0 {
			s.leaves(left)
		}
	}
}

// politely is how a server may end that was asked to: with exit code 0, by the signal,
// or with what shells make of that.
var politely = []syscall.WaitStatus{0, syscall.WaitStatus(syscall.SIGTERM), (128 + syscall.WaitStatus(syscall.SIGTERM)) << 8}

func (s *server) gone() {
	s.shown = true
	s.Violated("the server ended by itself", s.Label()+" serves until SIGTERM, and then ends with exit code 0 or by the signal", s.Outcome())
}

func (s *server) leaves(left []proc.Process) {
	s.Violated("processes of the server are left", "no process of "+s.Label()+" lives after it", proc.Lines(left))
}

// restBound is how long what a server kept running may take to end after it.
const restBound = 5 * time.Second

// left returns what lives of a server that has ended: processes of its own account,
// since those of others are matters of their tasks.
func (s *server) left() []proc.Process {
	owner, err := account.Find(s.account)
	s.door.Must(err)
	var all []proc.Process
	for _, c := range append(slices.Clone(s.tasks), s.Conversation) {
		all = append(all, c.Processes()...)
	}
	if !slices.ContainsFunc(s.door.servers, func(o *server) bool { return o.started && o.account == s.account && !o.Ended() }) {
		all = append(all, s.door.Strays()...) // nobody else can have left them
	}
	return s.door.Faded(restBound, func(p proc.Process) bool {
		return p.HasUID(owner.UID) && slices.ContainsFunc(all, func(of proc.Process) bool { return of.PID == p.PID && of.Start == p.Start })
	})
}
