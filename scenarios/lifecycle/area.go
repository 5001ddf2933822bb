package lifecycle

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "lifecycle", Scenarios: []stage.Spec{
	silentExitIsNoSuccess,
	abnormalEndIsReported,
	reasonOfTheEndInTheLog,
	stoppedByTheServer,
	oneTerminalState,
	stoppedWithoutAWord,
	stoppedAndAcknowledged,
	firstTerminalStateCounts,
}}
