package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// waitFor stops at a barrier. The order is the promise: whoever sees the XCom
// at_NAME on the channel finds this process holding the FIFO.
//
// The other side keeps the FIFO open for reading and writing, so opening it
// never blocks and reading does until it writes.
func waitFor(ctx context.Context, a *attempt, args arguments) (any, error) {
	name, err := args.text("name")
	if err != nil {
		return nil, err
	}
	if a.barrier == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("no barrier %q in directory %q", name, a.barrier)
	}
	fifo, err := os.OpenFile(filepath.Join(a.barrier, name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer fifo.Close()
	if err := a.Push(ctx, "at_"+name, true); err != nil {
		return nil, err
	}
	release := context.AfterFunc(ctx, func() { fifo.SetReadDeadline(time.Now()) })
	defer release()
	if _, err := fifo.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return nil, nil
}
