// Command understudy-runner executes one Airflow task for the supervisor that
// started it, as the user that the task names. See package runner; its tasks are
// those of package probe.
package main

import (
	"github.com/understudy-conformance/understudy/reference/probe"
	"github.com/understudy-conformance/understudy/reference/runner"
)

func main() {
	runner.Register("*", probe.Run)
	runner.Main()
}
