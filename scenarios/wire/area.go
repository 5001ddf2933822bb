package wire

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "wire", Scenarios: []stage.Spec{
	byteByByte,
	largeFrameBetweenLogs,
	supervisorSpeaksFirst,
	answersUnderTheIDOfTheirRequest,
	requestInPieces,
	idsComeBack,
	requestsOfAnyLength,
	requestsAtOnce,
	oneAnswerEach,
	terminalIsAnswered,
	brokenChannel,
	cutFrame,
	answersOfAnyLength,
	errorsInBothPlaces,
	unknownFields,
	formsOfTime,
}}
