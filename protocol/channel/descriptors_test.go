package channel_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

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

// Whoever reads frames by a Conn compares errors with io.EOF, and has the descriptors
// of each frame when it has the frame.
func TestAConnReadsAsAnyOther(t *testing.T) {
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	conn, err := channel.OpenConn(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	theirs.Close()
	null := must(os.Open("/dev/null"))
	defer null.Close()
	w, r := channel.NewWriter(ours), frame.NewReader(conn, 0)
	before := descriptors(t)
	for i, attached := range []*os.File{nil, null, nil} {
		payload := bytes.Repeat([]byte{byte(i + 1)}, 70_000*i+1)
		wrote := make(chan error, 1)
		go func() {
			if attached != nil {
				wrote <- w.WriteWith(payload, attached)
				return
			}
			wrote <- w.Write(payload)
		}()
		got, err := r.Next()
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("frame %d: %d octets, %v", i, len(got), err)
		}
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		rights := conn.TakeRights()
		if (len(rights) == 1) != (attached != nil) {
			t.Errorf("frame %d came with descriptors %v", i, rights)
		}
		for _, fd := range rights {
			unix.Close(fd)
		}
	}
	for range 3 { // what nobody takes is bounded
		if _, _, err := ours.WriteMsgUnix([]byte{0}, unix.UnixRights(slices.Repeat([]int{int(null.Fd())}, 10)...), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if kept := descriptors(t) - before; kept != 16 {
		t.Errorf("%d descriptors are kept, want 16", kept)
	}
	for _, fd := range conn.TakeRights() {
		unix.Close(fd)
	}
	ours.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v, want io.EOF itself", n, err)
	}
	conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !channel.Ended(err) {
		t.Errorf("closed: %v", err)
	}
}
