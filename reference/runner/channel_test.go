package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	fd0 "github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// pair returns a listening channel and the supervisor's end of it.
func pair(t *testing.T) (*channel, *peer) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newChannel(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	conn, err := fd0.OpenConn(fds[1])
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: conn, fd: fds[1], frames: frame.NewReader(conn, 0)}
	t.Cleanup(func() {
		unix.Shutdown(fds[1], unix.SHUT_RDWR)
		<-c.ended
		c.conn.Close()
		conn.Close()
		unix.Close(fds[1])
	})
	return c, p
}

// peer is a supervisor that does what a test says.
type peer struct {
	t      *testing.T
	conn   *fd0.Conn
	fd     int // the same, for what a connection cannot do
	frames *frame.Reader
}

// next reads one request.
func (p *peer) next() message.Request {
	p.t.Helper()
	payload, err := p.frames.Next()
	if err != nil {
		p.t.Fatalf("read a request: %v", err)
	}
	request, err := message.DecodeRequest(payload)
	if err != nil {
		p.t.Fatalf("decode a request: %v", err)
	}
	return request
}

func (p *peer) encode(r message.Response) []byte {
	p.t.Helper()
	payload, err := message.EncodeResponse(r)
	if err != nil {
		p.t.Fatal(err)
	}
	return frame.Append(nil, payload)
}

func (p *peer) send(bytes []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(bytes); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

func variable(key, value string) *message.VariableResult {
	return &message.VariableResult{Key: key, Value: &value}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience.Limit)
	t.Cleanup(cancel)
	return ctx
}

// TestAnswersFindTheirRequests answers 64 concurrent requests in reverse order.
func TestAnswersFindTheirRequests(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	ctx := within(t)
	const n = 64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			key := fmt.Sprint("key", i)
			body, err := c.Ask(ctx, &message.GetVariable{Key: key})
			if err != nil {
				t.Error(err)
				return
			}
			if got := *body.(*message.VariableResult).Value; got != "value of "+key {
				t.Errorf("%s: got %q", key, got)
			}
		})
	}
	requests := make([]message.Request, n)
	ids := map[int64]bool{}
	for i := range requests {
		requests[i] = p.next()
		ids[requests[i].ID] = true
	}
	if len(ids) != n || !ids[0] || !ids[n-1] {
		t.Errorf("ids are not 0 to %d: %v", n-1, ids)
	}
	slices.Reverse(requests)
	var all []byte
	for _, r := range requests {
		key := r.Body.(*message.GetVariable).Key
		all = append(all, p.encode(message.Response{ID: r.ID, Body: variable(key, "value of "+key)})...)
	}
	p.send(all) // in one write
	wg.Wait()
}

func TestCancelledRequestsDoNotShiftLaterOnes(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	ctx, cancel := context.WithCancel(within(t))
	failed := make(chan error, 1)
	go func() {
		_, err := c.Ask(ctx, &message.GetVariable{Key: "slow"})
		failed <- err
	}()
	slow := p.next()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the cancellation", err)
	}
	answered := make(chan string, 1)
	go func() {
		body, err := c.Ask(within(t), &message.GetVariable{Key: "next"})
		if err != nil {
			t.Error(err)
			close(answered)
			return
		}
		answered <- *body.(*message.VariableResult).Value
	}()
	next := p.next()
	p.send(p.encode(message.Response{ID: slow.ID, Body: variable("slow", "late")}))
	p.send(p.encode(message.Response{ID: 9999, Body: variable("?", "nobody asked")}))
	p.send(p.encode(message.Response{ID: next.ID, Body: variable("next", "right")}))
	if got := <-answered; got != "right" {
		t.Errorf("got the answer %q", got)
	}
}

// TestWhatIsGivenUpBeforeIsNotSent shows the next request to be the first one
// that arrives.
func TestWhatIsGivenUpBeforeIsNotSent(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	ctx, cancel := context.WithCancelCause(within(t))
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err := c.Ask(ctx, &message.DeleteVariable{Key: "precious"}); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause", err)
	}
	go c.Ask(within(t), &message.GetVariable{Key: "k"})
	request := p.next()
	if _, ok := request.Body.(*message.GetVariable); !ok {
		t.Errorf("%s was sent", request.Body.MessageType())
	}
	p.send(p.encode(message.Response{ID: request.ID}))
}

