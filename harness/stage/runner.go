package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// The stage as supervisor of a runner:
//
//	stage                                           runner
//	 socketpair 0  <- requests, answers ->          fd 0
//	 socketpair 1  <- text                          fd 1
//	 socketpair 2  <- text                          fd 2
//	 socketpair n  <- JSON lines                    asked for by ResendLoggingFD
//
// The runner leads a process group of its own and has no other descriptor.
const (
	maxFrame = 256 << 20 // octets of a payload that the stage takes
	maxLogs  = 64        // log channels of one run
)

// commsChannel is the stage's end of fd 0.
type commsChannel struct {
	run    *Run
	conn   *net.UnixConn
	once   sync.Once
	logFDs int
}

func (c *commsChannel) close() { c.once.Do(func() { c.conn.Close() }) }

// startRunner starts cmd as a runner and plays its supervisor.
func (s *Stage) startRunner(r *Run, cmd *exec.Cmd, how implementation.Launch) error {
	if how.Channel != "fd0" {
		return fmt.Errorf("role runner by channel %q: only fd0 is played", how.Channel)
	}
	startup, err := message.EncodeResponse(message.Response{ID: 0, Body: s.startupDetails(r)})
	if err != nil {
		return fmt.Errorf("encode StartupDetails: %w", err)
	}
	if startup, err = r.task.Wire.startup(startup); err != nil {
		return err
	}
	var ours, theirs []*os.File
	for _, name := range []string{"comms", "stdout", "stderr"} {
		our, their, err := socketpair(name)
		if err != nil {
			closeFiles(append(ours, theirs...))
			return err
		}
		ours, theirs = append(ours, our), append(theirs, their)
	}
	conn, err := net.FileConn(ours[0])
	ours[0].Close()
	if err != nil {
		closeFiles(append(ours[1:], theirs...))
		return fmt.Errorf("use socketpair for comms: %w", err)
	}
	r.comms = &commsChannel{run: r, conn: conn.(*net.UnixConn)}
	r.holds(r.comms.close)
	r.read(ours[1], "stdout", &r.stdout)
	r.read(ours[2], "stderr", &r.stderr)
	r.reading.Go(func() { r.comms.serve(startup) })
	go r.drain()
	if r.task.Parent {
		return r.beginByStandIn(cmd, theirs)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	return r.begin(cmd, theirs...)
}

// read collects a channel until its end and journals it.
func (r *Run) read(file *os.File, channel string, into *output) {
	r.holds(func() { file.Close() })
	r.reading.Go(func() {
		into.collect(file, func(text string) { r.stage.record.lines(r.label, channel, text) })
		file.Close()
	})
}

// startupDetails is the first frame: all keys that a runner may insist on are there.
func (s *Stage) startupDetails(r *Run) *message.StartupDetails {
	ti := r.TI()
	when := message.At(ti.LogicalDate)
	conf, err := message.RawOf(ti.Conf)
	s.must(err)
	mapIndex, queue, host := -1, "default", "understudy"
	details := &message.StartupDetails{
		TI: message.TaskInstance{
			ID: ti.ID, TaskID: ti.Task, DagID: ti.Dag, RunID: ti.Run, TryNumber: ti.Try,
			DagVersionID: ti.DagVersionID, MapIndex: &mapIndex, Hostname: &host, Queue: &queue,
		},
		DagRelPath: s.dagFile(r.task), StartDate: message.At(s.begun),
		BundleInfo: message.BundleInfo{Name: bundleName(r.task)},
		TIContext: message.TIRunContext{
			MaxTries: ti.MaxTries, ShouldRetry: ti.ShouldRetry,
			DagRun: message.DagRun{
				DagID: ti.Dag, RunID: ti.Run, LogicalDate: &when, DataIntervalStart: &when, DataIntervalEnd: &when,
				RunAfter: when, StartDate: &when, RunType: message.RunManual, State: message.RunRunning, Conf: conf,
			},
		},
	}
	if r.task.BundleVersion != "" {
		details.BundleInfo.Version = &r.task.BundleVersion
	}
	return details
}

func bundleName(task Task) string {
	if task.BundleName == "" {
		return "dags"
	}
	return task.BundleName
}

// serve writes the startup frame and answers requests until the channel ends.
func (c *commsChannel) serve(startup []byte) {
	defer c.close()
	if err := c.write(startup, -1); err != nil {
		return // the runner died early; how it ended tells more
	}
	reader := frame.NewReader(c.conn, maxFrame)
	for {
		payload, err := reader.Next()
		if err != nil {
			if !isEnd(err) {
				c.run.fault(err.Error())
				c.run.stage.record.step("stage", "message channel of "+c.run.label+": "+err.Error())
			}
			return
		}
		if err := c.answer(payload); err != nil {
			return // the runner is gone, or was told to go
		}
	}
}

// isEnd tells the end of a channel between two frames from one inside a frame.
// A peer that leaves without reading everything makes the kernel say "reset".
func isEnd(err error) bool {
	var cut *frame.TruncatedError
	if errors.As(err, &cut) {
		return cut.Part == "header" && cut.Got == 0
	}
	return errors.Is(err, io.EOF)
}

// answer journals and answers one request.
func (c *commsChannel) answer(payload []byte) error {
	r, s := c.run, c.run.stage
	text := message.Describe(payload, message.ToSupervisor)
	r.heard(text)
	seen := &journal.Frame{Dir: "<", Text: text, Size: frame.HeaderSize + len(payload), Octets: s.record.octets(payload)}
	if strings.Contains(text, " MaskSecret{") {
		seen.Octets = "" // Describe leaves the secret out of the text
	}
	s.record.exchange(journal.Event{Run: r.label, Frame: seen})
	request, err := message.DecodeRequest(payload)
	if err != nil {
		r.fault(err.Error())
		var bad *message.DecodeError
		if !errors.As(err, &bad) || !bad.HasID {
			return err
		}
		return c.respond(nil, message.Response{ID: bad.ID, Err: refusal(400, "Unhandled request", err.Error())}, -1)
	}
	if _, asks := request.Body.(*message.ResendLoggingFD); asks {
		return c.sendLogChannel(request, payload)
	}
	body, refused := s.World.Frame(s.ctx, r.ti, request.Body)
	return c.respond(payload, message.Response{ID: request.ID, Body: body, Err: refused}, -1)
}

func refusal(status int, text, detail string) *message.ErrorResponse {
	raw, _ := message.RawOf(map[string]any{"status_code": status, "message": text, "detail": detail}) // text always encodes
	return &message.ErrorResponse{Error: message.APIServerError, Detail: raw}
}

// sendLogChannel makes a log channel and gives its other end away, attached to
// the first octet of the answer.
func (c *commsChannel) sendLogChannel(request message.Request, payload []byte) error {
	r := c.run
	if c.logFDs++; c.logFDs > maxLogs {
		return c.respond(payload, message.Response{ID: request.ID, Err: refusal(429, "too many log channels", "")}, -1)
	}
	if r.task.Wire.WithoutFD {
		return c.respond(payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{}}}, -1)
	}
	ours, theirs, err := socketpair("log")
	if err != nil {
		r.fault(err.Error())
		return err
	}
	defer theirs.Close()
	r.read(ours, "log", &r.logs)
	number := int(theirs.Fd())
	return c.respond(payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{number}}}, number)
}

