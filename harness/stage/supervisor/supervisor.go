// Package supervisor is the door of role supervisor: the process that launches a runner
// is under test, and the stage is executor, Execution API and runner.
//
//	stage                                           supervisor                    puppet
//	 file          -> workload                      argv
//	 HTTP          <- requests, answers ->          [core] execution_api_server_url
//	 two pipes     <- text                          fd 1, fd 2
//	 file          <- task log                      base_log_folder/log_path
//	 dag_run.conf  -> acts                          startup frame            ->   fd 0
//	 file          <- notes                                                  <-   barrier_dir/notes
//
// All but the puppet is as in role worker, and so are the words of that role, which a
// scenario has here, too. The supervisor starts the program that "{runner}" names in its
// manifest, package puppet. A scenario that this role alone can play is a Script:
//
//	Alone: supervisor.Script(func(s *supervisor.Stage) {
//		run := s.Start(stage.Task{As: "alice"}, supervisor.AskLog().Noted("log"), supervisor.Do(stage.WaitFor("here")))
//		run.At("here")
//		run.Noted("log")
//	})
package supervisor

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

// door is that of role worker, with a puppet for each task.
type door struct{ *worker.Door }

// Open opens the door for one case.
func Open(b *stage.Backstage) (stage.Door, error) {
	api, err := worker.NewDoor(b, withPuppet)
	if err != nil {
		return nil, err
	}
	return door{api}, nil
}

// players are what the stage plays to one task: API, executor and puppet.
type players struct {
	stage.Counterpart
	talk *stage.Conversation
}

func withPuppet(c *stage.Conversation, server stage.Counterpart) stage.Counterpart {
	return players{server, c}
}

// Words name the puppet beside what role worker has.
func (p players) Words() map[string]string {
	words := maps.Clone(p.Counterpart.Words())
	words["{runner}"] = p.talk.Backstage().Command(puppet.Command)
	return words
}

// Start starts the supervisor, for which a puppet is ready.
func (p players) Start(cmd *exec.Cmd) error {
	for _, verb := range p.talk.Task().Verbs {
		if do, _ := verb["do"].(string); !puppet.Plays(do) {
			return fmt.Errorf("a puppet cannot play %q: role supervisor makes no sense for this task", do)
		}
	}
	if err := p.prepare(); err != nil {
		return fmt.Errorf("prepare the puppet: %w", err)
	}
	return p.Counterpart.Start(cmd)
}

// prepare makes the files that the puppet finds beside its barriers.
func (p players) prepare() error {
	backstage, task := p.talk.Backstage(), p.talk.Task()
	// Whoever the supervisor runs the puppet as may add to its notes; root alone reads them.
	if err := account.Root().MakeFile(backstage.Path(below(p.talk.Run, puppet.NotesFile)), "", 0o622); err != nil {
		return err
	}
	if task.As == "" || backstage.Launch().Switch != switchByRunner {
		return nil
	}
	return account.Root().MakeFile(backstage.Path(below(p.talk.Run, puppet.UserFile)), task.As, 0o644)
}

// switchByRunner is what the manifest says where a supervisor starts every runner as the
// worker account.
const switchByRunner = "runner"

// below is a file of the puppet, as a path below the folder of the case.
func below(r *stage.Run, name string) string { return filepath.Join("barrier", r.Label(), name) }

// Script is what a scenario does in role supervisor alone.
type Script func(*Stage)

// Roles is role supervisor.
func (Script) Roles() []role.Role { return []role.Role{role.Supervisor} }

// Play plays the script on a stage of role supervisor.
func (script Script) Play(s *stage.Stage, d stage.Door) {
	own := d.(door)
	worker.Script(func(s *worker.Stage) { script(&Stage{Stage: s, door: own}) }).Play(s, own.Door)
}

// WithWorker is a script of role worker that role supervisor plays as well.
type WithWorker worker.Script

// Roles are supervisor and worker.
func (WithWorker) Roles() []role.Role { return []role.Role{role.Supervisor, role.Worker} }

// Play plays the script on a stage of one of the two.
func (script WithWorker) Play(s *stage.Stage, d stage.Door) {
	if own, is := d.(door); is {
		d = own.Door
	}
	worker.Script(script).Play(s, d)
}

// Stage is the stage in role supervisor.
type Stage struct {
	*worker.Stage
	door door
}

// Run is one task in role supervisor.
type Run struct {
	*worker.Run
	stage *Stage
}

// Start is Stage.Start of every role. The puppet plays the acts after the verbs of the
// task, and then succeeds, unless one of them ends it.
func (s *Stage) Start(task stage.Task, acts ...Act) *Run {
	task.Verbs = task.Verbs[:len(task.Verbs):len(task.Verbs)]
	for _, act := range acts {
		task.Verbs = append(task.Verbs, act.verb)
	}
	return &Run{Run: s.Stage.Start(task), stage: s}
}
