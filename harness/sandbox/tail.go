package sandbox

import (
	"bytes"
	"strings"
	"sync"
)

// DiagnosticsLimit bounds what is kept of a sandbox's standard error, in bytes.
const DiagnosticsLimit = 64 << 10

// Tail is a writer that keeps the last DiagnosticsLimit bytes. It is safe for
// concurrent use and never fails.
type Tail struct {
	mu      sync.Mutex
	kept    bytes.Buffer
	dropped bool
}

// Write keeps p, or the end of it.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > DiagnosticsLimit {
		p, t.dropped = p[n-DiagnosticsLimit:], true
	}
	if over := t.kept.Len() + len(p) - DiagnosticsLimit; over > 0 {
		t.kept.Next(over)
		t.dropped = true
	}
	t.kept.Write(p)
	return n, nil
}

// String returns what was kept as valid UTF-8, with a mark where the beginning is missing.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(t.kept.String(), "\uFFFD")
	if t.dropped {
		return "[...] " + text
	}
	return text
}
