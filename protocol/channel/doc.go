// Package channel is the conversation on descriptor 0 of a task runner, for
// either end of it.
//
//	supervisor                                           runner
//	 Serve(conn, startup, answer)                         Open(0)
//	    |  startup frame                                    |
//	    |-------------------------------------------------->|  Startup
//	    |                                         request   |
//	    |<--------------------------------------------------|  Ask
//	 answer(w, request)                                     |
//	    |  w.Write: a frame                                 |
//	    |-------------------------------------------------->|
//	    |                                ResendLoggingFD    |
//	    |<--------------------------------------------------|  AskLog
//	 answer(w, request)                                     |
//	    |  w.WriteWith: a frame, descriptor on byte 0       |
//	    |-------------------------------------------------->|
//
// The package knows how octets and descriptors travel, in which order, and what a
// clean end is (Ended). What is asked and answered, what a request may do, and
// what becomes of a runner that sends nonsense is decided by those who use it.
//
// # Hooks
//
// An answer function sees payloads as they came and writes payloads as they go:
// it can record them, change them, write none, or end the conversation. How they
// reach the other side is a matter of the connection: one whose Write hands over
// octet by octet makes the frames arrive so.
//
// # Descriptors
//
// A descriptor travels with the first octet of a frame, and only a read that asks
// for it receives it: the kernel closes what a plain read passes over. A Runner
// asks for it in AskLog alone, and takes none that comes with another octet. A runner
// that has several requests in flight reads frames by a Conn, which has the descriptors
// that came with each.
package channel
