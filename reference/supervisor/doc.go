// Package supervisor runs Airflow tasks, each in a process of its own and as the
// user it asks for, and speaks for them to the Execution API.
//
//	Execution API              supervisor                     task process
//	      |                        |  bundle, user, access         .
//	      |                        |  start: sudo -n -H -u USER -- RUNNER
//	      |   PATCH .../run        |------------------------------>|
//	      |<-----------------------|                               |
//	      |   accepted             |  StartupDetails on fd 0       |
//	      |----------------------->|------------------------------>|
//	      |   PUT .../heartbeat    |                               |
//	      |<-----------------------|  requests, answers on fd 0    |
//	      |   XComs, variables ... |<----------------------------->|
//	      |<---------------------->|  stdout, stderr, log channel  |
//	      |                        |<------------------------------|--> task log
//	      |   PATCH .../state      |                               |
//	      |<-----------------------|                               exit
//
// The process that calls Run or Serve is a supervisor and nothing else: it makes
// itself undumpable before it reads a token, and becomes a subreaper. Run runs one
// task, and whatever descends from the process is that task. Serve runs those that
// clients submit on a socket; below it each task has a subreaper of its own, see
// package keeper.
//
//	executor                   Serve                    keeper
//	   |  {"workload": {...}}    |                        .
//	   |------------------------>|  argv, fds             .
//	   |  {"event": "accepted"}  |----------------------->|  starts the task process
//	   |<------------------------|   all of the above     |
//	   |                         |  exited, empty         |
//	   |  {"event": "ended",     |<-----------------------|
//	   |   "state": "success"}   |                        |  and is free for the next
//	   |<------------------------|
//
// A client may be the server's own user, root, or who was permitted by name; the
// kernel says who it is. To the others the socket says why not, and reads nothing.
//
// Who the task runs as is decided before anything of the user's runs: the Dag
// file is read as data. A Dag file that is code (any but .yaml) can only be
// decided about by the runner, which then switches itself.
//
// A task of a queue that has a coordinator is a program of its own, in any
// language. It is started as the user, too, and speaks over two connections
// instead of fd 0 and the log channel: see package coordinator.
//
// The token never leaves this process. The task's only way to the API are the
// messages of package message.
//
// What a task goes through is in this package. Each side of it that needs to know
// nothing of the whole is one below: submit brings a task here, family starts and ends
// its processes, api speaks with the Execution API, tasklog writes its log.
package supervisor
