// Package api speaks with Airflow's Execution API for one task: it reports the
// task's start, its heartbeats and its end, and turns the task's requests into calls.
//
//	supervisor                         Client                    Execution API
//	   |  Instance: Run, Beat, State     |                             |
//	   |-------------------------------->|  PATCH .../run, PUT ...     |
//	   |  Answer(GetConnection)          |---------------------------->|  token, version,
//	   |-------------------------------->|  GET connections/ID         |  trace context
//	   |  ConnectionResult               |<----------------------------|
//	   |<--------------------------------|  password: to the Masker    |
//
// What fails for a while is tried again; what the server says about the task itself
// is an answer, see Answered. The token goes nowhere else, and a task reaches no
// endpoint but those of its messages, whatever names it gives.
package api
