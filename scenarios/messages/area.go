package messages

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "messages", Scenarios: []stage.Spec{
	requestsAsAnotherUser,
	xcomAcrossUsers,
	xcomOfMappedTasks,
	xcomOfAnotherRun,
	maskedOnEachChannel,
	servedIsMasked,
	absentThings,
	refusedByTheServer,
	renderedFieldsOfOneThatIsGone,
}}
