package channel_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

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
