package channel_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// pair returns the ends of a supervisor and of a runner, which the test closes.
func pair(t interface {
	Helper()
	Fatal(...any)
	Cleanup(func())
}) (*net.UnixConn, *channel.Runner) {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	runner, err := channel.Open(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); runner.Close() })
	return ours, runner
}

func startup(t *testing.T) []byte {
	t.Helper()
	return must(message.EncodeResponse(message.Response{Body: &message.StartupDetails{
		TI:        message.TaskInstance{ID: "0199aaaa-0000-7000-8000-000000000001", TaskID: "t", DagID: "d", RunID: "r", TryNumber: 1},
		TIContext: message.TIRunContext{DagRun: message.DagRun{DagID: "d", RunID: "r", RunType: message.RunManual, State: message.RunRunning}},
	}}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// echo answers GetVariable by the key and ResendLoggingFD by a file.
func echo(file *os.File) channel.Answer {
	return func(w *channel.Writer, payload []byte) error {
		request, err := message.DecodeRequest(payload)
		if err != nil {
			return err
		}
		answer := message.Response{ID: request.ID}
		switch body := request.Body.(type) {
		case *message.GetVariable:
			answer.Body = &message.VariableResult{Key: body.Key, Value: &body.Key}
		case *message.ResendLoggingFD:
			answer.Body = &message.SentFDs{FDs: message.List[int]{int(file.Fd())}}
			return w.WriteWith(must(message.EncodeResponse(answer)), file)
		}
		return w.Write(must(message.EncodeResponse(answer)))
	}
}

func TestBothEndsConverse(t *testing.T) {
	conn, runner := pair(t)
	r, file, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	served := make(chan error, 1)
	go func() { served <- channel.Serve(conn, 0, startup(t), echo(file)) }()

	if details, err := runner.Startup(); err != nil || details.TI.TaskID != "t" {
		t.Fatalf("startup: %+v, %v", details, err)
	}
	for i, key := range []string{"a", "b"} {
		answer, err := runner.Ask(&message.GetVariable{Key: key})
		if result, is := answer.Body.(*message.VariableResult); err != nil || !is || result.Key != key || answer.ID != int64(i) {
			t.Errorf("%s: %+v, %v", key, answer, err)
		}
	}
	log, err := runner.AskLog()
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(log.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the log channel would be inherited: flags %#x, %v", flags, err)
	}
	fmt.Fprint(log, "a line")
	log.Close()
	if answer, err := runner.Ask(&message.GetVariable{Key: "c"}); err != nil || answer.ID != 3 {
		t.Errorf("after the log channel: %+v, %v", answer, err)
	}
	runner.Close()
	if err := <-served; err != nil {
		t.Errorf("served until %v", err)
	}
	file.Close()
	if text, _ := io.ReadAll(r); string(text) != "a line" {
		t.Errorf("through the log channel came %q", text)
	}
}

// A program that takes over from another reads the next frame from the same
// descriptor, and nothing of it is lost.
func TestTwoRunnersShareADescriptorOneAfterTheOther(t *testing.T) {
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	go channel.Serve(ours, 0, startup(t), echo(nil)) //nolint:errcheck // ends with the test
	first := must(channel.Open(int(theirs.Fd())))
	if _, err := first.Startup(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Ask(&message.GetVariable{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := must(channel.Open(int(theirs.Fd())))
	defer second.Close()
	if answer, err := second.Ask(&message.GetVariable{Key: "b"}); err != nil || answer.ID != 0 {
		t.Errorf("the second got %+v, %v", answer, err)
	}
}

func TestStartupHasToBeStartupDetails(t *testing.T) {
	conn, runner := pair(t)
	other := must(message.EncodeResponse(message.Response{Body: &message.OKResponse{OK: true}}))
	go channel.Serve(conn, 0, other, echo(nil)) //nolint:errcheck // ends with the test
	if _, err := runner.Startup(); err == nil || !strings.Contains(err.Error(), "OKResponse") {
		t.Errorf("got %v, want what came instead", err)
	}
	conn.Close()
	if _, err := runner.Startup(); !channel.Ended(err) {
		t.Errorf("got %v, want the end of the channel", err)
	}
}

func TestAnswersOfOtherRequestsAreErrors(t *testing.T) {
	conn, runner := pair(t)
	go channel.Serve(conn, 0, startup(t), func(w *channel.Writer, _ []byte) error { //nolint:errcheck // ends with the test
		return w.Write(must(message.EncodeResponse(message.Response{ID: 7})))
	})
	must(runner.Startup())
	if _, err := runner.Ask(&message.GetVariable{Key: "k"}); err == nil || err.Error() != "GetVariable: answer #7 to request #0" {
		t.Errorf("got %v", err)
	}
}

// slow hands over octet by octet, as the stage does to a runner.
type slow struct {
	*net.UnixConn
	writes int
}

func (s *slow) Write(b []byte) (int, error) {
	for i := range b {
		s.writes++
		if _, err := s.UnixConn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func (s *slow) WriteMsgUnix(b, oob []byte, addr *net.UnixAddr) (n, oobn int, err error) {
	s.writes++
	return s.UnixConn.WriteMsgUnix(b[:1], oob, addr)
}

func TestTheConnectionDecidesHowOctetsGo(t *testing.T) {
	conn, runner := pair(t)
	null := must(os.Open("/dev/null"))
	defer null.Close()
	s := &slow{UnixConn: conn}
	done := make(chan error, 1)
	first := startup(t)
	go func() { done <- channel.Serve(s, 0, first, echo(null)) }()
	must(runner.Startup())
	log, err := runner.AskLog()
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
	runner.Close()
	if err := <-done; err != nil || s.writes < 2*frame.HeaderSize+len(first) {
		t.Errorf("%d writes, %v", s.writes, err)
	}
}

func TestServeReturnsWhatAnswerFound(t *testing.T) {
	told := errors.New("told to stop")
	for name, c := range map[string]struct{ answer, want error }{
		"an error":         {told, told},
		"a runner gone":    {fmt.Errorf("write frame: %w", os.NewSyscallError("write", unix.EPIPE)), nil},
		"a frame that cut": {&frame.TruncatedError{Part: "header", Got: 1, Want: 4, Err: io.ErrUnexpectedEOF}, io.ErrUnexpectedEOF},
	} {
		conn, runner := pair(t)
		if _, err := runner.Send(&message.GetVariable{Key: "k"}); err != nil {
			t.Fatal(err)
		}
		calls := 0
		err := channel.Serve(conn, 0, startup(t), func(*channel.Writer, []byte) error { calls++; return c.answer })
		if !errors.Is(err, c.want) || c.want == nil && err != nil || calls != 1 {
			t.Errorf("%s: got %v after %d requests", name, err, calls)
		}
	}
}

// A runner that asks and leaves before it was told anything is heard all the same.
func TestServeHearsARunnerThatHasGone(t *testing.T) {
	conn, runner := pair(t)
	for range 3 {
		if _, err := runner.Send(&message.GetVariable{Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	runner.Close()
	heard := 0
	err := channel.Serve(conn, 0, startup(t), func(*channel.Writer, []byte) error { heard++; return nil })
	if err != nil || heard != 3 {
		t.Errorf("heard %d requests, %v", heard, err)
	}
}

func TestServeRefusesWhatIsTooLong(t *testing.T) {
	conn, runner := pair(t)
	if err := runner.Write(make([]byte, 101)); err != nil {
		t.Fatal(err)
	}
	var large *frame.TooLargeError
	if err := channel.Serve(conn, 100, startup(t), echo(nil)); !errors.As(err, &large) {
		t.Errorf("got %v", err)
	}
}

func TestEndedTellsEndsApart(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", unix.ECONNRESET)}
	for name, c := range map[string]struct {
		err error
		end bool
	}{
		"nothing":              {nil, false},
		"end":                  {io.EOF, true},
		"end, wrapped":         {fmt.Errorf("GetVariable: %w", io.EOF), true},
		"reset between frames": {&frame.TruncatedError{Part: "header", Want: 4, Err: reset}, true},
		"reset within header":  {&frame.TruncatedError{Part: "header", Got: 2, Want: 4, Err: reset}, false},
		"reset in payload":     {&frame.TruncatedError{Part: "payload", Got: 0, Want: 4, Err: reset}, false},
		"end within header":    {&frame.TruncatedError{Part: "header", Got: 2, Want: 4, Err: io.ErrUnexpectedEOF}, false},
		"closed by us":         {&frame.TruncatedError{Part: "header", Want: 4, Err: net.ErrClosed}, true},
		"no more room":         {&frame.TruncatedError{Part: "header", Want: 4, Err: unix.ENOBUFS}, false},
		"write to nobody":      {fmt.Errorf("write frame: 0 of 9 bytes: %w", unix.EPIPE), true},
		"deadline":             {&frame.TruncatedError{Part: "header", Want: 4, Err: os.ErrDeadlineExceeded}, false},
		"empty":                {fmt.Errorf("x: %w", frame.ErrEmpty), false},
		"too large":            {&frame.TooLargeError{Length: 9, Max: 1}, false},
		"other":                {errors.New("x"), false},
	} {
		if got := channel.Ended(c.err); got != c.end {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOpenWantsASocket(t *testing.T) {
	null := must(os.Open("/dev/null"))
	defer null.Close()
	for _, fd := range []int{int(null.Fd()), 1 << 20} {
		before := descriptors(t)
		if _, err := channel.Open(fd); err == nil || !strings.Contains(err.Error(), fmt.Sprint("open descriptor ", fd)) {
			t.Errorf("descriptor %d: %v", fd, err)
		}
		if after := descriptors(t); after != before {
			t.Errorf("descriptor %d: %d open, %d before", fd, after, before)
		}
	}
}
