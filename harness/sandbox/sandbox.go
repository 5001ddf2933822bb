// Package sandbox says what a sandbox is to the outer command: a place that
// takes a plan on the standard input of its first process, gives journal events
// on its standard output, and ends, with everything in it, when that input ends.
//
// The backends live below: namespace (Linux, no engine) and docker. Only the
// command that people type knows both.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Paths that every sandbox offers, owned by root and read only.
const (
	Bin            = "/understudy/bin"            // understudy-worker, -supervisor, -runner
	Implementation = "/understudy/implementation" // copy of the manifest's folder
	Brought        = "/understudy/brought"        // copy of a folder that a shell brings; else absent
)

// Bounds of every sandbox, of either kind. They are for the machine's sake: no scenario comes near.
const (
	MaxProcesses = 4096
	MaxMemory    = 4 << 30   // in octets, files in tmpfs included
	MaxTmpfs     = 512 << 20 // in octets, of each
)

// BoundsFact is the key of Backend.Environment under which a report finds Bounded, or "unbounded: " and the reason.
const BoundsFact = "bounds"

// Bounded describes the bounds for a report.
func Bounded() string { return fmt.Sprintf("%d processes, %d MiB", MaxProcesses, MaxMemory>>20) }

// ErrUnavailable is wrapped by the error of a backend that this machine cannot
// offer; the text says what is missing and how to get it.
var ErrUnavailable = errors.New("sandbox not available here")

// ErrProvision is wrapped when what a sandbox needs could not be installed or
// built; the text has the last lines of the log and names it.
var ErrProvision = errors.New("provisioning failed")

// Progress receives one line of text for people whenever something that takes
// time moves on. It may be called from several goroutines.
type Progress func(text string)

// Backend makes sandboxes of one kind for one implementation.
//
// Prepare comes first and does once what all sandboxes share (compile, build
// image or layer); it may take minutes. Start may then be called from several
// goroutines. Close ends what is still running and removes what Prepare made,
// caches excepted.
type Backend interface {
	Name() string
	Prepare(ctx context.Context, progress Progress) error
	Start(ctx context.Context, planLine []byte) (Process, error)
	// Environment describes the sandboxes for the record: kernel, root, image digest.
	Environment() map[string]string
	Close() error
}

// Process is one running sandbox.
type Process interface {
	// Events is the standard output of the first process: journal lines. It ends
	// with the sandbox. Read it to its end before Wait.
	Events() io.Reader
	// Input is the rest of the standard input, after the plan.
	Input() io.Writer
	// Diagnostics is the end of what the sandbox wrote to standard error, at most
	// DiagnosticsLimit bytes.
	Diagnostics() string
	// End closes the standard input, which asks the sandbox to end by itself.
	End() error
	// Kill ends the sandbox and every process in it at once.
	Kill() error
	// Wait returns when nothing of the sandbox runs any more; nil after exit code 0. The error
	// wraps ErrUnavailable when it is the backend that has gone, and not the sandbox alone.
	Wait() error
}
