package stage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// misfits lists what the implementation sent and its release does not take, or, of one
// that is newer than all that are known, what nobody knows.
func (s *Stage) misfits(newer bool) []string {
	var list []string
	for _, m := range s.World.Misfits() {
		if text := m.String(); m.As.Newer() == newer && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// ProbeFault is the key of the XCom by which a probe says that it cannot do what it is
// told, for a reason of its own.
const ProbeFault = "probe_fault"

// judgeable ends the scenario if the implementation cannot be judged: it spoke as another
// release than the manifest says, or as one that nobody knows, or its probe is at fault.
func (s *Stage) judgeable(where string) {
	if disputed := s.World.Disputed(); disputed != "" {
		panic(stop{journal.Observation{Outcome: journal.CouldNotRun, Misled: true, Says: s.text(
			"the implementation is of another release than the manifest says: " + disputed + ": correct the key airflow")}})
	}
	if unknown := s.misfits(true); len(unknown) > 0 {
		panic(stop{journal.Observation{Outcome: journal.CouldNotRun, Says: s.text(
			"the implementation is newer than this suite: " + strings.Join(unknown, "; "))}})
	}
	for _, r := range s.allRuns() {
		if fault, is := s.World.XCom(r.XCom(ProbeFault)); is {
			panic(stop{journal.Observation{Outcome: journal.CouldNotRun, Where: where, Says: s.text(
				fmt.Sprintf("the probe failed for a reason of its own, in the task of %s: %v", r.label, fault))}})
		}
	}
}

// fitting ends a scenario in which all held if the implementation sent what its release
// does not take.
func (s *Stage) fitting() {
	s.judgeable("")
	if refused := s.misfits(false); len(refused) > 0 {
		s.violatedAt("", s.first(), false, "the implementation sent what its release does not take",
			"only what Airflow "+s.World.Shape().Name()+" takes", strings.Join(refused, "\n"))
	}
}
