package stage

import (
	"cmp"
	"path/filepath"
	"time"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Backstage is what a door has of a case, and a scenario has not.
type Backstage struct{ *Stage }

// StartWith starts the implementation for one task, as Stage.Start does, opposite a
// counterpart of the door's choice.
func (b *Backstage) StartWith(task Task, counterpart func(*Conversation) Counterpart) *Run {
	return b.start(task, counterpart)
}

// Beside is a conversation with something of the implementation that runs beside its
// tasks. It has no task but the environment of one, and no counterpart.
func (b *Backstage) Beside(name string, of Task) *Conversation {
	return &Conversation{b.join(&Run{stage: b.Stage, label: b.label(Task{Name: name}), task: Task{Umask: of.Umask}})}
}

// Launch is how the manifest says that the implementation is started in this role.
func (b *Backstage) Launch() implementation.Launch {
	return b.session.Plan.Manifest.Roles[b.role]
}

// Within waits until done is closed. A deadline that passes, after a time to which the
// slowness of the implementation is applied, is a violation of the first requirement,
// which says what was awaited and what saw says was there instead. The time 0 is the
// patience of the scenario.
func (b *Backstage) Within(limit time.Duration, awaited string, done <-chan struct{}, saw func() string) {
	b.within(b.scaled(cmp.Or(limit, b.patience())), awaited, done, saw)
}

// Wait waits until done is closed or the time has passed, whichever comes first. Neither
// means anything.
func (b *Backstage) Wait(limit time.Duration, done <-chan struct{}) {
	wait, stop := b.wait(limit)
	defer stop()
	select {
	case <-done:
	case <-wait.Done():
	}
}

// Faded waits until none of some processes lives any more, and returns those that still
// do after the limit, to which the slowness of the implementation is applied.
func (b *Backstage) Faded(limit time.Duration, match func(proc.Process) bool) []proc.Process {
	return b.fade(b.scaled(limit), match)
}

// Strays are processes that were seen to belong to the case, and to no run in
// particular: whose they are, nothing tells once parent, group and session are gone.
func (b *Backstage) Strays() []proc.Process {
	b.watch.Poll()
	return b.watch.Of(nil)
}

// Begun is when the case began.
func (b *Backstage) Begun() time.Time { return b.begun }

// Command is the path of a helper command.
func (b *Backstage) Command(name string) string { return filepath.Join(b.session.Plan.Bin, name) }

// Folder is the folder of the case, held open from before the implementation was started.
func (b *Backstage) Folder() *safefile.Folder { return b.folder }

// Of returns the conversation about a task instance.
func (b *Backstage) Of(ti string) (*Conversation, bool) {
	for _, r := range b.allRuns() {
		if ti != "" && r.ti == ti {
			return &Conversation{r}, true
		}
	}
	return nil, false
}

// Exchange journals a frame or a request.
func (b *Backstage) Exchange(e journal.Event) { b.record.Exchange(e) }
