package bundles

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "bundles", Scenarios: []stage.Spec{
	parentClosedToTheTarget,
	bundleClosedToTheTarget,
	eightTasksOneVersion,
	versionPresent,
	modesOfAVersion,
	storageEverywhere,
	untrustedRoot,
}}
