package runner

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

const (
	maxFrame = 256 << 20 // octets of a payload that the stage takes
	maxLogs  = 64        // log channels of one run
)

// supervisor is what the stage plays: the other end of fd 0.
type supervisor struct {
	*stage.Conversation
	wire  Wire
	begin func(cmd *exec.Cmd, ends ...*os.File) error // how the process is started

	conn   *net.UnixConn
	once   sync.Once
	logFDs int
}

// Settings name a server at which nothing listens: a runner has no business with it.
func (c *supervisor) Settings() map[string]string {
	return map[string]string{"core.execution_api_server_url": "http://127.0.0.1:9/execution/"}
}

func (c *supervisor) Words() map[string]string { return nil }

func (c *supervisor) Log() stage.TaskLog { return c.Received() }

func (c *supervisor) Succeeded(e stage.End) (string, bool) {
	return "one terminal message, success, and exit code 0",
		len(e.Terminals) == 1 && e.Told("success") && e.ExitCode == 0 && e.Signal == "" && len(c.Faults()) == 0
}

func (c *supervisor) Failed(e stage.End) bool {
	return e.ExitCode != 0 || e.Told("failed", "up_for_retry")
}

// Start makes the channels of a runner, starts it, and sends it the first frame.
func (c *supervisor) Start(cmd *exec.Cmd) error {
	details, err := c.Backstage().World.Shape().Frame(startupDetails(c.Conversation))
	if err != nil {
		return fmt.Errorf("shape StartupDetails: %w", err)
	}
	startup, err := message.EncodeResponse(message.Response{ID: 0, Body: details})
	if err != nil {
		return fmt.Errorf("encode StartupDetails: %w", err)
	}
	if startup, err = c.wire.startup(startup); err != nil {
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
	c.conn = conn.(*net.UnixConn)
	c.OnClose(c.close)
	c.Read(ours[1], "stdout")
	c.Read(ours[2], "stderr")
	c.Speak(func() { c.serve(startup) })
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	return c.begin(cmd, theirs...)
}

func (c *supervisor) close() { c.once.Do(func() { c.conn.Close() }) }

// serve writes the startup frame and answers requests until the channel ends.
func (c *supervisor) serve(startup []byte) {
	defer c.close()
	if err := c.write(startup, -1); err != nil {
		return // the runner died early; how it ended tells more
	}
	reader := frame.NewReader(c.conn, maxFrame)
	for {
		payload, err := reader.Next()
		if err != nil {
			if !isEnd(err) {
				c.Fault(err.Error())
				c.Backstage().Step("message channel of " + c.Label() + ": " + err.Error())
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
func (c *supervisor) answer(payload []byte) error {
	text := message.Describe(payload, message.ToSupervisor)
	c.Heard(text)
	seen := &journal.Frame{Dir: "<", Text: text, Size: frame.HeaderSize + len(payload), Octets: c.Octets(payload)}
	if strings.Contains(text, " MaskSecret{") {
		seen.Octets = "" // Describe leaves the secret out of the text
	}
	c.Exchange(journal.Event{Frame: seen})
	world := c.Backstage().World
	request, err := message.DecodeRequest(payload)
	if err != nil {
		c.Fault(err.Error())
		var bad *message.DecodeError
		if !errors.As(err, &bad) || !bad.HasID {
			return err
		}
		if unknown := new(message.UnknownTypeError); errors.As(err, &unknown) {
			world.Takes(c.TI().ID, unknown.Type, nil)
		}
		return c.respond(nil, message.Response{ID: bad.ID, Err: refusal(400, "Unhandled request", err.Error())}, -1)
	}
	if why := world.Takes(c.TI().ID, request.Body.MessageType(), message.Keys(payload)); why != "" {
		c.Fault(why)
		return c.respond(payload, message.Response{ID: request.ID, Err: refusal(400, "Unhandled request", why)}, -1)
	}
	if _, asks := request.Body.(*message.ResendLoggingFD); asks {
		return c.sendLogChannel(request, payload)
	}
	body, refused := world.Frame(c.Backstage().Context(), c.TI().ID, request.Body)
	return c.respond(payload, message.Response{ID: request.ID, Body: body, Err: refused}, -1)
}

func refusal(status int, text, detail string) *message.ErrorResponse {
	raw, _ := message.RawOf(map[string]any{"status_code": status, "message": text, "detail": detail}) // text always encodes
	return &message.ErrorResponse{Error: message.APIServerError, Detail: raw}
}

// sendLogChannel makes a log channel and gives its other end away, attached to
// the first octet of the answer.
func (c *supervisor) sendLogChannel(request message.Request, payload []byte) error {
	if c.logFDs++; c.logFDs > maxLogs {
		return c.respond(payload, message.Response{ID: request.ID, Err: refusal(429, "too many log channels", "")}, -1)
	}
	if c.wire.WithoutFD {
		return c.respond(payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{}}}, -1)
	}
	ours, theirs, err := socketpair("log")
	if err != nil {
		c.Fault(err.Error())
		return err
	}
	defer theirs.Close()
	c.Read(ours, "log")
	number := int(theirs.Fd())
	return c.respond(payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{number}}}, number)
}

// respond encodes and writes an answer, with a descriptor unless fd is -1. The
// request, where there is one, lets Wire.Answer see what was asked.
func (c *supervisor) respond(request []byte, response message.Response, fd int) error {
	payload, err := message.EncodeResponse(response)
	if err == nil {
		payload, err = c.wire.answer(request, payload)
	}
	if err != nil {
		c.Backstage().Step("an answer could not be encoded: " + err.Error())
		c.Fault("harness: " + err.Error())
		return err
	}
	return c.write(payload, fd)
}

// write puts one frame on the channel and journals it.
func (c *supervisor) write(payload []byte, fd int) error {
	c.Exchange(journal.Event{Frame: &journal.Frame{
		Dir: ">", Text: message.Describe(payload, message.ToRunner),
		Size: frame.HeaderSize + len(payload), Octets: c.Octets(payload),
	}})
	octets := frame.Append(nil, payload)
	step := len(octets)
	if c.wire.ByteByByte {
		step = 1
	}
	for len(octets) > 0 {
		n, err := c.send(octets[:min(step, len(octets))], fd)
		if err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
		octets, fd = octets[n:], -1
		if c.wire.ByteByByte {
			if err := c.consumed(); err != nil {
				return err
			}
		}
	}
	return nil
}

// send writes octets, the descriptor with the first of them.
func (c *supervisor) send(octets []byte, fd int) (int, error) {
	if fd < 0 {
		return c.conn.Write(octets)
	}
	n, _, err := c.conn.WriteMsgUnix(octets, unix.UnixRights(fd), nil)
	return n, err
}

// socketpair returns two connected stream sockets, both close-on-exec.
func socketpair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make socketpair for %s: %w", name, err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make socketpair for %s: %w", name, err), unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

func closeFiles(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}
