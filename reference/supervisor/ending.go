package supervisor

import (
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
	"github.com/understudy-conformance/understudy/reference/supervisor/family"
)

// ending is all that decides which state is reported once the process is gone.
type ending struct {
	reported    string // state of the task's own terminal message, "" if there was none
	byServer    bool   // the server said that the task is not to run
	stopped     bool   // the supervisor ended it for another reason
	exit        family.Exit
	shouldRetry bool
}

// state is what the server is told: the task's own word if it gave one, else a
// definite failure. Exit code 0 without a word is a failure of the runner that a
// retry would repeat. "" means that the server wants to hear nothing.
func (e ending) state() string {
	switch {
	case e.byServer:
		return ""
	case e.reported != "":
		return e.reported
	case e.exit.Clean() && !e.stopped, !e.shouldRetry:
		return message.StateFailed
	}
	return message.StateUpForRetry
}

// body is what is sent for a state that the task did not report itself.
func (e ending) body() []byte { return api.FailureBody(e.state(), time.Now()) }
