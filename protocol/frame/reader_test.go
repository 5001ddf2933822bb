package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/frame"
)

func header(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// readAll returns the payloads of a stream and the error that ended it.
func readAll(r *frame.Reader) (payloads [][]byte, err error) {
	for {
		p, err := r.Next()
		if err != nil {
			return payloads, err
		}
		payloads = append(payloads, p)
	}
}

func TestNextTellsHowAStreamEnded(t *testing.T) {
	broken := errors.New("connection reset")
	for _, tt := range []struct {
		name   string
		stream io.Reader
		frames int
		want   string // text of the error that ends the stream
		is     error
	}{
		{"nothing", strings.NewReader(""), 0, "EOF", io.EOF},
		{"after a frame", bytes.NewReader(frame.Append(nil, []byte("ab"))), 1, "EOF", io.EOF},
		{"in a header", bytes.NewReader([]byte{0, 0, 0}), 0, "read frame header: 3 of 4 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"before a payload", bytes.NewReader(header(540)), 0, "read frame payload: 0 of 540 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"in a payload", bytes.NewReader(append(header(540), make([]byte, 17)...)), 0, "read frame payload: 17 of 540 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"in a long payload", bytes.NewReader(append(header(2<<20), make([]byte, 1<<20)...)), 0, "read frame payload: 1048576 of 2097152 bytes: unexpected EOF", io.ErrUnexpectedEOF},
		{"failure before a header", iotest.ErrReader(broken), 0, "read frame header: 0 of 4 bytes: connection reset", broken},
		{"failure in a header", io.MultiReader(strings.NewReader("\x00"), iotest.ErrReader(broken)), 0, "read frame header: 1 of 4 bytes: connection reset", broken},
		{"failure in a payload", io.MultiReader(bytes.NewReader(header(9)), iotest.ErrReader(broken)), 0, "read frame payload: 0 of 9 bytes: connection reset", broken},
		{"no payload", bytes.NewReader(header(0)), 0, "read frame header: frame without payload", frame.ErrEmpty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			payloads, err := readAll(frame.NewReader(tt.stream, 0))
			if len(payloads) != tt.frames {
				t.Errorf("got %d frames, want %d", len(payloads), tt.frames)
			}
			if err.Error() != tt.want || !errors.Is(err, tt.is) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
}

func TestNextRefusesWhatIsTooLarge(t *testing.T) {
	for _, tt := range []struct {
		name          string
		length, limit uint32
		permitted     bool
	}{
		{"at a limit", 10, 10, true},
		{"above a limit", 11, 10, false},
		{"at the default", frame.DefaultMaxPayload, 0, true},
		{"above the default", frame.DefaultMaxPayload + 1, 0, false},
		{"the most that can be announced", math.MaxUint32, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := frame.NewReader(io.MultiReader(bytes.NewReader(header(tt.length)), zeros{}), tt.limit)
			payload, err := r.Next()
			if tt.permitted {
				if err != nil || len(payload) != int(tt.length) {
					t.Fatalf("got %d bytes and %v, want %d bytes", len(payload), err, tt.length)
				}
				return
			}
			var large *frame.TooLargeError
			if !errors.As(err, &large) {
				t.Fatalf("got %v, want TooLargeError", err)
			}
			limit := tt.limit
			if limit == 0 {
				limit = frame.DefaultMaxPayload
			}
			if diff := cmp.Diff(&frame.TooLargeError{Length: tt.length, Max: limit}, large); diff != "" {
				t.Error(diff)
			}
			want := fmt.Sprintf("read frame header: payload of %d bytes announced, %d permitted", tt.length, limit)
			if err.Error() != want {
				t.Errorf("got %s, want %s", err, want)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A frame behind one that was cut or refused cannot be found: whatever comes
// next is not to be taken for one.
func TestNextNeverGoesOnInsideAFrame(t *testing.T) {
	good := frame.Append(nil, []byte("good"))
	for _, tt := range []struct {
		name   string
		stream io.Reader
	}{
		{"header", io.MultiReader(bytes.NewReader(header(7)[:2]), iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(good))))},
		{"payload", io.MultiReader(bytes.NewReader(header(7)), iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(good))))},
		{"too large", bytes.NewReader(append(header(math.MaxUint32), good...))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := frame.NewReader(tt.stream, 0)
			_, first := r.Next()
			payload, second := r.Next()
			if first == nil || second != first {
				t.Errorf("got %v, then %q and %v; want the same error twice", first, payload, second)
			}
		})
	}
}

// A deadline that passes between two frames harms nothing.
func TestNextGoesOnAfterAFailureBetweenFrames(t *testing.T) {
	r := frame.NewReader(&failOnce{r: bytes.NewReader(frame.Append(nil, []byte("x")))}, 0)
	if _, err := r.Next(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("got %v, want a timeout", err)
	}
	if payload, err := r.Next(); err != nil || string(payload) != "x" {
		t.Errorf("got %q and %v, want the frame", payload, err)
	}
}

type failOnce struct {
	r      io.Reader
	failed bool
}

func (f *failOnce) Read(p []byte) (int, error) {
	if !f.failed {
		f.failed = true
		return 0, iotest.ErrTimeout
	}
	return f.r.Read(p)
}

// After a switch of the user another program reads on from the same descriptor.
func TestNextReadsNotOneByteMore(t *testing.T) {
	stream := bytes.NewReader(append(frame.Append(nil, []byte("first")), "rest"...))
	if _, err := frame.NewReader(stream, 0).Next(); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(stream); string(rest) != "rest" {
		t.Errorf("left in the stream: %q, want %q", rest, "rest")
	}
}

func TestNextReturnsSlicesOfTheirOwn(t *testing.T) {
	r := frame.NewReader(bytes.NewReader(frame.Append(frame.Append(nil, []byte("one")), []byte("two"))), 0)
	one, _ := r.Next()
	_ = append(one, "?????"...)
	two, _ := r.Next()
	if string(one) != "one" || string(two) != "two" {
		t.Errorf("got %q and %q", one, two)
	}
}

// chunks delivers a stream in pieces of the given sizes, the last one again and
// again.
type chunks struct {
	stream []byte
	sizes  []int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.stream) == 0 {
		return 0, io.EOF
	}
	n := min(len(p), len(c.stream), c.sizes[0])
	if len(c.sizes) > 1 {
		c.sizes = c.sizes[1:]
	}
	copy(p, c.stream[:n])
	c.stream = c.stream[n:]
	return n, nil
}

func TestAnySplitYieldsTheSameFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 300)).Draw(t, "payloads")
		var stream []byte
		for _, p := range want {
			stream = frame.Append(stream, p)
		}
		cut := rapid.IntRange(0, len(stream)).Draw(t, "cut")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 50).Draw(t, "sizes")

		whole, wholeErr := readAll(frame.NewReader(bytes.NewReader(stream[:cut]), 0))
		split, splitErr := readAll(frame.NewReader(&chunks{stream[:cut], sizes}, 0))
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Fatalf("frames differ (-whole +split):\n%s", diff)
		}
		if wholeErr.Error() != splitErr.Error() {
			t.Fatalf("whole ended with %v, split with %v", wholeErr, splitErr)
		}
		if cut == len(stream) {
			if diff := cmp.Diff(want, whole, cmp.Transformer("nil", func(b [][]byte) int { return len(b) })); diff != "" {
				t.Fatal(diff)
			}
			if wholeErr != io.EOF {
				t.Fatalf("ended with %v", wholeErr)
			}
		}
		for i := range whole {
			if !bytes.Equal(whole[i], want[i]) {
				t.Fatalf("frame %d: got %x, want %x", i, whole[i], want[i])
			}
		}
	})
}

