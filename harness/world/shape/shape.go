// Package shape gives what is said in a world, and what is taken there, the form that
// one release of Airflow has: frames and bodies, the statuses that its API declares, how
// a runner comes to its log channel, and how long a supervisor waits before it kills.
//
// All that differs between releases is asked of a Shape, and nowhere else. What can be
// read out of the released packages is data, see package spoken; the rest stands in
// habits.
package shape

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/protocol/release"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

// Shape is the form of one release.
type Shape struct {
	spoken *spoken.Release
	habits
	asked string // what it is the shape of, in words
	newer bool
}

// habits are what a release does that its packages do not declare.
type habits struct {
	// HandsLog says that a supervisor gives its runner the log channel as descriptor 3.
	// Otherwise the runner asks for it. After a switch it asks for it in either case.
	HandsLog bool
	grace    time.Duration // from SIGTERM to SIGKILL
	setting  string        // "section.key" that sets it in seconds; "" where none does
}

// of each minor release that is known: supervisor.py of its task SDK.
var habitsOf = map[string]habits{
	"3.3": {grace: 5 * time.Second},
	"3.4": {HandsLog: true, grace: 60 * time.Second, setting: "core.killed_task_cleanup_time"},
}

// Default is the release as which a program counts that names none: the newest final
// one that is known.
func Default() release.Version {
	all := spoken.All()
	for _, r := range slices.Backward(all) {
		if r.Airflow.Final() {
			return r.Airflow
		}
	}
	return all[0].Airflow
}

// Of returns the shape of a release: of one that is older than all that are known the
// shape of the oldest, of a newer one that of the newest, see Newer.
func Of(v release.Version) Shape {
	minor := func(of release.Version) release.Version { return release.MustParse(of.Minor()) }
	return pick("Airflow "+v.String(), func(r *spoken.Release) int { return minor(r.Airflow).Compare(minor(v)) })
}

// date is the form of versions of the API.
var date = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// OfAPI returns the shape of the release that speaks a version of the API, as Of does.
func OfAPI(version string) (Shape, error) {
	if !date.MatchString(version) {
		return Shape{}, fmt.Errorf("%.40q is no version of the Execution API such as %s", version, spoken.All()[0].API.Version)
	}
	return pick("API version "+version, func(r *spoken.Release) int {
		switch {
		case r.API.Version < version:
			return -1
		case r.API.Version > version:
			return 1
		}
		return 0
	}), nil
}

// pick takes the last release that does not come after what is asked for, or the first.
func pick(asked string, compare func(*spoken.Release) int) Shape {
	all := spoken.All()
	i := len(all) - 1
	for i > 0 && compare(all[i]) > 0 {
		i--
	}
	return Shape{
		spoken: all[i], habits: habitsOf[all[i].Airflow.Minor()], asked: asked,
		newer: i == len(all)-1 && compare(all[i]) < 0,
	}
}

// Name is the release whose shape it is: "3.4".
func (s Shape) Name() string { return s.spoken.Airflow.Minor() }

// API is the version of the API that the release speaks.
func (s Shape) API() string { return s.spoken.API.Version }

// Newer says that what was asked for is newer than every release that is known: what it
// says may be right although the shape, that of the newest one, does not have it.
func (s Shape) Newer() bool { return s.newer }

// Same says whether both are the shape of one release, as far as that is known.
func (s Shape) Same(other Shape) bool { return s.spoken == other.spoken && s.newer == other.newer }

// String says what it is the shape of.
func (s Shape) String() string {
	if s.newer {
		return fmt.Sprintf("%s, which is newer than the newest release that this suite knows, %s (API version %s)", s.asked, s.Name(), s.API())
	}
	return fmt.Sprintf("%s (release %s, API version %s)", s.asked, s.Name(), s.API())
}

// Grace is how long a supervisor waits between SIGTERM and SIGKILL. setting returns what
// it was told under a name such as core.killed_task_cleanup_time, or "".
func (s Shape) Grace(setting func(name string) string) time.Duration {
	if s.setting != "" {
		if seconds, err := strconv.ParseFloat(setting(s.setting), 64); err == nil && seconds >= 0 {
			return time.Duration(seconds * float64(time.Second))
		}
	}
	return s.grace
}

// Frame returns a message as the release has it; its error says that it has none.
func (s Shape) Frame(body message.Body) (message.Body, error) {
	return message.AtVersion(body, s.spoken.Airflow)
}

// Operation returns what an operation of the API, such as
// "PUT /task-instances/{task_instance_id}/heartbeat", takes and answers, and whether the
// release has it.
func (s Shape) Operation(name string) (spoken.Operation, bool) {
	operation, there := s.spoken.API.Operations[name]
	return operation, there
}
