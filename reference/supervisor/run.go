package supervisor

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/understudy-conformance/understudy/reference/supervisor/family"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

// Options are what the command line says.
type Options struct {
	Programs
	Workload string    // file with the workload
	Environ  []string  // of the worker: settings, and what may come along to a task
	Stderr   io.Writer // diagnostics, and the task log of workloads without log_path
}

// UsageError reports a workload or a setting that cannot be used. Nothing was
// started, and the server was told nothing.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Run runs the task of one workload and returns when nothing of it is left. It
// changes this process for good (see secure) and is meant to be called once.
//
// The error is nil if the server knows how the task ended, well or not. It is
// *UsageError if nothing was begun, and another one if the task log could not be
// opened or written, whatever the server knows. A SIGTERM or SIGINT does not end the task:
// it is waited for (apache/airflow#69034).
func Run(ctx context.Context, o Options) error {
	if err := secure(); err != nil {
		return err
	}
	settings, err := LoadSettings(o.Environ)
	if err != nil {
		return &UsageError{err}
	}
	workload, err := submit.ReadWorkload(o.Workload)
	if err != nil {
		return &UsageError{err}
	}
	t, err := newShared(ctx, o.Programs, o.Environ, settings, family.Self{}).task(workload, o.Stderr)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	return errors.Join(t.run(ctx, signals), t.log.Close())
}
