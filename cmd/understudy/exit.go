package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// exitError carries an exit code that was decided elsewhere. A nil error inside prints nothing:
// what there is to say was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return message(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// usage is the error for what the caller wrote; it says what to write instead.
func usage(format string, args ...any) error {
	return &exitError{code: verdict.ExitUsage, err: fmt.Errorf(format, args...)}
}

// incomplete is the error for what this machine cannot do.
func incomplete(format string, args ...any) error {
	return &exitError{code: verdict.ExitIncomplete, err: fmt.Errorf(format, args...)}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// exitCode maps an error to the exit code of the command. What nobody classified is our fault.
func exitCode(err error) int {
	var decided *exitError
	var invalid *implementation.Invalid
	switch {
	case err == nil:
		return verdict.ExitConforms
	case errors.As(err, &decided):
		return decided.code
	case errors.As(err, &invalid), errors.Is(err, cache.ErrUnwritable), errors.Is(err, cache.ErrForeign), errors.Is(err, plan.ErrFilter), errors.Is(err, plan.ErrSelection), errors.Is(err, verdict.ErrJoin):
		return verdict.ExitUsage
	case errors.Is(err, sandbox.ErrUnavailable), errors.Is(err, sandbox.ErrProvision), errors.Is(err, commands.ErrAbsent), errors.Is(err, cache.ErrDamaged),
		errors.Is(err, run.ErrNoSandbox), errors.Is(err, errInterrupted), errors.Is(err, context.Canceled), lacking(err), denied(err):
		return verdict.ExitIncomplete
	}
	return verdict.ExitHarness
}

// lacking says whether the machine had no room left, or what goes for room.
func lacking(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
	}, func(errno error) bool { return errors.Is(err, errno) })
}

// denied says whether the machine did not permit it.
func denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// gravest returns the code that wins.
func gravest(codes ...int) int {
	for _, code := range []int{verdict.ExitHarness, verdict.ExitUsage, verdict.ExitIncomplete, verdict.ExitViolated} {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return verdict.ExitConforms
}