// respond encodes and writes an answer, with a descriptor unless fd is -1. The
// request, where there is one, lets Wire.Answer see what was asked.
func (c *commsChannel) respond(request []byte, response message.Response, fd int) error {
	payload, err := message.EncodeResponse(response)
	if err == nil {
		payload, err = c.run.task.Wire.answer(request, payload)
	}
	if err != nil {
		c.run.stage.record.step("stage", "an answer could not be encoded: "+err.Error())
		c.run.fault("harness: " + err.Error())
		return err
	}
	return c.write(payload, fd)
}

// write puts one frame on the channel and journals it.
func (c *commsChannel) write(payload []byte, fd int) error {
	r := c.run
	r.stage.record.exchange(journal.Event{Run: r.label, Frame: &journal.Frame{
		Dir: ">", Text: message.Describe(payload, message.ToRunner),
		Size: frame.HeaderSize + len(payload), Octets: r.stage.record.octets(payload),
	}})
	octets := frame.Append(nil, payload)
	step := len(octets)
	if r.task.Wire.ByteByByte {
		step = 1
	}
	for len(octets) > 0 {
		n, err := c.send(octets[:min(step, len(octets))], fd)
		if err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
		octets, fd = octets[n:], -1
		if r.task.Wire.ByteByByte {
			if err := c.consumed(); err != nil {
				return err
			}
		}
	}
	return nil
}

// send writes octets, the descriptor with the first of them.
func (c *commsChannel) send(octets []byte, fd int) (int, error) {
	if fd < 0 {
		return c.conn.Write(octets)
	}
	n, _, err := c.conn.WriteMsgUnix(octets, unix.UnixRights(fd), nil)
	return n, err
}

// standIn is the order to "understudy-worker parent": what to start, and as whom.
type standIn struct {
	Path       string              `json:"path"`
	Args       []string            `json:"args"`
	Env        []string            `json:"env"`
	Credential *syscall.Credential `json:"credential"`
}

// beginByStandIn starts the runner as a child of another process, which can then
// be killed in place of the stage.
func (r *Run) beginByStandIn(cmd *exec.Cmd, theirs []*os.File) error {
	defer closeFiles(theirs)
	order, err := json.Marshal(standIn{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Credential: cmd.SysProcAttr.Credential})
	if err != nil {
		return fmt.Errorf("encode order for the stand-in parent: %w", err)
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe for the stand-in parent: %w", err)
	}
	defer tell.Close()
	r.parent = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"understudy-worker", "parent", string(order)}, Dir: "/", Env: []string{},
		Stderr: os.Stderr, ExtraFiles: append(append([]*os.File{}, theirs...), tell),
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := r.parent.Start(); err != nil {
		told.Close()
		return fmt.Errorf("start stand-in parent: %w", err)
	}
	expendable(r.parent.Process.Pid)
	if parent, err := proc.Read(r.parent.Process.Pid); err == nil {
		r.stage.watch.AddParent(parent)
	}
	var pid int
	if _, err := fmt.Fscanln(told, &pid); err != nil {
		told.Close()
		return fmt.Errorf("hear from the stand-in parent: %w", err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		told.Close()
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	if r.root, err = proc.Read(pid); err != nil {
		told.Close()
		return fmt.Errorf("look at the process just started: %w", err)
	}
	r.stage.watch.Add(r, r.root)
	go r.followStandIn(fd, told)
	return nil
}

// followStandIn learns from the stand-in how the runner ended, or, where the
// stand-in was killed, only that it did.
func (r *Run) followStandIn(pidfd int, told *os.File) {
	defer told.Close()
	defer unix.Close(pidfd)
	var status uint32
	_, err := fmt.Fscanln(told, &status)
	r.status, r.unknown = syscall.WaitStatus(status), err != nil
	for err != nil { // nobody told: wait for the process itself
		n, failed := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if n > 0 || failed != nil && !errors.Is(failed, unix.EINTR) {
			break
		}
	}
	_ = r.parent.Wait() // that it was killed is no error
	r.finish()
}
