package wire

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/internal/ordered"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// asked is a frame with an array.
func asked(elements ...any) []byte {
	payload, err := message.RawOf(elements)
	if err != nil {
		panic(fmt.Sprintf("a frame of a scenario: %v", err)) // the scenario's own
	}
	return frame.Append(nil, payload)
}

// variable is a request for a variable.
func variable(key string) map[string]any { return map[string]any{"type": "GetVariable", "key": key} }

// users are those as whom each of these is tried: no answer depends on the user.
var users = []string{"", "alice"}

var idsComeBack = stage.Spec{
	Slug:     "ids-come-back",
	Says:     "a runner asks under ids from 0 to 2^63-1, falling ones and one twice: each request is answered once, under its id and by its own variable",
	Verifies: []string{"WIRE-007", "WIRE-008.repeated", "WIRE-008.falling"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		rising := []int64{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, 1 << 53, 1<<53 + 1, math.MaxInt64}
		falling := slices.Clone(rising)
		slices.Reverse(falling)
		for _, user := range users {
			for _, ids := range []struct {
				clause string
				list   []int64
			}{{"WIRE-007", rising}, {"WIRE-008.falling", falling}, {"WIRE-008.repeated", []int64{7, 7, 0, 0, math.MaxInt64, math.MaxInt64}}} {
				var octets []byte
				want := []any{}
				for n, id := range ids.list {
					key, value := fmt.Sprintf("v%d", n), s.Nonce()
					s.World.SetVariable(key, value)
					octets = append(octets, asked(id, variable(key), nil)...)
					want = append(want, map[string]any{"id": id, "value": value})
				}
				run := s.Start(stage.Task{As: user}, supervisor.Frames(len(ids.list), octets).Noted("answers"))
				run.End()
				s.Require(ids.clause).Equal("ids and values of the answers to "+run.Label(), valuesOf(run.Noted("answers")), want)
			}
		}
	}),
}

// valuesOf are id and value of each answer, or the answer as it is where it is none.
func valuesOf(answers any) []any {
	list, _ := answers.([]any)
	values := []any{}
	for _, answer := range list {
		elements, _ := answer.([]any)
		if len(elements) < 2 {
			values = append(values, answer)
			continue
		}
		body, _ := elements[1].(map[string]any)
		values = append(values, map[string]any{"id": elements[0], "value": body["value"]})
	}
	return values
}

var requestsOfAnyLength = stage.Spec{
	Slug:     "requests-of-any-length",
	Says:     "a runner asks by arrays of two to six elements: each is answered by an array of three",
	Verifies: []string{"WIRE-004.two", "WIRE-004.three", "WIRE-004.more"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		s.World.SetVariable("v", "w")
		for _, user := range users {
			for _, request := range []struct {
				clause string
				more   []any
			}{
				{"two", nil}, {"three", []any{nil}}, {"more", []any{nil, nil}}, {"more", []any{nil, nil, "unknown", map[string]any{"further": true}}},
			} {
				run := s.Start(stage.Task{As: user, Name: request.clause}, supervisor.Frames(1, asked(append([]any{3, variable("v")}, request.more...)...)).Noted("answer"))
				run.End()
				s.Require("WIRE-004."+request.clause).Equal("answer to "+run.Label(), valuesOf(run.Noted("answer")), []any{map[string]any{"id": 3, "value": "w"}})
			}
		}
	}),
}

var requestsAtOnce = stage.Spec{
	Slug:     "requests-at-once",
	Says:     "a runner writes three requests at once: each is answered, in their order",
	Verifies: []string{"WIRE-003"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		s.World.SetVariable("v", "w")
		for _, user := range users {
			run := s.Start(stage.Task{As: user},
				supervisor.Frames(3, slices.Concat(asked(2, variable("v"), nil), asked(3, variable("v"), nil), asked(4, variable("v"), nil))).Noted("three"))
			run.End()
			one := func(id int) any { return map[string]any{"id": id, "value": "w"} }
			s.Require("WIRE-003").Equal("answers to three requests that came at once", valuesOf(run.Noted("three")), []any{one(2), one(3), one(4)})
		}
	}),
}

