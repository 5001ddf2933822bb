//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command understudy-runner executes one Airflow task for the supervisor that
// started it, as the user that the task names. See package runner; its tasks are
// those of package probe.
//
// Every task starts this program anew, so it does without what the Go runtime
// would do for a long life: read the processor limit of its control group, at the
// start and again and again.
package main

import (
	"github.com/understudy-conformance/understudy/reference/probe"
	"github.com/understudy-conformance/understudy/reference/runner"
)

func main() {
	runner.Register("*", probe.Run)
	runner.Main()
}
