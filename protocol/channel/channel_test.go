package channel_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

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

func TestAskLogTellsWhyThereIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer message.Response
		want   string
		is     error
	}{
		"no descriptor": {message.Response{Body: &message.SentFDs{FDs: message.List[int]{}}}, "without a descriptor", channel.ErrNoLog},
		"nothing":       {message.Response{}, "the answer is empty", nil},
		"another":       {message.Response{Body: &message.OKResponse{OK: true}}, "the answer is OKResponse", nil},
		"refused":       {message.Response{Err: &message.ErrorResponse{Error: message.APIServerError}}, "API_SERVER_ERROR", nil},
		"another id":    {message.Response{ID: 4}, "answer #4 to request #0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			conn, runner := pair(t)
			go channel.Serve(conn, 0, startup(t), func(w *channel.Writer, _ []byte) error { //nolint:errcheck // ends with the test
				return w.Write(must(message.EncodeResponse(c.answer)))
			})
			must(runner.Startup())
			log, err := runner.AskLog()
			if log != nil || err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, %v, want %s", log, err, c.want)
			}
		})
	}
}

// descriptors counts what this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	return len(must(os.ReadDir("/proc/self/fd")))
}

// Descriptors that come beside the one that was asked for, or unasked, or with a
// refusal, are closed: a supervisor cannot fill the table of a runner.
func TestDescriptorsNobodyWantsAreClosed(t *testing.T) {
	conn, runner := pair(t)
	null := must(os.Open("/dev/null"))
	defer null.Close()
	rights := func(n int) []byte {
		var fds []int
		for range n {
			fds = append(fds, int(null.Fd()))
		}
		return unix.UnixRights(fds...)
	}
	send := func(r message.Response, first, second int) {
		t.Helper()
		b := frame.Append(nil, must(message.EncodeResponse(r)))
		for _, part := range []struct{ octets, rights []byte }{{b[:1], rights(first)}, {b[1:2], rights(second)}, {b[2:], nil}} {
			if _, _, err := conn.WriteMsgUnix(part.octets, part.rights, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent := message.Response{Body: &message.SentFDs{FDs: message.List[int]{3}}}
	before := descriptors(t)
	send(message.Response{Body: &message.VariableResult{Key: "k"}}, 20, 20)
	if _, err := runner.Ask(&message.GetVariable{Key: "k"}); err != nil {
		t.Error(err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors after an answer with some, %d before", after, before)
	}
	for id, c := range []struct {
		name          string
		answer        message.Response
		first, second int
		want          string
	}{
		{"refused", message.Response{Body: &message.ErrorResponse{Error: message.APIServerError}}, 20, 20, "API_SERVER_ERROR"},
		{"on the second octet", sent, 0, 1, "without a descriptor on its first octet"},
		{"two", sent, 2, 0, "2 descriptors"},
		{"more than are taken in", sent, 20, 0, "16 descriptors"},
	} {
		c.answer.ID = int64(id + 1)
		send(c.answer, c.first, c.second)
		if log, err := runner.AskLog(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %s", c.name, log, err, c.want)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors, %d before", c.name, after, before)
		}
	}
	sent.ID = 5
	send(sent, 1, 0)
	log, err := runner.AskLog()
	if err != nil {
		t.Fatal(err)
	}
	if after := descriptors(t); after != before+1 {
		t.Errorf("%d descriptors, %d before the log channel", after, before)
	}
	log.Close()
}

// A descriptor reaches the other side with the first octet, also where the socket
// takes a frame in several parts.
func TestDescriptorTravelsOnTheFirstOctet(t *testing.T) {
	for _, size := range []int{1, 100, 5 << 20} {
		ours, theirs, err := channel.Pair()
		if err != nil {
			t.Fatal(err)
		}
		null := must(os.Open("/dev/null"))
		payload := bytes.Repeat([]byte("x"), size)
		wrote := make(chan error, 1)
		go func() {
			defer ours.Close()
			wrote <- channel.NewWriter(ours).WriteWith(payload, null)
		}()
		first, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
		n, oobn, _, _, err := unix.Recvmsg(int(theirs.Fd()), first, oob, 0)
		if err != nil || n != 1 || oobn != len(oob) {
			t.Errorf("%d octets: got %d and %d octets of rights with the first, %v", size, n, oobn, err)
		}
		fds := must(unix.ParseUnixRights(&must(unix.ParseSocketControlMessage(oob[:oobn]))[0]))
		unix.Close(fds[0])
		got, err := frame.NewReader(io.MultiReader(bytes.NewReader(first), theirs), 0).Next()
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d octets: got %d, %v", size, len(got), err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		theirs.Close()
		null.Close()
	}
}

func TestDescriptorsNeedAUnixSocket(t *testing.T) {
	var b bytes.Buffer
	w := channel.NewWriter(&b)
	if err := w.WriteWith([]byte("x"), os.Stdin); !errors.Is(err, channel.ErrNoDescriptors) || b.Len() > 0 {
		t.Errorf("got %v, %d octets", err, b.Len())
	}
	if err := w.Write([]byte("x")); err != nil || b.Len() != 5 {
		t.Errorf("without: %v, %d octets", err, b.Len())
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

// conversation is what one run of Serve handed to its answer function.
type conversation struct {
	requests [][]byte
	err      error
}

// heard plays Serve to a runner that writes a stream in the given chunks and leaves.
func heard(t interface {
	Helper()
	Fatal(...any)
}, stream []byte, chunk int) conversation {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	go func() {
		defer theirs.Close()
		for len(stream) > 0 {
			n, err := theirs.Write(stream[:min(chunk, len(stream))])
			if err != nil {
				return
			}
			stream = stream[n:]
		}
	}()
	var c conversation
	c.err = channel.Serve(ours, 1<<16, []byte{0x90}, func(w *channel.Writer, request []byte) error {
		c.requests = append(c.requests, request)
		return nil
	})
	return c
}

// Whatever the pieces in which they come and wherever the runner leaves, each whole
// request is handed on, nothing else, and the end is clean between two frames alone.
func TestServeHandsOnWholeRequestsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payloads := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 300)).Draw(t, "payloads")
		var stream []byte
		ends := map[int]int{0: 0} // offset to number of whole frames
		for i, p := range payloads {
			stream = frame.Append(stream, p)
			ends[len(stream)] = i + 1
		}
		cut := rapid.IntRange(0, len(stream)).Draw(t, "cut")
		got := heard(t, stream[:cut], rapid.IntRange(1, 50).Draw(t, "chunk"))
		whole := 0
		for end, n := range ends {
			if end <= cut {
				whole = max(whole, n)
			}
		}
		if len(got.requests) != whole {
			t.Fatalf("%d requests, want %d", len(got.requests), whole)
		}
		for i, r := range got.requests {
			if !bytes.Equal(r, payloads[i]) {
				t.Fatalf("request %d: %x, want %x", i, r, payloads[i])
			}
		}
		if _, clean := ends[cut]; clean != (got.err == nil) {
			t.Fatalf("cut at %d of %v: %v", cut, ends, got.err)
		}
	})
}

