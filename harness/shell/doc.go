// Package shell runs one command in a sandbox and is its standard input, output
// and error outside.
//
// The sandbox's init gets a plan with an Exec in it. What follows the plan on its
// standard input, and what it writes to standard output, are frames: one octet of
// kind, four of length (big-endian), and so many octets.
//
//	in    i  octets for the command's standard input; one frame for each "more"
//	      e  the input has ended
//	      w  size of the terminal: rows and columns, two octets each
//	out   m  more: the command took what it was given
//	      o  octets of standard output
//	      x  octets of standard error
//	      c  the command ended: its exit code, four octets; the last frame
//
// One frame of input at a time is under way, so that a command that does not read
// never keeps the end of the standard input, the life line, from init.
package shell
