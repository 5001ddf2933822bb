// Package keeper is the process between a supervisor that runs many tasks and
// one task process.
//
// Whatever a task starts, daemons included, has to be found when the task is
// ended, and nothing of another task of the same user may be taken for it. The
// kernel tells who belongs to whom by one thing only: an orphan becomes the
// child of its nearest ancestor that is a subreaper. So each task has a
// subreaper of its own, a keeper, and what descends from that is the task.
//
//	server                 keeper                 task process
//	  | argv, environment,   |                         .
//	  | user, fds 0 to 2     |                         .
//	  |--------------------->|  fork, exec             .
//	  |  started, pid        |------------------------>|
//	  |<---------------------|                         |
//	  |                      |  reaps everything below |
//	  |  exited, status      |<------------------------'
//	  |<---------------------|
//	  |  empty               |  nothing descends from it any more
//	  |<---------------------|
//	  | argv ... of the next task
//
// A keeper runs one task at a time and then waits for the next, so that a task
// costs no second exec. It decides nothing: signals are sent by the server.
//
// When its socket ends the server is dead. The keeper kills all descendants that
// its uid permits, and exits. Those of other users have to end at the end of their
// own channel, with all they started: understudy-runner does, Airflow's runner and
// the runtimes of other languages need not.
package keeper
