// Package family starts the process of a task and ends it, with everything that
// descends from it.
//
//	supervisor             Parent                 task process
//	   |  Start              |                          .
//	   |-------------------->|------------------------->|  fds 0, 1, 2: Comms, Stdout, Stderr
//	   |  Child              |   subreaper of all       |--> children, daemons
//	   |<--------------------|   that it starts         |
//	   |  Killer: Stop, Kill |                          |
//	   |----------------------------------------------->|  until none is left
//
// A Parent is Self, where this process runs one task, or a Pool of keepers, where it
// runs many. Only those two differ; how a task is ended is the same.
package family
