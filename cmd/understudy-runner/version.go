package main

import "runtime/debug"

// version describes the build: the module's version, else the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "understudy-runner (unknown)"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	return "understudy-runner " + version
}
