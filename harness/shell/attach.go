package shell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// ErrLost is wrapped when the sandbox ended before its command told an exit code.
var ErrLost = errors.New("the sandbox ended before its command")

// Streams are the outside ends of a command.
type Streams struct {
	Input          io.Reader   // may be nil: the command finds the end of its input at once
	Output, Errors io.Writer   // with a terminal everything goes to Output
	Sizes          <-chan Size // of the terminal, whenever it changes; nil without one
}

// Attach is a started sandbox's input and output until its command has ended, and
// returns the command's exit code: 128 and the number for a signal. When ctx ends
// first, or an output cannot be written, the sandbox is killed. A read of
// s.Input may still be under way when Attach returns.
func Attach(ctx context.Context, p sandbox.Process, s Streams) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() }) // Wait below says what came of it
	defer stop()

	to := NewWriter(p.Input())
	more := make(chan struct{}, 1)
	go feed(ctx, to, s, more)
	code, err := follow(p.Events(), s, more)
	if err != nil && ctx.Err() == nil {
		_ = p.Kill()
	}
	ended := p.Wait()
	switch {
	case err == nil:
		return code, nil
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, fmt.Errorf("%w: %w: %s", ErrLost, errors.Join(ended, err), p.Diagnostics())
	}
	return 0, err
}

// feed sends what the command is to read, a frame for each more.
func feed(ctx context.Context, to *Writer, s Streams, more <-chan struct{}) {
	chunks := make(chan []byte)
	wanted := make(chan struct{})
	if s.Input != nil {
		go read(ctx, s.Input, chunks, wanted)
	} else {
		close(chunks)
	}
	var asked chan<- struct{} // not nil while the reader is to be asked
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-more:
			asked = wanted
		case asked <- struct{}{}:
			asked = nil
		case chunk, open := <-chunks:
			if open {
				err = to.Write(Input, chunk)
				break
			}
			chunks, wanted = nil, nil
			err = to.Write(End, nil)
		case size := <-s.Sizes:
			text, _ := size.MarshalBinary() // has no error
			err = to.Write(Window, text)
		}
		if err != nil {
			return // the sandbox ends, which the other direction notices
		}
	}
}

// read reads a chunk each time that one is wanted, and closes chunks at the end of
// the input, which an error is too.
func read(ctx context.Context, from io.Reader, chunks chan<- []byte, wanted <-chan struct{}) {
	defer close(chunks)
	buffer := make([]byte, MaxPayload)
	for {
		select {
		case <-ctx.Done():
			return
		case <-wanted:
		}
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case <-ctx.Done():
				return
			case chunks <- buffer[:n]:
			}
		}
		if err != nil {
			return
		}
	}
}

// follow passes on what the command writes until its exit code comes.
func follow(events io.Reader, s Streams, more chan<- struct{}) (int, error) {
	in := NewReader(events)
	for {
		frame, err := in.Next()
		if err != nil {
			return 0, err
		}
		switch frame.Kind {
		case Output:
			_, err = s.Output.Write(frame.Payload)
		case Errors:
			_, err = s.Errors.Write(frame.Payload)
		case More:
			select {
			case more <- struct{}{}:
			default: // it says twice what is known
			}
		case Code:
			code, err := exitCode(frame.Payload)
			if err == nil {
				_, err = io.Copy(io.Discard, events)
			}
			return code, err
		default:
			err = fmt.Errorf("%w: kind %q comes from the sandbox", ErrFrame, byte(frame.Kind))
		}
		if err != nil {
			return 0, fmt.Errorf("pass on what the command wrote: %w", err)
		}
	}
}
