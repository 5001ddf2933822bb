// Package apart runs the tests of a package so that nothing they start outlives
// them, whether they succeed, fail, panic, run out of time or are killed.
//
// Who may make one, mostly root on Linux, gets a pid namespace for them, which the
// kernel ends with its first process, and that with the test binary that was
// started:
//
//	go test (host)  ->  first process, mounts /proc, reaps  ->  the tests
//
// So tests of two packages do not see each other's processes, either: the stage
// ends every process of the fixture users, and other sandboxes on the same machine
// have such processes too. The tests are not the first process of the namespace:
// that one adopts orphans, and the stage must not be the parent of its tasks'
// children.
//
// Who is refused it, or a /proc in it, as in many containers, has a process group
// instead, which is killed with the same process:
//
//	go test (host)  ->  leader of a group  ->  the tests
//
// What leaves that group stays. As root that is the case in a container only, which
// has to end with its first process itself.
package apart

// Tests are those of a package, for a TestMain that hands its M to somebody.
type Tests struct {
	M interface{ Run() int }
}

// Run runs them, see the function.
func (t Tests) Run() int { return Run(t.M.Run) }
