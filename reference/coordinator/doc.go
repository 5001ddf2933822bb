// Package coordinator runs tasks that are written in another language than
// Airflow's: it finds the executable that holds the task, starts it, and hands
// over the two connections on which it speaks.
//
//	supervisor                                   runtime
//	    |  listens on 127.0.0.1:P and :Q            .
//	    |  BUNDLE --comm=127.0.0.1:P --logs=127.0.0.1:Q
//	    |------------------------------------------>|
//	    |                      connects to P and Q  |  in either order
//	    |<------------------------------------------|
//	    |  checks whose connections they are        |
//	    |  [0, StartupDetails, nil]           on P  |
//	    |------------------------------------------>|
//	    |  requests, answers                  on P  |
//	    |<----------------------------------------->|
//	    |  JSON lines                         on Q  |
//	    |<------------------------------------------|
//
// Which tasks these are is said by the queue of the task: see Routes.
//
// # Executable bundle
//
// The executable, the source it was made from and a manifest are one file, the
// executable bundle of specification 1.0. All integers are little-endian:
//
//	offset from end   bytes
//	                  binary, at least one byte
//	                  source_len bytes of source, may be none
//	                  metadata_len bytes of manifest, YAML
//	          -64     4   source_len
//	          -60     4   metadata_len
//	          -56     4   footer version, 1
//	          -52    32   SHA-256 of binary
//	          -20    12   reserved, zero
//	           -8     8   "AFBNDL01"
//
// What is executed is not the file but a copy in memory that nobody can write to
// (a sealed memfd), and all checks are made on that copy. Whoever exchanges or
// changes the file between check and start changes nothing. So /proc/self/exe of
// a runtime is no path in the file system.
//
// # Who the runtime runs as
//
// Airflow starts runtimes as the worker whatever run_as_user says. This package
// leaves the choice to its caller and works for a runtime of another user: what
// only that user may do is asked of a helper that runs as it, see package
// delegate.
package coordinator
