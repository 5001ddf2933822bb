// Package probe is the task of the reference runner: a list of verbs, taken from
// dag_run.conf, that act as user code would. docs/contract.md describes the
// verbs; Airflow's probe Dag understands the same ones.
//
//	conf                                 verbs of task t
//	{"verbs": [...]}                     that list
//	{"verbs": ..., "tasks": {"t": [..]}} the list of t, if t is named
//
// A verb is a map: {"do": name, its arguments, "catch": bool, "save": key}.
//
// A verb that starts a process leaves it running and does not wait for it; the
// runner reaps and ends it.
package probe