var oneAnswerEach = stage.Spec{
	Slug: "one-answer-each",
	Says: "a runner sends requests of a type that nobody knows, with fields missing, of a wrong type or unknown, and good ones between: " +
		"each has one answer of three elements, in its order",
	Verifies: []string{"WIRE-009.invalid", "WIRE-009.others", "WIRE-023.answered", "WIRE-023.goes-on", "WIRE-011", "WIRE-006"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		s.World.SetVariable("v", "w")
		for _, user := range users {
			bad := []any{
				map[string]any{"type": "GetTheMoon"}, map[string]any{"type": "GetVariable"}, map[string]any{"type": "GetVariable", "key": []any{1}},
				map[string]any{"key": "v"}, nil, "GetVariable",
			}
			var octets []byte
			for n, body := range bad {
				octets = slices.Concat(octets, asked(2*n, body, nil), asked(2*n+1, variable("v"), nil))
			}
			run := s.Start(stage.Task{As: user}, supervisor.Frames(2*len(bad), octets).Noted("answers"), supervisor.Push("after", true).Noted("after"))
			run.End()
			s.Require("WIRE-023.goes-on").True("XCom that is pushed afterwards", run.Pushed("after"), "it is stored", "it is not")
			answers, _ := run.Noted("answers").([]any)
			for n, answer := range answers {
				elements, is := answer.([]any)
				s.Require(clauseOf(n)).True(fmt.Sprintf("answer to request %d", n), is, "an answer", fmt.Sprint(answer))
				s.Require("WIRE-006").Equal("elements of an answer", len(elements), 3)
				s.Require("WIRE-011").Equal("id of the answer to the next request", map[string]any{"id": elements[0]}, map[string]any{"id": n})
				refusal, _ := elements[2].(map[string]any)
				switch {
				case n == 0:
					s.Require("WIRE-023.answered").Equal("error of the answer to a type that nobody knows", refusal["error"], "API_SERVER_ERROR")
				case n%2 == 0:
					s.Require("WIRE-009.invalid").True(fmt.Sprintf("answer to %v", bad[n/2]), refusal != nil, "an error in the third element", fmt.Sprint(answer))
				default:
					s.Require(clauseOf(n)).Equal("answer to a good request after a bad one", valuesOf([]any{answer}), []any{map[string]any{"id": n, "value": "w"}})
				}
			}
		}
	}),
}

// clauseOf is what a request of oneAnswerEach is about.
func clauseOf(n int) string {
	switch {
	case n == 0:
		return "WIRE-023.answered"
	case n == 1:
		return "WIRE-023.goes-on"
	case n%2 == 0:
		return "WIRE-009.invalid"
	}
	return "WIRE-009.others"
}

var terminalIsAnswered = stage.Spec{
	Slug:     "terminal-is-answered",
	Says:     "a runner says that the task succeeded, or failed, and asks for a variable: each has one answer, in its order",
	Verifies: []string{"WIRE-009.terminal"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		s.World.SetVariable("v", "w")
		for _, user := range users {
			for name, body := range ordered.Pairs(map[string]any{
				"success": map[string]any{"type": "SucceedTask", "end_date": "2026-01-02T03:04:05Z"},
				"failed":  map[string]any{"type": "TaskState", "state": "failed", "end_date": "2026-01-02T03:04:05Z"},
			}) {
				run := s.Start(stage.Task{As: user, Name: name}, supervisor.Frames(1, asked(5, body, nil)).Noted("terminal"), supervisor.Do(stage.Exit(0)))
				run.End()
				answers, _ := run.Noted("terminal").([]any)
				s.Require("WIRE-009.terminal").Equal("answer to "+run.Label(), answers, []any{[]any{5, nil, nil}})
			}
		}
	}),
}

