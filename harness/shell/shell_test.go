package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFramesArriveAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SampledFrom([]Kind{Input, End, Window, More, Output, Errors, Code})
		var wire bytes.Buffer
		to := NewWriter(&wire)
		var want, got []Frame
		for range rapid.IntRange(0, 5).Draw(t, "frames") {
			f := Frame{kinds.Draw(t, "kind"), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload")}
			if err := to.Write(f.Kind, f.Payload); err != nil {
				t.Fatal(err)
			}
			want = append(want, f)
		}
		from := NewReader(&wire)
		for {
			f, err := from.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, Frame{f.Kind, bytes.Clone(f.Payload)})
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("text", func(p []byte) string { return string(p) })); diff != "" {
			t.Fatalf("-written +read:\n%s", diff)
		}
	})
}

func TestALongTextBecomesSeveralFrames(t *testing.T) {
	text := strings.Repeat("x", 2*MaxPayload+1)
	var wire, back bytes.Buffer
	if n, err := io.WriteString(NewWriter(&wire).Stream(Output), text); n != len(text) || err != nil {
		t.Fatalf("wrote %d octets, %v", n, err)
	}
	frames := 0
	for from := NewReader(&wire); ; frames++ {
		f, err := from.Next()
		if err != nil {
			break
		}
		back.Write(f.Payload)
	}
	if frames != 3 || back.String() != text {
		t.Errorf("%d frames with %d octets", frames, back.Len())
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	for wire, want := range map[string]error{
		"":                         io.EOF,
		"o\x00\x00":                io.ErrUnexpectedEOF,
		"o\x00\x00\x00\x02a":       io.ErrUnexpectedEOF,
		"o\x00\x00\x00\x02":        io.ErrUnexpectedEOF,
		"?\x00\x00\x00\x00":        ErrFrame,
		"o\xff\xff\xff\xff":        ErrFrame,
		"o\x00\x00\x80\x01" + "ab": ErrFrame,
	} {
		if _, err := NewReader(strings.NewReader(wire)).Next(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", wire, err, want)
		}
	}
	if err := NewWriter(io.Discard).Write(Output, make([]byte, MaxPayload+1)); !errors.Is(err, ErrFrame) {
		t.Errorf("too long a frame: %v", err)
	}
}

// inner is a sandbox whose command is a function.
type inner struct {
	events *io.PipeReader
	input  *io.PipeWriter
	killed context.CancelFunc
	done   chan struct{}
}

func (p *inner) Events() io.Reader   { return p.events }
func (p *inner) Input() io.Writer    { return p.input }
func (p *inner) Diagnostics() string { return "last words" }
func (p *inner) End() error          { return p.Kill() }
func (p *inner) Wait() error         { <-p.done; return nil }
func (p *inner) Kill() error {
	p.killed()
	p.input.Close()
	return nil
}

func start(command func(ctx context.Context, in *Reader, out *Writer)) *inner {
	ctx, cancel := context.WithCancel(context.Background())
	stdin, input := io.Pipe()
	events, stdout := io.Pipe()
	p := &inner{events, input, cancel, make(chan struct{})}
	go func() {
		defer close(p.done)
		defer stdout.Close()
		defer stdin.Close()
		command(ctx, NewReader(stdin), NewWriter(stdout))
	}()
	return p
}

func TestACommandReadsAndWrites(t *testing.T) {
	p := start(func(_ context.Context, in *Reader, out *Writer) {
		out.Write(More, nil)
		for {
			f, err := in.Next()
			if err != nil || f.Kind == End {
				break
			}
			out.Write(Output, f.Payload)
			out.Write(Errors, []byte{byte(f.Kind)})
			out.Write(More, nil)
		}
		out.Write(Code, ExitCode(42))
	})
	var stdout, stderr bytes.Buffer
	text := strings.Repeat("0123456789", MaxPayload/4)
	code, err := Attach(t.Context(), p, Streams{Input: strings.NewReader(text), Output: &stdout, Errors: &stderr})
	if err != nil || code != 42 {
		t.Errorf("code %d, %v", code, err)
	}
	if stdout.String() != text {
		t.Errorf("%d octets of output, want %d", stdout.Len(), len(text))
	}
	if want := strings.Repeat("i", (len(text)+MaxPayload-1)/MaxPayload); stderr.String() != want {
		t.Errorf("kinds of input %q, want %q", stderr.String(), want)
	}
}

func TestSizesOfTheTerminalArrive(t *testing.T) {
	sizes := make(chan Size, 1)
	sizes <- Size{Rows: 50, Columns: 132}
	var got Size
	p := start(func(_ context.Context, in *Reader, out *Writer) {
		for f, err := in.Next(); err == nil; f, err = in.Next() {
			if f.Kind == Window {
				if err := got.UnmarshalBinary(f.Payload); err != nil {
					t.Error(err)
				}
				break
			}
		}
		out.Write(Code, ExitCode(0))
	})
	if _, err := Attach(t.Context(), p, Streams{Output: io.Discard, Errors: io.Discard, Sizes: sizes}); err != nil {
		t.Fatal(err)
	}
	if want := (Size{50, 132}); got != want {
		t.Errorf("size %v, want %v", got, want)
	}
}

// waits is a command that takes no input and does not end by itself.
func waits(ctx context.Context, _ *Reader, out *Writer) {
	out.Write(Output, []byte("here"))
	<-ctx.Done()
}

type refusing struct{}

var errRefused = errors.New("no room")

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

func TestNoExitCodeIsAnError(t *testing.T) {
	late, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too late"))
	defer cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		command func(context.Context, *Reader, *Writer)
		output  io.Writer
		want    string
	}{
		{"died", t.Context(), func(context.Context, *Reader, *Writer) {}, io.Discard, "the sandbox ended before its command: EOF: last words"},
		{"interrupted", late, waits, io.Discard, "too late"},
		{"nobody reads", t.Context(), waits, refusing{}, "pass on what the command wrote: no room"},
		{"nonsense", t.Context(), func(_ context.Context, _ *Reader, out *Writer) { out.Write(Input, nil) }, io.Discard, "not a frame: kind 'i' comes from the sandbox"},
		{"short code", t.Context(), func(_ context.Context, _ *Reader, out *Writer) { out.Write(Code, nil) }, io.Discard, "not a frame: an exit code in 0 octets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Attach(c.ctx, start(c.command), Streams{Output: c.output, Errors: io.Discard})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
