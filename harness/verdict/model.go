package verdict

import (
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// What reports show as the journal, or the catalogue, has it.
type (
	Event       = journal.Event
	Check       = journal.Check
	Process     = journal.Process
	HTTP        = journal.HTTP
	Identity    = journal.Identity
	Observation = journal.Observation
	ProfileName = catalogue.Profile
)

// Model is all that reports show. Times are UTC. Text in it comes from the
// implementation under test and is hostile: whoever displays it escapes it.
type Model struct {
	Identity     Identity   // of joined runs: what they have in common, and all that they planned
	Joined       []Identity // of each joined run, oldest first, without Planned; none of a single run
	Started      time.Time  // zero when the journal has no beginning
	Ended        time.Time  // of the last event
	Environment  map[string]string
	Airflow      release.Version // as which the implementation was judged; none when no sandbox said it
	Sandboxes    []Sandbox
	Unfinished   bool   // the journal has its beginning and nothing else: the run goes on, or was killed
	Cut          bool   // the run ended early
	CutWhy       string // "" when the journal does not say why
	Part         Part   // what of a plan this is
	Offered      int    // cases of the suite in roles that are played
	Inside       int    // those of them that were planned
	Profiles     []Profile
	Areas        []Area
	Requirements []Requirement // in the order of the catalogue
	Cases        []Case        // in the order of the index
	Unlisted     int           // planned cases that never began, beyond those in Cases
	Controls     []Control
	Problems     []Problem
}

// Partial says whether this is less than a whole run.
func (m Model) Partial() bool {
	return !m.Part.Whole() || m.Inside < m.Offered || m.Unfinished || m.Cut
}

// Part is what of a plan was played: one of its shards, or several that were joined.
// The zero Part is a whole plan.
type Part struct {
	Shard int // number of the one shard, from 1; 0 of several
	There int // how many shards there are
	Of    int // into how many the plan was cut
}

// Whole says whether no shard is missing.
func (p Part) Whole() bool { return p.There == p.Of }

// Sandbox is one place in which cases ran.
type Sandbox struct {
	Number      int
	Environment map[string]string
	Started     time.Time
	Ended       bool // its exit record is there
	Lost        bool // and yet it did not end by itself, or ended with an error
}

// Control is a plain task that must succeed before anything else means something.
type Control struct {
	Sandbox     int
	Role        role.Role
	Observation Observation
}

// Profile is the summary of one profile. Numbers count requirements.
type Profile struct {
	Name   ProfileName
	Exit   int
	Total  int
	Counts map[Verdict]int

	Clauses int // of all its requirements
	Tested  int // clauses about which this run came to an answer

	Cases map[Verdict]int // cases that verify at least one requirement of the profile
}

// Holds is the number of requirements that were shown to hold.
func (p Profile) Holds() int { return p.Counts[Pass] + p.Counts[UnexpectedPass] }

// Expected is the number of requirements that are violated as listed.
func (p Profile) Expected() int { return p.Counts[ExpectedFail] + p.Counts[ExpectedWarn] }

// Area is the summary of one area.
type Area struct {
	Name, Title string
	Total       int
	Counts      map[Verdict]int
}

// Requirement is what the run says about one row of the catalogue.
type Requirement struct {
	*catalogue.Requirement
	Verdict   Verdict
	Says      string      // of one that is not applicable: why, as the case says of which it has that
	Elsewhere []role.Role // of one that is not applicable because it is seen in these roles only, which are not played
	Covered   bool        // the suite has a case that verifies it, in this run or not
	Roles     map[role.Role]Verdict
	Clauses   []Clause // in the order of the sentence
	Cases     []string // ids of the cases of this run that verify it
}

// Clause is what the run says about one part of a requirement.
type Clause struct {
	catalogue.Clause
	Verdict Verdict // Untested when no case of this run checks it
	Roles   map[role.Role]Verdict
}

// Tested says whether a case of the run came to an answer about the clause.
func (c Clause) Tested() bool {
	return !slices.Contains([]Verdict{Untested, NotShown, NotApplicable, CouldNotRun, ExpectedSkip, HarnessError}, c.Verdict)
}

// Case is what happened to one planned case.
type Case struct {
	plan.Case
	Verdict     Verdict
	Level       catalogue.Level
	Profile     catalogue.Profile   // of Requirement
	Requirement string              // the one that decided
	Within      []catalogue.Profile // profiles for which it counts
	Observation Observation
	Known       []Known // entries of the list of known deviations that explain it
	Attempts    []Attempt
	Started     time.Time
	Duration    time.Duration
	Sandbox     int
	Checks      []Check // of the attempt that decided, in order: too many that held are bounded
	ChecksLeft  int     // how many more held
	Transcript  []Event // of the attempt that decided, in order
	Again       string  // command that runs exactly this case again
	Suggestion  string  // entry for the list of known deviations, when one is missing
}

// Hardened says whether the requirement that decided is of the hardened profile.
func (c Case) Hardened() bool { return c.Profile == catalogue.Hardened }

// Known is an entry of the list of known deviations.
type Known struct {
	Line                 int // in the file
	Reason, Issue, Cause string
	Until                string // the last day on which it holds: 2026-12-31; "" without end
}

// Attempt is one run of a case.
type Attempt struct {
	Number      int
	Verdict     Verdict
	Observation Observation
	Duration    time.Duration
}

// ProblemKind says whose matter a problem is; it decides the exit code.
type ProblemKind string

const (
	Ours       ProblemKind = "harness-error" // 4
	Usage      ProblemKind = "usage"         // 2
	Incomplete ProblemKind = "incomplete"    // 3
	Stale      ProblemKind = "stale-entry"   // 1
)

// Problem is a finding about the run as a whole.
type Problem struct {
	Kind ProblemKind
	Case string // "" when it is about no single case
	Text string

	Pattern string // of a stale entry: its regular expression
	Seen    string // and what that was held against and does not fit, with the case
}
