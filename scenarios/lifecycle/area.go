package lifecycle

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "lifecycle", Scenarios: []stage.Spec{
	silentExitIsNoSuccess,
	abnormalEndIsReported,
	endBySIGTERMIsReported,
	reasonOfTheEndInTheLog,
	nothingIsInherited,
	threeDescriptors,
	heartbeatsAtTheInterval,
	heartbeatsMeanwhile,
	noHeartbeatAfterTheEnd,
	stoppedByTheServer,
	stoppedByTwoSignals,
	oneTerminalState,
	nothingPassesInTheGrace,
	stoppedWithoutAWord,
	stoppedAndAcknowledged,
	firstTerminalStateCounts,
	successOutlivesTheExitCode,
	refusedStateIsRepeated,
	refusedStateReachesTheCaller,
	undeliveredFailure,
	stoppedWithItsFamily,
	refusedAtTheStart,
	onlyTheStoppedTaskEnds,
}}
