// Package supervisor runs one Airflow task in a process of its own, as the user
// the task asks for, and speaks for it to the Execution API.
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
// The process that calls Run is the task's supervisor and nothing else: it makes
// itself undumpable before it reads the token, becomes the subreaper of all that
// the task starts, and is done with one task.
//
// Who the task runs as is decided before anything of the user's runs: the Dag
// file is read as data. A Dag file that is code (any but .yaml) can only be
// decided about by the runner, which then switches itself.
//
// The token never leaves this process. The task's only way to the API are the
// messages of package message.
package supervisor
