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

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/protocol/channel"
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

func (c *supervisor) Problem() string { return "" }

// Succeeded wants one terminal message, exit code 0, and a well-formed channel.
func (c *supervisor) Succeeded(e stage.End) (string, bool) {
	return "one terminal message, success, and exit code 0",
		len(e.Terminals) == 1 && e.Told("success") && e.ExitCode == 0 && e.Signal == "" && len(c.Faults()) == 0
}

// Failed takes an exit code other than 0, or a message that says so.
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
	var ours []*net.UnixConn
	var theirs []*os.File
	for range c.descriptors() {
		our, their, err := channel.Pair()
		if err != nil {
			closeAll(ours)
			closeAll(theirs)
			return err
		}
		ours, theirs = append(ours, our), append(theirs, their)
	}
	c.conn = ours[0]
	c.OnClose(c.close)
	c.Read(ours[1], "stdout")
	c.Read(ours[2], "stderr")
	if len(ours) > 3 {
		c.Read(ours[3], "log")
	}
	c.Speak(func() { c.serve(startup) })
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = theirs[0], theirs[1], theirs[2], theirs[3:]
	return c.begin(cmd, theirs...)
}

// descriptors are how many a runner is given: 0 to 2, and, in releases that hand over the
// log channel, 3.
func (c *supervisor) descriptors() int {
	if c.Backstage().World.Shape().HandsLog {
		return 4
	}
	return 3
}

func (c *supervisor) close() { c.once.Do(func() { c.conn.Close() }) }

// serve writes the startup frame and answers requests until the channel ends.
func (c *supervisor) serve(startup []byte) {
	defer c.close()
	c.writes(startup)
	var told error // of answer, which has said what there is to say
	err := channel.Serve(c.delivery(), maxFrame, startup, func(w *channel.Writer, payload []byte) error {
		told = c.answer(w, payload)
		return told
	})
	if err != nil && told == nil {
		c.Fault(err.Error())
		c.Backstage().Step("message channel of " + c.Label() + ": " + err.Error())
	}
}

// answer journals and answers one request.
func (c *supervisor) answer(w *channel.Writer, payload []byte) error {
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
		return c.respond(w, nil, message.Response{ID: bad.ID, Err: refusal(400, "Unhandled request", err.Error())}, nil)
	}
	if why := world.Takes(c.TI().ID, request.Body.MessageType(), message.Keys(payload)); why != "" {
		c.Fault(why)
		return c.respond(w, payload, message.Response{ID: request.ID, Err: refusal(400, "Unhandled request", why)}, nil)
	}
	if _, asks := request.Body.(*message.ResendLoggingFD); asks {
		return c.sendLogChannel(w, request, payload)
	}
	body, refused := world.Frame(c.Backstage().Context(), c.TI().ID, request.Body)
	return c.respond(w, payload, message.Response{ID: request.ID, Body: body, Err: refused}, nil)
}

func refusal(status int, text, detail string) *message.ErrorResponse {
	raw, _ := message.RawOf(map[string]any{"status_code": status, "message": text, "detail": detail}) // text always encodes
	return &message.ErrorResponse{Error: message.APIServerError, Detail: raw}
}

// sendLogChannel makes a log channel and gives its other end away, attached to
// the first octet of the answer.
func (c *supervisor) sendLogChannel(w *channel.Writer, request message.Request, payload []byte) error {
	if c.logFDs++; c.logFDs > maxLogs {
		return c.respond(w, payload, message.Response{ID: request.ID, Err: refusal(429, "too many log channels", "")}, nil)
	}
	if c.wire.WithoutFD {
		return c.respond(w, payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{}}}, nil)
	}
	ours, theirs, err := channel.Pair()
	if err != nil {
		c.Fault(err.Error())
		return err
	}
	defer theirs.Close()
	c.Read(ours, "log")
	return c.respond(w, payload, message.Response{ID: request.ID, Body: &message.SentFDs{FDs: []int{int(theirs.Fd())}}}, theirs)
}

// respond encodes and writes an answer, with a descriptor if there is one. The
// request, where there is one, lets Wire.Answer see what was asked.
func (c *supervisor) respond(w *channel.Writer, request []byte, response message.Response, attached *os.File) error {
	payload, err := message.EncodeResponse(response)
	if err == nil {
		payload, err = c.wire.answer(request, payload)
	}
	if err != nil {
		c.Backstage().Step("an answer could not be encoded: " + err.Error())
		c.Fault("harness: " + err.Error())
		return err
	}
	c.writes(payload)
	if attached != nil {
		return w.WriteWith(payload, attached)
	}
	return w.Write(payload)
}

// writes journals a frame that is about to be written.
func (c *supervisor) writes(payload []byte) {
	c.Exchange(journal.Event{Frame: &journal.Frame{
		Dir: ">", Text: message.Describe(payload, message.ToRunner),
		Size: frame.HeaderSize + len(payload), Octets: c.Octets(payload),
	}})
}

func closeAll[C io.Closer](list []C) {
	for _, c := range list {
		c.Close()
	}
}
