package impersonation

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "impersonation", Scenarios: []stage.Spec{
	taskOverDefault,
	defaultAlone,
	taskDefaultOrNeither,
	ownUserWithoutSudo,
	userVariablesLie,
	markersInEnvironment,
	workerAsRoot,
	workerWithoutEntry,
	workerFilesRefused,
	idsAndGroups,
	markersInvisible,
	variablesOfTheTarget,
	ticketCacheHidden,
	startupDataHidden,
	largeStartupData,
	exitStatusOfTheTarget,
	unknownUser,
	policyForbids,
	rootRefused,
	namesThatAreNoNames,
	parentDies,
	channelCloses,
	logChannelAfterTheSwitch,
	logChannelIsSent,
	oneStartForTheServer,
}}
