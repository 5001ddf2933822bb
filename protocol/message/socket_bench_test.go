package message_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// socketpair gives two connected stream sockets, as a supervisor makes them.
func socketpair(b *testing.B) (near, far *os.File) {
	b.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	for i, fd := range fds {
		if err := syscall.SetNonblock(fd, true); err != nil {
			b.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), fmt.Sprintf("socket %d", i))
		b.Cleanup(func() { f.Close() })
		if i == 0 {
			near = f
		} else {
			far = f
		}
	}
	return near, far
}

var (
	question = message.Request{ID: 7, Body: &message.GetVariable{Key: "connection_limit"}}
	reply    = message.Response{ID: 7, Body: &message.VariableResult{Key: "connection_limit", Value: new("250")}}
)

// BenchmarkSmallRequest compares a request and its answer, encoded, framed,
// decoded on both sides, with bytes of the same number going to and fro.
func BenchmarkSmallRequest(b *testing.B) {
	asked, err := message.EncodeRequest(question)
	if err != nil {
		b.Fatal(err)
	}
	answered, err := message.EncodeResponse(reply)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("raw", func(b *testing.B) {
		near, far := socketpair(b)
		there, back := make([]byte, frame.HeaderSize+len(asked)), make([]byte, frame.HeaderSize+len(answered))
		go func() {
			in := make([]byte, len(there))
			for {
				if _, err := io.ReadFull(far, in); err != nil {
					return
				}
				if _, err := far.Write(back); err != nil {
					return
				}
			}
		}()
		in := make([]byte, len(back))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := near.Write(there); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(near, in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("messages", func(b *testing.B) {
		near, far := socketpair(b)
		go serve(far)
		w, r := frame.NewWriter(near), frame.NewReader(near, 0)
		b.ReportAllocs()
		for b.Loop() {
			payload, err := message.EncodeRequest(question)
			if err != nil {
				b.Fatal(err)
			}
			if err := w.Write(payload); err != nil {
				b.Fatal(err)
			}
			if payload, err = r.Next(); err != nil {
				b.Fatal(err)
			}
			if got, err := message.DecodeResponse(payload); err != nil || got.ID != question.ID {
				b.Fatal(got, err)
			}
		}
	})
}

// serve answers every request alike until the stream ends.
func serve(stream io.ReadWriter) {
	w, r := frame.NewWriter(stream), frame.NewReader(stream, 0)
	for {
		payload, err := r.Next()
		if err != nil {
			return
		}
		if _, err := message.DecodeRequest(payload); err != nil {
			return
		}
		if payload, err = message.EncodeResponse(reply); err != nil {
			return
		}
		if err := w.Write(payload); err != nil {
			return
		}
	}
}

// BenchmarkReceive20MB compares a frame with a value of 20 MB, decoded and kept
// as it came, with as many bytes read into a new buffer.
func BenchmarkReceive20MB(b *testing.B) {
	value := append(message.Raw("\xc6\x01\x31\x2d\x00"), bytes.Repeat([]byte("x"), 20_000_000)...)
	payload, err := message.EncodeRequest(message.Request{Body: &message.SetXCom{Key: "k", Value: value, DagID: "d", RunID: "r", TaskID: "t"}})
	if err != nil {
		b.Fatal(err)
	}
	stream := frame.Append(nil, payload)
	for _, way := range []struct {
		name    string
		receive func(near *os.File) error
	}{
		{"raw", func(near *os.File) error {
			_, err := io.ReadFull(near, make([]byte, len(stream)))
			return err
		}},
		{"message", func(near *os.File) error {
			payload, err := frame.NewReader(near, 0).Next()
			if err != nil {
				return err
			}
			r, err := message.DecodeRequest(payload)
			if err == nil && len(r.Body.(*message.SetXCom).Value) != len(value) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			near, far := socketpair(b)
			go func() {
				for {
					if _, err := far.Write(stream); err != nil {
						return
					}
				}
			}()
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				if err := way.receive(near); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSend20MB is the way of such a value from a message to the socket.
func BenchmarkSend20MB(b *testing.B) {
	value := append(message.Raw("\xc6\x01\x31\x2d\x00"), bytes.Repeat([]byte("x"), 20_000_000)...)
	near, far := socketpair(b)
	go func() { _, _ = io.Copy(io.Discard, onlyReader{far}) }()
	w := frame.NewWriter(near)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		payload, err := message.EncodeRequest(message.Request{Body: &message.SetXCom{Key: "k", Value: value, DagID: "d", RunID: "r", TaskID: "t"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Write(payload); err != nil {
			b.Fatal(err)
		}
	}
}

// onlyReader hides all but Read, so that io.Copy reads.
type onlyReader struct{ io.Reader }
