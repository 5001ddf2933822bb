package logs

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "logs", Scenarios: []stage.Spec{
	logFolderOfOthers,
	eachRecordOnce,
	tailBeforeExit,
	unreadTail,
	unreadChannels,
	outputOfATask,
	lastLineWithoutBreak,
	oddRecords,
	failureBeforeTheLogChannel,
	ownerOfTheLogFile,
}}
