package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

var nothingIsInherited = stage.Spec{
	Slug:     "nothing-is-inherited",
	Says:     "the output of a task arrives, and of what else it has open nothing is its supervisor's: no socket, pipe or file, not the task log either",
	Verifies: []string{"LIFE-001.inherited", "LIFE-001.output"},
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		for _, user := range []string{stage.WorkerAccount, "alice"} {
			out, err := s.Nonce(), s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Print(out), stage.PrintError(err), stage.WaitFor("here"))})
			task := s.Require("LIFE-001.inherited").RunsAs(run, "here", user)
			open, failed := task.FDs()
			s.Must(failed)
			log := run.LogFile()
			var above []proc.FD
			for _, p := range run.Above(task) {
				if p.Name == "sudo" { // has what it hands on
					continue
				}
				theirs, failed := p.FDs()
				s.Must(failed)
				above = append(above, theirs...)
			}
			s.Require("LIFE-001.inherited").True("control: descriptors of the supervisor of "+run.Label(), len(above) > 3, "more than three", fmt.Sprint(len(above)))
			s.Require("LIFE-001.inherited").Empty("descriptors of "+run.Label()+" that its supervisor has open, too", shared(open, above)...)
			s.Require("LIFE-001.inherited").True("task log of "+run.Label(), !task.HasOpen(log.Device, log.Inode), "not open in the task", "open")
			run.Release("here")
			run.Succeeds()
			s.Require("LIFE-001.output").Once("what "+run.Label()+" printed on descriptor 1", run.TaskLog(), out)
			s.Require("LIFE-001.output").Once("what "+run.Label()+" printed on descriptor 2", run.TaskLog(), err)
		}
	}),
}

// A runner may move its descriptors. A puppet has them as it was started.
var threeDescriptors = stage.Spec{
	Slug:     "three-descriptors",
	Says:     "a runner that has done nothing yet has a socket as descriptor 0, and no more than one beside its output",
	Verifies: []string{"LIFE-001.channel", "LIFE-001.log"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{stage.WorkerAccount, "alice"} {
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.WaitFor("here"))})
			task := s.Require("LIFE-001.channel").RunsAs(run, "here", user)
			open, failed := task.FDs()
			s.Must(failed)
			first := len(open) > 0 && open[0].Number == 0 && isSocket(open[0])
			s.Require("LIFE-001.channel").True("descriptor 0 of "+run.Label(), first, "a socket", fmt.Sprint(open))
			s.Require("LIFE-001.log").True("sockets of "+run.Label()+" beside descriptors 0 to 2", len(further(open)) <= 1, "one, for logs, or none", strings.Join(further(open), ", "))
			run.Release("here")
			run.Succeeds()
		}
	}),
}

func isSocket(fd proc.FD) bool { return strings.HasPrefix(fd.Target, "socket:") }

// beside are the descriptors that are not 0 to 2, nor copies of them.
func beside(open []proc.FD) []proc.FD {
	return slices.DeleteFunc(slices.Clone(open), func(fd proc.FD) bool {
		return slices.ContainsFunc(open, func(first proc.FD) bool { return first.Number <= 2 && first.Target == fd.Target })
	})
}

func further(open []proc.FD) (sockets []string) {
	for _, fd := range beside(open) {
		if isSocket(fd) {
			sockets = append(sockets, fmt.Sprintf("%d is %s", fd.Number, fd.Target))
		}
	}
	return sockets
}

// shared describes those of the descriptors that are the same socket, pipe or file as
// one of others. Devices and files of the kernel anybody may open for himself, as the
// runtime of Go does with the limits of its control group.
func shared(open, others []proc.FD) (same []string) {
	for _, fd := range beside(open) {
		nobodys := strings.HasPrefix(fd.Target, "anon_inode:") || strings.HasPrefix(fd.Target, "/dev/") || strings.HasPrefix(fd.Target, "/proc/") || strings.HasPrefix(fd.Target, "/sys/")
		if !nobodys && slices.ContainsFunc(others, func(other proc.FD) bool { return other.Target == fd.Target }) {
			same = append(same, fmt.Sprintf("%d is %s", fd.Number, fd.Target))
		}
	}
	return same
}