// broken are octets after which nothing on a stream can be understood.
var broken = []struct {
	name   string
	octets []byte
}{
	{"no-msgpack", frame.Append(nil, []byte{0xc1})},
	{"text", []byte("hello, world\n")},
	{"empty", []byte{0, 0, 0, 0}},
	{"no-array", frame.Append(nil, []byte{0xc3})},
	{"trailing", frame.Append(nil, []byte{0x93, 0x01, 0xc0, 0xc0, 0xc0})},
	{"huge", []byte{0xff, 0xff, 0xff, 0xff, 0x93}},
}

var brokenChannel = stage.Spec{
	Slug:     "broken-channel",
	Says:     "a runner writes what is no frame and waits: the task log says that the protocol was broken, the runner is ended, and the task is failed",
	Verifies: []string{"WIRE-015.logged", "WIRE-015.ended", "WIRE-015.survives", "WIRE-012.reported", "WIRE-013.fails", "WIRE-014.in-time"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range users {
			for _, wrong := range broken {
				run := s.Start(stage.Task{As: user, Name: wrong.name}, supervisor.Do(stage.WaitFor("here")), supervisor.Frames(1, wrong.octets), supervisor.Do(stage.Sleep(600)))
				task := run.At("here")
				run.Release("here")
				clauses := []string{"WIRE-015.logged", "WIRE-015.ended"}
				switch wrong.name {
				case "empty":
					clauses = []string{"WIRE-014.in-time", "WIRE-014.in-time"}
				case "huge":
					clauses = []string{"WIRE-012.reported", "WIRE-013.fails"}
				}
				s.Require(clauses[1]).Empty("runners that live on after octets that are no frame: "+wrong.name, s.Over(s.Stretched(atOnce), task)...)
				e := run.End()
				s.Require(clauses[0]).LineWith("task log of "+run.Label(), run.TaskLog(), `(?i)protocol|frame|msgpack|malformed|channel|payload|octets|bytes`)
				s.Require("WIRE-015.survives").True("end of the supervisor, after "+wrong.name, e.Signal == "" && e.ExitCode != 2, "no panic, and no signal", fmt.Sprint(e.ExitCode, e.Signal))
				s.Require("WIRE-015.survives").True("states told of "+run.Label(), strings.Contains(strings.Join(stateNames(run), " "), "failed"), "failed", fmt.Sprint(stateNames(run)))
			}
		}
	}),
}

// atOnce is how long a supervisor may take for a protocol error, one second, and for the
// end of a runner that obeys SIGTERM, on a busy machine.
const atOnce = 4 * time.Second

var cutFrame = stage.Spec{
	Slug:     "cut-frame",
	Says:     "a runner ends within a header, and within a payload: the task log says how many octets were missing",
	Verifies: []string{"WIRE-016.cut"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		whole := asked(1, variable(strings.Repeat("v", 100)), nil)
		for _, user := range users {
			for name, at := range ordered.Pairs(map[string]int{"header": 3, "payload": 50}) {
				run := s.Start(stage.Task{As: user, Name: name}, supervisor.Frames(0, whole[:at]), supervisor.Do(stage.Exit(0)))
				run.End()
				missing, of := len(whole)-at, len(whole)-4
				pattern := fmt.Sprintf(`\b%d\b|\b%d\b.*\b%d\b`, missing, at-4, of)
				if at < 4 {
					pattern = `\b1\b|\b3\b.*\b4\b`
				}
				s.Require("WIRE-016.cut").LineWith("task log of "+run.Label(), run.TaskLog(), pattern, `(?i)byte|octet`)
			}
		}
	}),
}

func stateNames(run *supervisor.Run) (names []string) {
	for _, report := range run.TI().Reports {
		names = append(names, report.State)
	}
	return names
}
