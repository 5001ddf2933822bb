//go:build covered

package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox/namespace"
)

// Under ci/coverage, the sandboxes show a folder of the host, for the counters of the
// commands inside: coverageFolder is its path outside, coverageTarget inside. The linker is
// given both (-X).
var coverageFolder, coverageTarget string

func init() {
	if len(os.Args) != 2 || os.Args[1] != "sandbox" {
		return
	}
	if err := showCoverageFolder(); err != nil {
		fmt.Fprintln(os.Stderr, "understudy-worker for coverage:", err)
		os.Exit(1)
	}
}

// showCoverageFolder adds the folder to the spec that waits on its descriptor.
func showCoverageFolder() error {
	spec, err := namespace.ReadSpec()
	if err != nil {
		return err
	}
	spec.Binds = append(spec.Binds, namespace.Bind{Source: coverageFolder, Target: coverageTarget})
	text, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write sandbox spec: %w", err)
	}
	fd, err := unix.MemfdCreate("sandbox-spec", 0)
	if err != nil {
		return fmt.Errorf("make memfd: %w", err)
	}
	if _, err := unix.Write(fd, text); err != nil {
		return fmt.Errorf("write memfd: %w", err)
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return fmt.Errorf("rewind memfd: %w", err)
	}
	if fd == namespace.SpecFD {
		return nil
	}
	if err := unix.Dup3(fd, namespace.SpecFD, 0); err != nil {
		return fmt.Errorf("put the spec on descriptor %d: %w", namespace.SpecFD, err)
	}
	return unix.Close(fd)
}
