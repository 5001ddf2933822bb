package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"pgregory.net/rapid"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/world"
	releases "github.com/understudy-conformance/understudy/protocol/spoken"
)

// takers are the functions that make a sentence, or the object of one, out of a
// text, and which of their arguments that text is.
var takers = map[string]int{
	"violated": 1, "unmet": 0, "violatedAt": 3, "fails": 0, "late": 1, "within": 1, "until": 1,
	"Equal": 0, "True": 0, "That": 0, "Fails": 0, "Contains": 0, "NotContains": 0, "Matches": 0, "Empty": 0,
	"Count": 0, "LineWith": 0, "CouldNotRun": 0, "Violated": 0, "Within": 1, "Await": 0, "await": 0,
}

// spoken finds every place in the stage and its doors at which a sentence is made: the function
// and the source of the text.
func spoken(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.go", "*/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	var places []string
	set := token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				method, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				at, taker := takers[method.Sel.Name]
				if !taker || at >= len(call.Args) {
					return true
				}
				if on, is := method.X.(*ast.Ident); is && (on.Name == "slices" || on.Name == "strings") {
					return true
				}
				var text bytes.Buffer
				if err := printer.Fprint(&text, set, call.Args[at]); err != nil {
					t.Fatal(err)
				}
				places = append(places, filepath.Join(filepath.Dir(file), function.Name.Name)+": "+text.String())
				return true
			})
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// facts are what differs between two runs in which the same thing happens.
type facts struct {
	pid, other, folder, port, times, busy int
	nonce, ti                             string
	at                                    time.Time
	took                                  time.Duration
}

func drawFacts(t *rapid.T, name string) facts {
	pid := rapid.IntRange(2, 4<<20)
	return facts{
		pid: pid.Draw(t, name+" pid"), other: pid.Draw(t, name+" other pid"),
		folder: rapid.IntRange(1, 500).Draw(t, name+" folder"), port: rapid.IntRange(1024, 65535).Draw(t, name+" port"),
		times: rapid.IntRange(1, 50000).Draw(t, name+" times"), busy: rapid.IntRange(1, 6).Draw(t, name+" busy"),
		nonce: rapid.StringMatching(`[0-9a-f]{24}`).Draw(t, name+" nonce"),
		ti:    rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).Draw(t, name+" task"),
		at:    time.UnixMicro(rapid.Int64Range(1.7e15, 1.9e15).Draw(t, name+" time")).UTC(),
		took:  time.Duration(rapid.Int64Range(1e6, 1e11).Draw(t, name+" took")),
	}
}

// process is one of alice's.
func (f facts) process(command string) proc.Process {
	return proc.Process{PID: f.pid, UIDs: [4]int{61002, 61002, 61002, 61002}, GIDs: [4]int{61002, 61002, 61002, 61002}, Groups: []int{61100}, Command: command}
}