func TestAnswersMayComeByteByByte(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	go func() {
		request := p.next()
		for _, b := range p.encode(message.Response{ID: request.ID, Body: variable("k", "slowly")}) {
			p.send([]byte{b})
		}
	}()
	body, err := c.Ask(within(t), &message.GetVariable{Key: "k"})
	if err != nil || *body.(*message.VariableResult).Value != "slowly" {
		t.Errorf("got %v, %v", body, err)
	}
}

func TestShortAndRefusingAnswers(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	ask := func(answer func(id byte) []byte) (message.Body, error) {
		t.Helper()
		go func() { p.send(frame.Append(nil, answer(byte(p.next().ID)))) }()
		return c.Ask(within(t), &message.GetVariable{Key: "k"})
	}
	encoded := func(r message.Response) func(byte) []byte {
		return func(id byte) []byte {
			r.ID = int64(id)
			payload, err := message.EncodeResponse(r)
			if err != nil {
				t.Error(err)
			}
			return payload
		}
	}
	if body, err := ask(func(id byte) []byte { return []byte{0x91, id} }); body != nil || err != nil {
		t.Errorf("[id]: got %v, %v", body, err)
	}
	if body, err := ask(func(id byte) []byte { return []byte{0x95, id, 0xc0, 0xc0, 1, 2} }); body != nil || err != nil {
		t.Errorf("five elements: got %v, %v", body, err)
	}
	for _, refusal := range []message.Response{
		{Err: &message.ErrorResponse{Error: message.APIServerError}},
		{Body: &message.ErrorResponse{Error: message.VariableNotFound}},
		{Err: &message.ErrorResponse{Error: "CODE_OF_THE_FUTURE"}},
	} {
		_, err := ask(encoded(refusal))
		var remote *message.RemoteError
		if !errors.As(err, &remote) || !strings.Contains(err.Error(), string(message.AsError(refusal).Error)) {
			t.Errorf("%+v: got %v", refusal, err)
		}
	}
	// A body nobody knows is an error of that request alone.
	if _, err := ask(func(id byte) []byte { return append([]byte{0x92, id, 0x81, 0xa4}, "type\xa3New"...) }); err == nil {
		t.Error("an unknown body was taken for an answer")
	}
	if body, err := ask(encoded(message.Response{Body: variable("k", "v")})); err != nil || *body.(*message.VariableResult).Value != "v" {
		t.Errorf("afterwards: got %v, %v", body, err)
	}
}

func TestBrokenStreamsEndAllRequests(t *testing.T) {
	for name, test := range map[string]struct {
		bytes []byte
		check func(error) bool
	}{
		"end between frames": {nil, func(err error) bool { return errors.Is(err, errClosed) }},
		"end in a header":    {[]byte{0, 0}, func(err error) bool { return strings.Contains(err.Error(), "2 of 4 bytes") }},
		"end in a payload":   {[]byte{0, 0, 0, 9, 0x93}, func(err error) bool { return strings.Contains(err.Error(), "1 of 9 bytes") }},
		"empty frame":        {[]byte{0, 0, 0, 0}, func(err error) bool { return errors.Is(err, frame.ErrEmpty) }},
		"no MessagePack":     {[]byte{0, 0, 0, 1, 0xc1}, func(err error) bool { return strings.Contains(err.Error(), "malformed") }},
		"longer than the limit": {[]byte{0, 0, 4, 1}, func(err error) bool {
			var large *frame.TooLargeError
			return errors.As(err, &large) && large.Max == 1024
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := pair(t)
			c.listen(1024)
			failed := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := c.Ask(within(t), &message.GetVariable{Key: "k"})
					failed <- err
				}()
			}
			p.next()
			p.next()
			p.send(test.bytes)
			unix.Shutdown(p.fd, unix.SHUT_WR)
			for range 2 {
				if err := <-failed; err == nil || !test.check(err) {
					t.Errorf("got %v", err)
				}
			}
			<-c.ended
			if !test.check(c.err) {
				t.Errorf("the channel ended with %v", c.err)
			}
		})
	}
}

