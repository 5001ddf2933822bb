// Package submit is how a task gets from an executor to a server that runs tasks: the
// workload, the socket, and what the two say to each other on it.
//
// A conversation is one line of JSON from the client and up to two from the server,
// which then closes:
//
//	{"workload": {"type": "ExecuteTask", ...}}      ->
//	                                                <-  {"event": "accepted"}
//	                                                <-  {"event": "ended", "state": "success"}
//
// Instead of "accepted" comes {"event": "refused", "reason": ..., "error": TEXT},
// and nothing was started. "state" is missing where the server of the API wanted
// to hear none (it asked for the end of the task). "ended" with "error" says that
// the API does not know how the task ended, or that something of it is left alive.
// A client that closes early ends nothing.
//
// The workload holds a token. So a server is told it only by a socket that nobody
// else could have put there (Task), and listens only where nobody could (Listen).
package submit