// A long payload arrives whole although its buffer grows on the way.
func TestLongPayloadsArriveUnchanged(t *testing.T) {
	for _, size := range []int{256 << 10, 256<<10 + 1, 1<<20 + 1, 5 << 20, 20_000_000, 40 << 20} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(i * 7)
		}
		got, err := frame.NewReader(&chunks{frame.Append(nil, want), []int{1, 2, 60_000}}, 0).Next()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes and %v", size, len(got), err)
		}
	}
}

func TestReaderDoesNotAllocateWhatAHostileHeaderAnnounces(t *testing.T) {
	for _, tt := range []struct {
		name     string
		length   uint32
		arriving int
		most     uint64 // bytes allocated
	}{
		{"refused", math.MaxUint32, 1 << 20, 8 << 10},
		{"permitted, nothing arrives", frame.DefaultMaxPayload, 0, 300 << 10},
		{"permitted, 300 KiB arrive", frame.DefaultMaxPayload, 300 << 10, 2 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stream := append(header(tt.length), make([]byte, tt.arriving)...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := frame.NewReader(bytes.NewReader(stream), 0).Next()
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no error")
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > tt.most {
				t.Errorf("allocated %d bytes, want at most %d", got, tt.most)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(frame.Append(nil, []byte{0x93, 0, 0xc0, 0xc0}), uint8(1))
	f.Add(append(frame.Append(nil, []byte("ab")), 0, 0, 0), uint8(3))
	f.Add(header(0), uint8(2))
	f.Add(header(math.MaxUint32), uint8(4))
	f.Add(append(header(4096), "short"...), uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		const limit = 1 << 16
		payloads, err := readAll(frame.NewReader(&chunks{stream, []int{int(chunk) + 1}}, limit))
		var again []byte
		for _, p := range payloads {
			if len(p) == 0 || len(p) > limit {
				t.Fatalf("payload of %d bytes", len(p))
			}
			again = frame.Append(again, p)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("frames %x are not what the stream %x begins with", again, stream)
		}
		if complete := len(again) == len(stream); complete != (err == io.EOF) {
			t.Fatalf("%d of %d bytes framed, ended with %v", len(again), len(stream), err)
		}
	})
}

func BenchmarkReader20MB(b *testing.B) {
	stream := frame.Append(nil, make([]byte, 20_000_000))
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		if _, err := frame.NewReader(bytes.NewReader(stream), 0).Next(); err != nil {
			b.Fatal(err)
		}
	}
}
