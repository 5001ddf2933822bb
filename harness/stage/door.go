package stage

import (
	"os/exec"

	"github.com/understudy-conformance/understudy/harness/role"
)

// Door is what a role means, for one case. The stage itself knows no role: doors are
// packages below it, one a role, and each has the words that its role alone has.
type Door interface {
	// Counterpart returns what the stage plays opposite the implementation in one
	// conversation, with nothing out of the ordinary.
	Counterpart(*Conversation) Counterpart
	// Rest ends what the implementation keeps running as that account for tasks to come,
	// before the stage waits for the end of all processes of the account.
	Rest(account string)
	// Finish is called when the scenario has done all that it does. It may end it as a
	// violation. Tasks may still live.
	Finish()
	// Close ends what was opened for the case, however the scenario ended.
	Close() error
}

// Doors has, for each role that the stage can play, what opens its door when a case begins.
type Doors map[role.Role]func(*Backstage) (Door, error)

// Script is what a scenario does in roles that have words of their own: such a word
// is on the value that the script is given, so that it does not compile elsewhere.
type Script interface {
	Roles() []role.Role
	// Play plays the case of a stage whose door is that of one of the roles.
	Play(*Stage, Door)
}

// Counterpart is what the stage plays opposite the implementation for one task: its
// supervisor, say, or its API.
type Counterpart interface {
	// Settings are set for the task beside what every case sets; the task's own win.
	Settings() map[string]string
	// Words are what the manifest may use in argv and env beside what it may use in
	// every role, such as "{workload}", and what stands in their place.
	Words() map[string]string
	// Start makes the channels and starts cmd, by Begin or Follow of the conversation.
	Start(cmd *exec.Cmd) error
	// Log is the log of the task, as the role has it.
	Log() TaskLog
	// Succeeded reports whether the end is that of a task that succeeded, and says
	// what that would be. Failed reports whether it is that of one that failed. An end
	// can be neither.
	Succeeded(End) (what string, did bool)
	Failed(End) bool
	// Problem says what is wrong with the task that its run does not show, for
	// violations; "" if nothing is.
	Problem() string
}
