package worker

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// events writes the journal: each event is one write. Once a write fails nobody
// listens any more, and the process ends.
type events struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *events) write(e journal.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	line, err := e.Marshal()
	if err == nil {
		w.mu.Lock()
		_, err = w.out.Write(line)
		w.mu.Unlock()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "understudy-worker: write journal:", err)
		os.Exit(1)
	}
}
