package config

import "github.com/understudy-conformance/understudy/harness/stage"

// Area lists all scenarios of the area.
var Area = stage.Area{Name: "config", Scenarios: []stage.Spec{
	taskFileAndEnvironment,
	unreadableConfigurationFile,
	everyKindOfSetting,
	allSettingsInAnUnreadableFile,
}}