// pipes opens n pipes and returns their write ends; read gives what was written
// to pipe i, once every write end is closed.
func pipes(t *testing.T, n int) (write []int, read func(i int) string) {
	t.Helper()
	var ends []*os.File
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		ends = append(ends, r)
		write = append(write, fd)
	}
	return write, func(i int) string {
		ends[i].SetReadDeadline(time.Now().Add(patience.Limit))
		text, err := io.ReadAll(ends[i])
		if err != nil {
			t.Errorf("pipe %d: %v", i, err)
		}
		return string(text)
	}
}

// TestLogChannelIsTheReceivedDescriptor sends more descriptors than announced,
// and a number that is another open file.
func TestLogChannelIsTheReceivedDescriptor(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	write, read := pipes(t, 3)
	go func() {
		request := p.next()
		answer := p.encode(message.Response{ID: request.ID, Body: &message.SentFDs{FDs: message.List[int]{1}}})
		// Only the first byte carries them; the rest comes by itself.
		if err := unix.Sendmsg(p.fd, answer[:1], unix.UnixRights(write[:2]...), nil, 0); err != nil {
			t.Error(err)
		}
		p.send(answer[1:])
		closeAll(write[:2])
	}()
	var fallback bytes.Buffer
	log, lines := openLog(c, &fallback, message.TaskInstance{DagID: "d", TaskID: "t", RunID: "r", TryNumber: 2})
	if !lines.onChannel() {
		t.Fatalf("no log channel: %s", &fallback)
	}
	if flags, err := unix.FcntlInt(uintptr(lines.fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the log channel is inherited by children: flags %x, %v", flags, err)
	}
	log.Warn("hello\nworld", "k", 1)
	unix.Close(lines.fd)
	line := read(0)
	for _, want := range []string{`"event":"hello\nworld"`, `"level":"warning"`, `"timestamp":"20`, `"logger":"task"`, `"dag_id":"d"`, `"map_index":-1`, `"try_number":2`} {
		if !strings.Contains(line, want) {
			t.Errorf("line %s lacks %s", line, want)
		}
	}
	if strings.Count(line, "\n") != 1 || fallback.Len() != 0 {
		t.Errorf("log %q, standard error %q", line, &fallback)
	}
	if got := read(1); got != "" { // ends only if the surplus descriptor was closed
		t.Errorf("surplus descriptor got %q", got)
	}
	closeAll(write[2:])
}

// TestDescriptorsNobodyAskedForAreClosed attaches some to an ordinary answer, to
// an answer without request, and more than there is room for.
func TestDescriptorsNobodyAskedForAreClosed(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	write, read := pipes(t, 30)
	send := func(id int64, fds []int) {
		answer := p.encode(message.Response{ID: id, Body: variable("k", "v")})
		if err := unix.Sendmsg(p.fd, answer, unix.UnixRights(fds...), nil, 0); err != nil {
			t.Error(err)
		}
		closeAll(fds)
	}
	go func() {
		send(77, write[:1])
		send(p.next().ID, write[1:])
	}()
	if _, err := c.Ask(within(t), &message.GetVariable{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	for i := range write {
		read(i)
	}
}

func TestWithoutDescriptorLinesGoToStandardError(t *testing.T) {
	for name, answer := range map[string]message.Response{
		"no descriptor": {Body: &message.SentFDs{FDs: message.List[int]{5}}},
		"empty answer":  {},
		"refusal":       {Err: &message.ErrorResponse{Error: message.APIServerError}},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := pair(t)
			c.listen(0)
			go func() {
				answer.ID = p.next().ID
				p.send(p.encode(answer))
			}()
			var fallback bytes.Buffer
			log, lines := openLog(c, &fallback, message.TaskInstance{})
			if lines.onChannel() {
				t.Fatal("there is a log channel")
			}
			log.Info("kept")
			if text := fallback.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, `"event":"kept"`) || !strings.Contains(text, "no log channel") {
				t.Errorf("standard error: %s", text)
			}
		})
	}
}

func TestBrokenLogChannelLosesNoLine(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	var fallback bytes.Buffer
	lines := &logWriter{fd: int(w.Fd()), fallback: &fallback}
	for _, line := range []string{"one\n", "two\n"} {
		if n, err := lines.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
	}
	if fallback.String() != "one\ntwo\n" || lines.onChannel() {
		t.Errorf("standard error %q, channel %v", &fallback, lines.onChannel())
	}
}
