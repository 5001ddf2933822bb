package main

import (
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/scenarios/bundles"
	"github.com/understudy-conformance/understudy/scenarios/config"
	"github.com/understudy-conformance/understudy/scenarios/impersonation"
	"github.com/understudy-conformance/understudy/scenarios/lifecycle"
	"github.com/understudy-conformance/understudy/scenarios/logs"
	"github.com/understudy-conformance/understudy/scenarios/messages"
	"github.com/understudy-conformance/understudy/scenarios/security"
	"github.com/understudy-conformance/understudy/scenarios/wire"
)

// areas lists all areas that have scenarios.
func areas() []stage.Area {
	return []stage.Area{
		bundles.Area,
		config.Area,
		impersonation.Area,
		lifecycle.Area,
		logs.Area,
		messages.Area,
		security.Area,
		wire.Area,
	}
}