// Any sequence of questions and log channels gives the answers to them, in order.
func TestAnySequenceIsAnsweredInOrder(t *testing.T) {
	null := must(os.Open("/dev/null"))
	defer null.Close()
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs, err := channel.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		runner := must(channel.Open(int(theirs.Fd())))
		theirs.Close()
		served := make(chan error, 1)
		go func() { served <- channel.Serve(ours, 0, []byte{0x91, 0}, echo(null)) }()
		must(runner.Receive())
		for i, step := range rapid.SliceOf(rapid.SampledFrom([]string{"log", "ask", "pipeline"})).Draw(t, "steps") {
			key := fmt.Sprint("key ", i)
			switch step {
			case "log":
				log, err := runner.AskLog()
				if err != nil {
					t.Fatal(err)
				}
				log.Close()
			case "ask":
				if answer, err := runner.Ask(&message.GetVariable{Key: key}); err != nil || answer.Body.(*message.VariableResult).Key != key {
					t.Fatalf("%s: %+v, %v", key, answer, err)
				}
			case "pipeline":
				first, second := must(runner.Send(&message.GetVariable{Key: key})), must(runner.Send(&message.ResendLoggingFD{}))
				if a, b := must(runner.Receive()), must(runner.Receive()); a.ID != first || b.ID != second {
					t.Fatalf("answers %d, %d to %d, %d", a.ID, b.ID, first, second)
				}
			}
		}
		runner.Close()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzServe(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(frame.Append(nil, []byte{0x93, 0, 0xc0, 0xc0}), uint8(1))
	f.Add(append(frame.Append(nil, []byte("ab")), 0, 0, 0), uint8(3))
	f.Add([]byte{0, 0, 0, 0, 1}, uint8(2))
	f.Add([]byte{255, 255, 255, 255, 1, 2}, uint8(4))
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		got := heard(t, stream, int(chunk)+1)
		var again []byte
		for _, r := range got.requests {
			again = frame.Append(again, r)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("requests %x are not what the stream %x begins with", again, stream)
		}
		if complete := len(again) == len(stream); complete != (got.err == nil) {
			t.Fatalf("%d of %d octets were requests, served until %v", len(again), len(stream), got.err)
		}
	})
}

// Whatever a supervisor sends, a runner ends with an answer or an error, and has no
// more descriptors than before.
func FuzzRunner(f *testing.F) {
	answer := func(r message.Response) []byte { return frame.Append(nil, must(message.EncodeResponse(r))) }
	f.Add([]byte{}, uint8(0))
	f.Add(answer(message.Response{}), uint8(1))
	f.Add(append(answer(message.Response{Body: &message.OKResponse{OK: true}}), answer(message.Response{ID: 1, Body: &message.SentFDs{}})...), uint8(2))
	f.Add(answer(message.Response{Err: &message.ErrorResponse{Error: message.GenericError}}), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, rights uint8) {
		ours, theirs, err := channel.Pair()
		if err != nil {
			t.Fatal(err)
		}
		before := descriptors(t)
		runner := must(channel.Open(int(theirs.Fd())))
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			defer ours.Close()
			null := must(os.Open("/dev/null"))
			defer null.Close()
			fds := make([]int, rights)
			for i := range fds {
				fds[i] = int(null.Fd())
			}
			_ = ours.SetDeadline(time.Now().Add(time.Minute))
			if len(stream) > 0 {
				_, _, _ = ours.WriteMsgUnix(stream, unix.UnixRights(fds...), nil)
			}
			_ = ours.CloseWrite()
			_, _ = io.Copy(io.Discard, ours)
		}()
		log, err := runner.AskLog()
		if (log == nil) == (err == nil) {
			t.Fatalf("%v and %v", log, err)
		}
		_, _ = runner.Startup()
		for range 3 {
			_, _ = runner.Ask(&message.GetVariable{Key: "k"})
		}
		runner.Close()
		if log != nil {
			log.Close()
		}
		theirs.Close()
		<-gone
		if after := descriptors(t); after != before-2 { // the pair
			t.Fatalf("%d descriptors, %d before", after, before)
		}
	})
}
