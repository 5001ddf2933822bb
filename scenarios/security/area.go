package security

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "security", Scenarios: []stage.Spec{
	tokenEverywhere,
	tokenInTheProcess,
	startupDataEverywhere,
	secretsInLogsEverywhere,
	tooManyLogChannels,
	supervisorNotDumpable,
	runnerNotDumpable,
	secretsOfTheWorker,
}}
