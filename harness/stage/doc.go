// Package stage is what a scenario sees: it starts the implementation under
// test, plays everything around it, watches its processes and checks what it
// did.
//
// A scenario runs inside a sandbox, as root, in the process of
// understudy-worker. It is written once and runs in every role it names:
//
//	role        under test                      the stage plays
//	runner      the process of one task         the supervisor: frames on fd 0
//	supervisor  what launches a runner          the Execution API over HTTP, and the runner
//	worker      supervisor and runner together  the Execution API over HTTP
//
// What a role means is a Door, in a package of its own below this one, which knows no
// role. All doors lead to the same world (package world), so a scenario acts and checks
// without knowing which is open:
//
//	var xcomAcrossUsers = stage.Spec{
//		Slug: "xcom-across-users", Says: "alice pushes an XCom, bob pulls it unchanged",
//		Verifies: []string{"MSG-011"}, Roles: []role.Role{role.Runner, role.Worker},
//		Run: func(s *stage.Stage) {
//			value := s.Nonce()
//			s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.PushXCom("k", value))}).Succeeds()
//			pull := s.Start(stage.Task{As: "bob", Verbs: stage.Verbs(stage.PullXCom("probe_alice", "k").Save("got"))})
//			pull.Succeeds()
//			s.Require("MSG-011").Equal("what bob pulled", pull.Result("got"), value)
//		},
//	}
//
// A scenario that one role alone can play is a Script of that role's package. Its stage
// and its runs have the words of that role, which do not compile anywhere else:
//
//	Alone: runner.Script(func(s *runner.Stage) {
//		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.WaitFor("here"))}, runner.Wire{})
//		run.CloseChannel()
//	}),
//
// # How a scenario ends
//
// It held if Run returns. A check that fails, and a deadline that passes while
// the stage waits for the implementation, is a violation. NotApplicable and
// CouldNotRun say so themselves. Anything else, a panic included, is an error of
// the harness. All of these leave Run by a panic that only this package
// recovers, so they work in Run's own goroutine only.
//
// # What counts as evidence
//
// Identity, groups, descriptors and life of a process come from /proc, read
// while the task waits at a barrier (WaitFor, Run.At). What the probe says about
// itself arrives as XComs and is a claim.
package stage
