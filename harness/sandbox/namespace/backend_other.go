//go:build !linux

package namespace

import (
	"context"
	"fmt"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// Available says why there are no namespaces on this system.
func Available() error {
	return fmt.Errorf("namespace: Linux only: %w", sandbox.ErrUnavailable)
}

// Backend exists on Linux only; every method reports so.
type Backend struct{}

// New returns a backend that Prepare refuses.
func New(Config) *Backend { return &Backend{} }

// Name returns "namespace".
func (*Backend) Name() string { return "namespace" }

// Prepare fails.
func (*Backend) Prepare(context.Context, sandbox.Progress) error { return Available() }

// Start fails.
func (*Backend) Start(context.Context, []byte) (sandbox.Process, error) { return nil, Available() }

// Environment is empty.
func (*Backend) Environment() map[string]string { return nil }

// Close does nothing.
func (*Backend) Close() error { return nil }
