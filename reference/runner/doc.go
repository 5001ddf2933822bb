// Package runner executes one task for a supervisor, as the user that the task
// names, where Airflow's own runner does the same with Python.
//
// A program that calls Register for each of its tasks, and then Main, is a
// complete runner; docs/tutorial-tasks.md shows one. What a body can do is in
// Task, how it can end in Func.
//
//	func main() {
//		runner.Register("etl.extract", extract)
//		runner.Main()
//	}
//
// # The conversation
//
//	supervisor            first phase (worker)                 second phase (target)
//	    |  fd 0: StartupDetails    |
//	    |------------------------->|
//	    |       ResendLoggingFD    |
//	    |<------------------------>|
//	    |                          | reads settings and the Dag file,
//	    |                          | decides who the task runs as
//	    |                          |
//	    |                          |-- own user: goes on below in this process
//	    |                          |
//	    |                          |-- other user: hands over, becomes
//	    |                          |   sudo -n -H -u USER -- RUNNER resume
//	    |                          |   (as root: takes the identity, RUNNER resume)
//	    |                                                        |
//	    |                ResendLoggingFD, ids from 0 again       |
//	    |<------------------------------------------------------>|
//	    |                                                        | checks the bundle
//	    |                requests of the task                    | runs the task
//	    |<------------------------------------------------------>|
//	    |                one terminal message                    |
//	    |<-------------------------------------------------------|
//	                                                             | ends what the task left running
//
// The pid that the supervisor started stays the same in each of these ways. Of a
// phase nothing remains after the switch but what it handed over (see Handover).
//
// # What is promised
//
//   - Nothing of the task's author runs before the switch: the Dag file is data.
//   - Startup data of any size is in no environment, argument list or file, and
//     no other process of the target can read it: the runner is not dumpable,
//     again after each exec.
//   - fd 0 of processes that the task starts is /dev/null, never the channel.
//   - The end of the channel or of the parent process ends the task and all its
//     descendants, daemons included, with exit code 1.
//   - SIGTERM and SIGINT cancel the task, which still reports its end.
//   - A body may use os/exec; orphans among its descendants are reaped.
//   - Descendants are part of the task: what still runs when the terminal
//     message was delivered is killed.
//   - Exactly one terminal message is sent, none when the task could not be set
//     up; that is exit code 1 with the reason on standard error and in the log.
//
// # Limits
//
// A sudo policy with log_input replaces fd 0, which carries the hand-over; the
// second phase then fails naming that setting.
// Exec makes a process dumpable, and it takes about a millisecond until the
// runner has undone that; no startup data has arrived by then, but a debugger
// that a hostile process of the same user attached meanwhile stays attached.
// Pluggable authentication sets no limits when root switches without sudo.
// A panic in a goroutine that a body started, and os.Exit, end the process
// without a terminal message, as does SIGKILL. A request that is being written
// is written to its end, however long the supervisor takes to read it.
// Processes that a task started as yet another user, through a sudo rule of its
// own, cannot be signalled by it; they are named in the log.
package runner
