//go:build !linux

package apart

// Run is the body of a TestMain: it runs the tests and returns the exit code.
func Run(tests func() int) int { return tests() }
