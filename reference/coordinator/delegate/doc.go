// Package delegate holds the two things that a coordinator needs done by the user
// of the task, since it may neither become that user nor look at its processes.
// They are commands of understudy-runner, which a sudo policy for tasks permits
// already:
//
//	understudy-runner execute          replaces itself by the bundle that it is sent
//	understudy-runner sockets PID...   prints the inodes of the sockets of processes
//
// execute gets an Order on descriptor 0, a Unix stream socket: sudo passes 0, 1
// and 2 on and closes all others. The bundle is a descriptor that travels with the
// first byte. So neither arguments nor environment of sudo say anything about the
// task, and no path is looked up again between check and start.
//
// A worker that may start the runner as another user can have anything executed as
// that user by it. That is nothing new: the runner does what the worker's Dag says.
//
//	coordinator                       sudo            execute
//	    |  u32 length, JSON  + memfd   |                 |
//	    |----------------------------->|---------------->|
//	    |                                                |  is the memfd sealed?
//	    |                                                |  fd 0 becomes /dev/null
//	    |                                                |  execve
package delegate
