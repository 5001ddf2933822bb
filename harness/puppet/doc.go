// Package puppet is the runner that the stage plays for a supervisor under test:
// understudy-puppet. The supervisor starts it in place of a runner, and it does what
// the scenario wrote into dag_run.conf.
//
//	supervisor under test                           puppet
//	 starts it                                       descriptors 0, 1, 2
//	    |  startup frame, dag_run.conf in it            |
//	    |---------------------------------------------->|  becomes the user of the task by sudo, if that is a runner's to do
//	    |                      what an act asks         |
//	    |<----------------------------------------------|
//	    |  answer                                       |
//	    |---------------------------------------------->|  notes it in barrier_dir/notes
//	    |                      SucceedTask              |
//	    |<----------------------------------------------|  unless an act has ended it
//
// An act is one entry of dag_run.conf.verbs. Those that the probe has as well (push_xcom,
// mask_secret, get_connection, get_variable, wait_for, log, exit, signal_self,
// ignore_sigterm) mean what docs/contract.md says, so that a scenario of them is played by a puppet as by a probe; spawn, too, and
// wait_for may be silent: nothing is pushed before. ask, ask_log and note_sigterm are the
// puppet's own. Where the manifest leaves the switch to the runner, barrier_dir/user
// names whom to become.
//
// It runs as whatever user the supervisor starts it as. Who it is, what it holds and
// whether it lives is read from /proc, as of any process under test. What it notes is
// what no other process can see: the frames that it was sent. The file lies in a
// folder of root; processes of the sandbox may add to it.
//
// Where an act fails that is to be noted, the note is {"error": TEXT} and the next one
// follows. Otherwise, and where there is nothing to play by, the puppet says why on
// standard error and ends with exit code 97.
package puppet
