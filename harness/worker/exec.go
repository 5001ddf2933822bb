package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/shell"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// Exit codes of a command that did not start, as shells have them.
const (
	notExecutable = 126
	notFound      = 127
)

// Exec writes the accounts, runs the command of the plan on planFD, and is its
// input and output: frames on standard input and journalFD. It returns after the
// frame with the command's exit code.
func Exec() error {
	unix.CloseOnExec(planFD)
	unix.CloseOnExec(journalFD)
	unix.Umask(0o022)
	p, err := readPlan(os.NewFile(planFD, "plan"))
	if err != nil {
		return err
	}
	if p.Exec == nil || len(p.Exec.Argv) == 0 {
		return errors.New("the plan has no command")
	}
	if !p.Exec.Ptrace {
		if err := wall.Disinherit(); err != nil {
			return err
		}
	}
	if err := account.WriteDatabase(); err != nil {
		return err
	}
	out := shell.NewWriter(os.NewFile(journalFD, "frames"))
	code, err := execute(*p.Exec, os.Stdin, out)
	if err != nil {
		return err
	}
	return out.Write(shell.Code, shell.ExitCode(code))
}

// ends are the sandbox's ends of a command's input and outputs.
type ends struct {
	input    *os.File
	terminal *os.File // nil for pipes
	outputs  map[shell.Kind]*os.File
}

// execute runs a command to its end and returns its exit code.
func execute(e plan.Exec, in io.Reader, out *shell.Writer) (int, error) {
	cmd := exec.Command(e.Argv[0], e.Argv[1:]...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := account.RunAs(cmd, e.User); err != nil {
		return 0, err
	}
	connect := pipes
	if e.Terminal != "" {
		cmd.Env = append(cmd.Env, "TERM="+e.Terminal)
		connect = pseudoTerminal
	}
	mine, theirs, err := connect(cmd)
	if err != nil {
		return 0, err
	}
	err = cmd.Start()
	for _, file := range theirs {
		file.Close()
	}
	if err != nil {
		return unable(out, err), nil
	}
	ask := &asker{out: out}
	defer ask.stop()
	go mine.feed(shell.NewReader(in), ask)
	copied := map[shell.Kind]chan error{}
	for kind, from := range mine.outputs {
		done := make(chan error, 1)
		copied[kind] = done
		go func() {
			_, err := io.Copy(out.Stream(kind), from)
			done <- err
		}()
	}
	err = cmd.Wait()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return 0, fmt.Errorf("wait for %s: %w", e.Argv[0], err)
	}
	for kind, from := range mine.outputs {
		if err := rest(out.Stream(kind), from, copied[kind]); err != nil {
			return 0, err
		}
	}
	return status(cmd.ProcessState), nil
}

// unable tells on standard error why a command did not start.
func unable(out *shell.Writer, err error) int {
	fmt.Fprintf(out.Stream(shell.Errors), "understudy: %v\n", err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return notFound
	}
	return notExecutable
}

func status(state *os.ProcessState) int {
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return state.ExitCode()
}

// pipes gives the command three.
func pipes(cmd *exec.Cmd) (mine ends, theirs []*os.File, err error) {
	var files [6]*os.File
	for i := 0; i < len(files); i += 2 {
		if files[i], files[i+1], err = os.Pipe(); err != nil {
			return ends{}, nil, fmt.Errorf("make pipe: %w", err)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[3], files[5]
	return ends{input: files[1], outputs: map[shell.Kind]*os.File{shell.Output: files[2], shell.Errors: files[4]}},
		[]*os.File{files[0], files[3], files[5]}, nil
}

// pseudoTerminal makes one the controlling terminal of the command.
func pseudoTerminal(cmd *exec.Cmd) (mine ends, theirs []*os.File, err error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return ends{}, nil, fmt.Errorf("open a pseudo terminal: %w", err)
	}
	slave, err := open(master)
	if err != nil {
		return ends{}, nil, errors.Join(fmt.Errorf("open a pseudo terminal: %w", err), master.Close())
	}
	// Programs that ask for the name of their terminal open it once more.
	if c := cmd.SysProcAttr.Credential; c != nil {
		if err := slave.Chown(int(c.Uid), -1); err != nil {
			return ends{}, nil, fmt.Errorf("give the pseudo terminal to its user: %w", err)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty = true
	return ends{input: master, terminal: master, outputs: map[shell.Kind]*os.File{shell.Output: master}}, []*os.File{slave}, nil
}

// open returns the other side of a pseudo terminal.
func open(master *os.File) (*os.File, error) {
	var number int
	err := control(master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	if err != nil {
		return nil, err
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
}

// control calls f with the descriptor, which stays non-blocking.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// asker asks for input until it is stopped: an exit code is the last frame.
type asker struct {
	out  *shell.Writer
	mu   sync.Mutex
	over bool
}

func (a *asker) more() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return os.ErrClosed
	}
	return a.out.Write(shell.More, nil)
}

func (a *asker) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// feed hands the command its input. Any error is the end of it.
func (e ends) feed(in *shell.Reader, ask *asker) {
	for err := ask.more(); err == nil; {
		var frame shell.Frame
		if frame, err = in.Next(); err != nil {
			return
		}
		switch frame.Kind {
		case shell.Input:
			if _, err = e.input.Write(frame.Payload); err == nil {
				err = ask.more()
			}
		case shell.End:
			if e.terminal == nil {
				_ = e.input.Close() // the command sees the end, or has closed it itself
			}
		case shell.Window:
			var size shell.Size
			if err = size.UnmarshalBinary(frame.Payload); err == nil && e.terminal != nil {
				err = control(e.terminal, func(fd int) error {
					return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Columns})
				})
			}
		}
	}
}

// settle is how long a terminal may keep what its last writer wrote.
const settle = 200 * time.Millisecond

// rest copies what a command that has ended left in its pipe or terminal, while
// something that it started may hold the other end for ever.
func rest(to io.Writer, from *os.File, copied <-chan error) error {
	if err := from.SetReadDeadline(time.Now().Add(settle)); err != nil {
		return fmt.Errorf("bound the wait for output: %w", err)
	}
	err := <-copied
	if err == nil || errors.Is(err, unix.EIO) { // EIO: nobody holds the terminal any more
		return nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("copy output: %w", err)
	}
	var left int
	err = control(from, func(fd int) (err error) {
		left, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err
	})
	if err == nil {
		err = from.SetReadDeadline(time.Time{})
	}
	if err == nil {
		_, err = io.CopyN(to, from, int64(left))
	}
	if err != nil && !errors.Is(err, unix.EIO) {
		return fmt.Errorf("copy the rest of the output: %w", err)
	}
	return nil
}
