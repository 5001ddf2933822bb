package main

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

// doors opens those of the roles that the stage can play.
func doors() stage.Doors {
	return stage.Doors{
		role.Runner:     runner.Open,
		role.Supervisor: supervisor.Open,
		role.Worker:     worker.Open,
	}
}
