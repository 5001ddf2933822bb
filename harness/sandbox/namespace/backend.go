// Package namespace makes sandboxes out of Linux namespaces: root, no engine,
// about ten milliseconds each.
//
// It has two halves. The outer half (Backend) prepares, once a run, a tmpfs in a
// mount namespace of its own that the host never sees, and starts each sandbox
// from there as "understudy-worker sandbox". The inner half (Enter) runs as first
// process of the new namespaces: it mounts, pivots, and executes the worker's
// init behind the wall (package wall). Both die with the outer command: by end of standard input, by
// PDEATHSIG, and by the end of the pid namespace.
//
//	outer thread (mount namespace A: tmpfs with layer, helper commands, manifest folder)
//	  `- clone(NEWNS|NEWPID|NEWNET|NEWIPC|NEWUTS) understudy-worker sandbox, spec on fd 3
//	       overlay(upper: own tmpfs, lower: layer, /) -> proc, dev, tmp, run -> pivot_root -> init
package namespace

import (
	"github.com/understudy-conformance/understudy/harness/implementation"
)

// Config is what a Backend needs to know.
type Config struct {
	Bin      string                  // folder with understudy-worker, -supervisor and -runner, built for this machine
	Manifest implementation.Manifest // of the implementation under test
	Cache    string                  // the user's cache folder for Understudy
	Bring    string                  // a folder to be copied to sandbox.Brought; "" for none
}
