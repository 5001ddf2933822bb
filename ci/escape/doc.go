// Package escape holds the tier that tries the walls of both kinds of sandbox, and shows of each attempt that it gets
// through where there is none. Needs root on Linux and a container engine: go test -tags escape ./ci/escape
package escape