// logLine is a record as implementations write them.
func (f facts) logLine(event string) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"info","event":%q,"pid":%d}`, f.at.Format(time.RFC3339Nano), event, f.pid)
}

// run is one that goes on for ever and has told that state; for it nobody waits long.
func (f facts) run(c Check, state string) *Run {
	s := c.stage
	s.spec.Patience = 1
	s.World.AddTask(world.TaskInstance{ID: f.ti, Dag: "probe", Run: "r", Task: "probe_alice", Map: -1})
	if state != "" {
		s.World.Report(f.ti, world.Report{Type: "state", State: state, At: f.at}, nil, releases.Operation{})
	}
	r := &Run{
		stage: s, label: "alice", ti: f.ti, dagID: "probe", runID: "r", taskID: "probe_alice", root: proc.Process{PID: f.pid},
		ended: make(chan struct{}), drained: make(chan struct{}), over: make(chan struct{}), barriers: map[string]*barrier{},
		said:     map[string]*record.Output{"stdout": {}, "stderr": {}, "log": {}},
		messages: []string{fmt.Sprintf("PUT task-instances/%s/heartbeat 204", f.ti), fmt.Sprintf("state(%s) after %v", state, f.took)},
		faults:   []string{fmt.Sprintf("read frame header: %d octets", f.times)},
	}
	r.said["log"].Add([]byte(f.logLine("began") + "\n" + f.nonce + "\n"))
	r.counterpart = plain{&Conversation{r}}
	return r
}

// plain is a counterpart for runs that were not started.
type plain struct{ *Conversation }

func (p plain) Settings() map[string]string { return map[string]string{"core.of_role": "x"} }
func (p plain) Words() map[string]string    { return nil }
func (p plain) Start(*exec.Cmd) error       { return errors.New("is not started") }
func (p plain) Log() TaskLog                { return p.Received() }
func (p plain) Failed(e End) bool           { return e.Told("failed") }
func (p plain) Problem() string             { return "" }
func (p plain) Succeeded(e End) (string, bool) {
	return "success and nothing else is told to the server", e.Told("success")
}

func (f facts) backstage(c Check) *Backstage { return &Backstage{c.stage} }

// outcome is that of a server.
func (f facts) outcome() string {
	return fmt.Sprintf("process %d ended with exit code 2\nend of its output:\n%s", f.pid, f.logLine(f.nonce))
}

// over is a run that has ended with exit code 0.
func (f facts) over(c Check, state string) *Run {
	r := f.run(c, state)
	c.stage.spec.Patience = time.Hour
	close(r.ended)
	close(r.drained)
	close(r.over)
	return r
}

func never() bool { return false }

// sentences are all that the stage can say about an implementation: each place of
// spoken, with what makes it speak. The rest of what is said there comes from a
// scenario or from the implementation.
var sentences = map[string][]func(Check, facts){
	"Fails: what": {func(c Check, f facts) {
		c.Fails("found by a word of an area", "nothing", f.process("sleep 600").String())
	}},
	"fails: what": {func(c Check, f facts) {
		c.fails("found by other means", "nothing", fmt.Sprintf("pid %d did it", f.pid))
	}},
	"unmet: says": {func(c Check, f facts) {
		c.stage.World.Takes(f.ti, "SucceedTask", []string{"end_dat"})
		c.stage.unmet("not found by the stage", "something", fmt.Sprintf("pid %d did it", f.pid))
	}},
	"violated: says": {func(c Check, f facts) {
		c.stage.World.Takes(f.ti, "SucceedTask", []string{"end_dat"})
		c.stage.violated("IMP-004", "found by the stage", "nothing", fmt.Sprintf("pid %d did it", f.pid))
	}},
	`fitting: "the implementation sent what its release does not take"`: {func(c Check, f facts) {
		c.stage.World.Takes(f.ti, "SucceedTask", []string{"end_dat", "hostname"})
		c.stage.fitting()
	}},
	"within: awaited": {func(c Check, f facts) { f.run(c, "success").EndWithin(1) }},
	"until: awaited":  {func(c Check, f facts) { f.run(c, "").await("3 heartbeats of alice", never) }},
	"await: awaited":  {func(c Check, f facts) { f.run(c, "").await("an XCom of alice", never) }},
	"Await: awaited":  {func(c Check, f facts) { (&Conversation{f.run(c, "")}).Await("a variable of alice", never) }},
	"Violated: says": {func(c Check, f facts) {
		(&Conversation{f.run(c, "")}).Violated("found by a door", "nothing", fmt.Sprintf("pid %d did it", f.pid))
	}},
	`late: "waited in vain for " + awaited`: {
		func(c Check, f facts) { f.run(c, "").EndWithin(1) },
	},
	`EndWithin: fmt.Sprintf("the process of %s to end", r.label)`: {
		func(c Check, f facts) { f.run(c, "failed").EndWithin(1) },
	},
	"At: awaited": {func(c Check, f facts) {
		r := f.run(c, "")
		r.barriers["here"] = &barrier{}
		r.At("here")
	}},
	`AtOrEnded: fmt.Sprintf("%s to reach barrier %s, or to end", r.label, barrier)`: {
		func(c Check, f facts) { f.run(c, "").AtOrEnded("there") },
	},
	"Within: awaited": {func(c Check, f facts) { f.backstage(c).Within(1, "a door", nil, f.outcome) }},
	`worker/start: s.Label() + " to say READY=1 to the socket that NOTIFY_SOCKET names"`: {func(c Check, f facts) {
		f.backstage(c).Within(1, "server to say READY=1 to the socket that NOTIFY_SOCKET names", nil, f.outcome)
	}},
	`worker/refuses: "the server does not start"`: {func(c Check, f facts) {
		(&Conversation{f.run(c, "")}).Violated("the server does not start", "a process that says READY=1 to the socket that NOTIFY_SOCKET names, and serves", f.outcome())
	}},
	`worker/Finish: s.Label() + " to end after SIGTERM, since all its tasks have"`: {func(c Check, f facts) {
		f.backstage(c).Within(1, "server to end after SIGTERM, since all its tasks have", nil, f.outcome)
	}},
	`worker/gone: "the server ended by itself"`: {func(c Check, f facts) {
		(&Conversation{f.run(c, "")}).Violated("the server ended by itself", "server serves until SIGTERM, and then ends with exit code 0 or by the signal", f.outcome())
	}},
	`worker/leaves: "processes of the server are left"`: {func(c Check, f facts) {
		(&Conversation{f.run(c, "")}).Violated("processes of the server are left", "no process of server lives after it", proc.Lines([]proc.Process{f.process("keeper")}))
	}},
	"worker/Beats: awaited": {func(c Check, f facts) { f.run(c, "").await("4 heartbeats of alice", never) }},
	`worker/Beats: "the task ended before it had sent so many heartbeats"`: {func(c Check, f facts) {
		talk := &Conversation{f.over(c, "")}
		talk.Violated("the task ended before it had sent so many heartbeats", "3 heartbeats of alice", talk.Saw())
	}},
	"worker/BeatAnswered: awaited": {func(c Check, f facts) { f.run(c, "").await("a heartbeat of alice that is answered 409", never) }},
	`worker/BeatAnswered: "the task ended before a heartbeat was answered so"`: {func(c Check, f facts) {
		talk := &Conversation{f.over(c, "")}
		talk.Violated("the task ended before a heartbeat was answered so", "a heartbeat of alice that is answered 409", talk.Saw())
	}},
	"worker/Reported: awaited": {func(c Check, f facts) { f.run(c, "").await("the state success of alice", never) }},
	`worker/Reported: "the task ended before the server knew its state"`: {func(c Check, f facts) {
		talk := &Conversation{f.over(c, "")}
		talk.Violated("the task ended before the server knew its state", "the state success of alice", talk.Saw())
	}},
	`At: "the task ended before it came to the barrier"`: {func(c Check, f facts) {
		r := f.over(c, "success")
		r.barriers["here"] = &barrier{}
		r.At("here")
	}},
	`At: "no process stands at the barrier"`: {func(c Check, f facts) {
		r := f.run(c, "")
		c.stage.World.SetXCom(r.XCom("at_here"), true)
		null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		c.stage.must(err)
		file := os.NewFile(uintptr(null), fmt.Sprintf("/srv/understudy/%d/barrier/alice/here", f.folder))
		defer file.Close()
		r.barriers["here"] = &barrier{file: file}
		r.At("here")
	}},
	`Result: "a result is missing"`: {func(c Check, f facts) { f.over(c, "success").Result("k") }},
	`worker/misplaced: "the task log is not where it belongs"`: {func(c Check, f facts) {
		(&Conversation{f.over(c, "success")}).Violated("the task log is not where it belongs", "a file at base_log_folder/log_path", fmt.Sprintf("no task log of alice at /srv/understudy/%d/logs/alice.log; below base_log_folder lies wrong/place.log", f.folder))
	}},
	`worker/noFile: "the task log is no file of the worker account"`: {func(c Check, f facts) {
		(&Conversation{f.over(c, "success")}).Violated("the task log is no file of the worker account",
			"a regular file with one name, owned by the worker account, at base_log_folder/log_path", fmt.Sprintf("task log of alice: /srv/understudy/%d/logs/alice.log is a FIFO, not a regular file", f.folder))
	}},
	`supervisor/missing: "the puppet has not noted what it should"`: {func(c Check, f facts) {
		talk := &Conversation{f.over(c, "success")}
		talk.Violated("the puppet has not noted what it should", `a note "log" of the puppet of alice`, "notes: startup, no more; "+talk.Saw())
	}},
	`supervisor/unreadable: "the notes of the puppet are not as it wrote them"`: {func(c Check, f facts) {
		(&Conversation{f.over(c, "success")}).Violated("the notes of the puppet are not as it wrote them",
			"a file of root with a line of JSON for each note", fmt.Sprintf("/srv/understudy/%d/barrier/alice/notes belongs to uid 61002", f.folder))
	}},
	`changedFile: "a file of the scenario is gone or something else"`: {func(c Check, f facts) {
		path := fmt.Sprintf("/srv/understudy/%d/home/.bashrc", f.folder)
		c.stage.changedFile(path, fmt.Errorf("%s is a FIFO, not a regular file", path))
	}},
	`exchangedFolder: "a folder of the case was exchanged"`: {func(c Check, f facts) {
		c.stage.exchangedFolder("logs", fmt.Errorf("give /srv/understudy/%d/logs to airflow: it is a symbolic link to %q", f.folder, "/etc"))
	}},
	`toSucceed: "the task of " + r.label + " should have succeeded"`: {
		func(c Check, f facts) { f.over(c, "failed").Succeeds() },
		func(c Check, f facts) { f.over(c, "").Succeeds() },
	},
	`toFail: "the task of " + r.label + " should have failed"`: {
		func(c Check, f facts) { f.over(c, "success").Fails() },
	},
	`Equal: what + " is not what it should be"`: {
		func(c Check, f facts) { c.Equal("text", "written "+f.at.Format(time.RFC3339Nano), "") },
		func(c Check, f facts) { c.Equal("number of uploads", 7, 1) },
		func(c Check, f facts) { c.Equal("number of uploads", 8, 1) },
		func(c Check, f facts) {
			c.Equal("sender", map[string]any{"host": "a", "pid": f.pid}, map[string]any{"host": "b", "pid": f.other})
		},
		func(c Check, f facts) { c.Equal("token", f.nonce, "") },
		func(c Check, f facts) {
			c.Equal("long text", strings.Repeat(f.nonce+" ", 40), strings.Repeat("x", 400))
		},
	},
	`RunsAs: fmt.Sprintf("real, effective and saved uid of %s at barrier %s", r.Label(), barrier)`: {
		func(c Check, f facts) {
			c.Equal("real, effective and saved uid of alice at barrier here", []int{61001, 61001, 61001}, []int{61002, 61002, 61002})
		},
		func(c Check, f facts) {
			c.Equal("real, effective and saved uid of alice at barrier here", []int{0, 0, 0}, []int{61002, 61002, 61002})
		},
		func(c Check, f facts) {
			c.Equal("real, effective and saved uid of alice-2 at barrier here", []int{0, 0, 0}, []int{61002, 61002, 61002})
		},
	},
	`Refused: "code of a task ran that should have been refused"`: {func(c Check, f facts) {
		c.fails("code of a task ran that should have been refused", "no code of ghost runs", "it ran as uid 61001 (airflow)")
	}},
	"True: what": {func(c Check, f facts) {
		c.True("sudo for the worker's own user", false, "no sudo process", fmt.Sprintf("processes %d and %d", f.pid, f.other))
	}},
	"That: what": {
		func(c Check, f facts) {
			c.That("a heartbeat, before the end", f.at, gomega.BeTemporally("<", f.at.Add(-f.took)))
		},
		func(c Check, f facts) { c.That("connections", 0, gomega.BeNumerically(">", 0)) },
	},
	`Contains: what + " does not contain what it should"`: {func(c Check, f facts) { c.Contains("log", f.logLine("began"), "ended") }},
	`Matches: what + " does not match"`:                   {func(c Check, f facts) { c.Matches("log", f.logLine("began"), "ended") }},
	`LineWith: what + ": no line says what it must"`:      {func(c Check, f facts) { c.LineWith("log", strings.Repeat(f.logLine(f.nonce)+"\n", 30), "ended") }},
	`Empty: what + ": there should be none"`: {func(c Check, f facts) {
		c.Empty("leftovers", fmt.Sprintf("/tmp/lock%d", f.port), fmt.Sprintf("socket:[%d]", f.times))
	}},
	"Count: what": {func(c Check, f facts) { c.Count("lines of log", strings.Repeat(f.nonce+"\n", f.times), f.nonce, 0) }},
	"Once: what":  {func(c Check, f facts) { c.Once("record of the task", f.logLine("began"), f.nonce) }},
	`NoUserCode: "user code of " + r.Label() + " that ran, by the XComs it pushed"`: {func(c Check, f facts) {
		r := f.over(c, "success")
		c.stage.World.SetXCom(r.XCom("ran"), true)
		c.NoUserCode(r)
	}},
	"unseen: seen[0].What": {func(c Check, f facts) {
		c.stage.seen = map[string][]journal.Witness{c.clause: {{What: ofLogs.broken, Expected: ofLogs.instead, Actual: "a secret in the task log of alice"}}}
		c.unseen("logs with a secret in them")
	}},
	`dead: "a process that should live does not"`: {func(c Check, f facts) { c.dead("alice", "sleep", []proc.Process{f.process("sh -c x")}) }},
	`left: "processes of the task are left"`: {
		func(c Check, f facts) { c.left(f.took, "alice", []proc.Process{f.process("/usr/bin/sleep 600")}) },
		func(c Check, f facts) { c.left(f.took, "alice", []proc.Process{f.process("python -m x")}) },
	},
}

func TestEverySentenceOfTheStageIsKnown(t *testing.T) {
	places := spoken(t)
	for _, place := range places {
		if len(sentences[place]) == 0 {
			t.Errorf("%s is not among sentences: say there what varies in it, or nobody knows whether an entry of the list of known deviations fits it", place)
		}
	}
	for place := range sentences {
		if !slices.Contains(places, place) {
			t.Errorf("nothing is said at %s any more", place)
		}
	}
}

// utterance is one sentence with a name.
type utterance struct {
	name string
	say  func(Check, facts)
}

func utterances() []utterance {
	var all []utterance
	for _, place := range slices.Sorted(maps.Keys(sentences)) {
		for n, say := range sentences[place] {
			all = append(all, utterance{fmt.Sprintf("%s #%d", place, n+1), say})
		}
	}
	return all
}

// heard is the observation that a sentence makes.
func (u utterance) heard(t *testing.T, f facts) journal.Observation {
	o := seen(t, func(c Check) {
		c.stage.ctx = context.Background()
		c.stage.session = &Session{Busy: func() int { return f.busy }}
		u.say(c, f)
	})
	if o == nil || o.Outcome != journal.Violated {
		t.Fatalf("%s: %+v, want a violation", u.name, o)
	}
	return *o
}

// entryFor is what would be suggested for the observation, with a reason.
func entryFor(t *testing.T, o journal.Observation) *expect.Entry {
	text := strings.Replace(expect.Suggest(plan.Case{ID: "IMP-004/worker/x", Role: role.Worker}, o), "reason: "+expect.ChangeMe, "reason: known", 1)
	f, err := expect.Read("suggested", []byte(text))
	if err != nil {
		t.Fatalf("the entry for %+v cannot be read: %v\n%s", o, err, text)
	}
	return f.Entries[0]
}

func TestASuggestedEntryFitsTheNextRunAndNoOtherSentence(t *testing.T) {
	all := utterances()
	rapid.Check(t, func(rt *rapid.T) {
		now, then := drawFacts(rt, "now"), drawFacts(rt, "then")
		chosen := rapid.SampledFrom(all).Draw(rt, "sentence")
		other := entryFor(t, chosen.heard(t, now))
		const parts = 4 // of all sentences one is tried each time: a hundred times all would take long
		for n := rapid.IntRange(0, parts-1).Draw(rt, "part"); n < len(all); n += parts {
			u := all[n]
			entry, next := entryFor(t, u.heard(t, now)), u.heard(t, then)
			if !entry.Explains(next) {
				rt.Fatalf("the entry for %s\n%s\ndoes not fit the next run:\n%+v", u.name, entry.Actual, next)
			}
			if u.name != chosen.name && other.Explains(next) {
				rt.Fatalf("the entry for %s\n%s\nfits %s as well:\n%+v", chosen.name, other.Actual, u.name, next)
			}
		}
	})
}
