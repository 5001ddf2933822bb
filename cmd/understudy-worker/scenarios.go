package main

// The areas whose scenarios are compiled in.
import (
	_ "github.com/understudy-conformance/understudy/scenarios/bundles"
	_ "github.com/understudy-conformance/understudy/scenarios/config"
	_ "github.com/understudy-conformance/understudy/scenarios/impersonation"
	_ "github.com/understudy-conformance/understudy/scenarios/lifecycle"
	_ "github.com/understudy-conformance/understudy/scenarios/logs"
	_ "github.com/understudy-conformance/understudy/scenarios/messages"
	_ "github.com/understudy-conformance/understudy/scenarios/wire"
)
