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
