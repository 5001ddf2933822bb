package wire

import (
	"fmt"
	"maps"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
)

// own are the users of a runner: the worker's and another.
var own = []string{stage.WorkerAccount, "alice"}

var answersOfAnyLength = stage.Spec{
	Slug:     "answers-of-any-length",
	Says:     "a runner is answered by arrays of one to six elements, as far as they hold something: it pushes an XCom and reads a variable all the same",
	Verifies: []string{"WIRE-005.one", "WIRE-005.two", "WIRE-005.three", "WIRE-005.more"},
	Alone: runner.Script(func(s *runner.Stage) {
		for _, user := range own {
			for _, length := range []struct {
				clause   string
				elements int
			}{{"one", 1}, {"two", 2}, {"three", 3}, {"more", 4}, {"more", 6}} {
				value := s.Nonce()
				s.World.SetVariable("v", value)
				run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(
					stage.PushXCom("before", true), stage.GetVariable("v").Save("got"), stage.PushXCom("after", true))}, runner.Wire{Elements: length.elements})
				s.Require("WIRE-005." + length.clause).Success(run.Run)
				s.Require("WIRE-005."+length.clause).Equal("variable that came in answers of so many elements", run.Result("got"), value)
				s.Require("WIRE-005."+length.clause).True("XCom after it", run.Pushed("after"), "it is pushed", "it is not")
			}
		}
	}),
}

var errorsInBothPlaces = stage.Spec{
	Slug: "errors-in-both-places",
	Says: "what a runner asks for is answered by an error, in the third element, as a body of type ErrorResponse, or with a code that nobody knows: " +
		"the task sees an error each time, and the next answers are in step",
	Verifies: []string{"WIRE-024.element", "WIRE-024.body", "WIRE-025"},
	Alone: runner.Script(func(s *runner.Stage) {
		unknown := s.Nonce()
		refusals := []struct {
			clause string
			answer runner.Answer
		}{ // each error in the third element, and then as a body
			{"WIRE-024.element", runner.Answer{Error: refusal("VARIABLE_NOT_FOUND", "it is not there")}},
			{"WIRE-024.body", runner.Answer{Body: errorBody("VARIABLE_NOT_FOUND", "it is not there")}},
			{"WIRE-024.element", runner.Answer{Error: refusal("API_SERVER_ERROR", "out of order")}},
			{"WIRE-024.body", runner.Answer{Body: errorBody("API_SERVER_ERROR", "out of order")}},
			{"WIRE-025", runner.Answer{Error: refusal("CODE_OF_NEXT_YEAR", unknown)}},
			{"WIRE-025", runner.Answer{Body: errorBody("CODE_OF_NEXT_YEAR", unknown)}},
		}
		for _, user := range own {
			var before map[string]any // what the task saw of the error before
			for n, refused := range refusals {
				value := s.Nonce()
				s.World.SetVariable("good", value)
				s.World.SetVariable("bad", "this is never seen")
				run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(
					stage.GetVariable("bad").Catch().Save("bad"), stage.GetVariable("good").Save("good"))},
					runner.Wire{Answer: func(kind string, request map[string]any, answer runner.Answer) runner.Answer {
						if kind == "GetVariable" && request["key"] == "bad" {
							return refused.answer
						}
						return answer
					}})
				s.Require(refused.clause).Success(run.Run)
				seen, _ := run.Result("bad").(map[string]any)
				s.Require(refused.clause).True("what the task sees of "+fmt.Sprint(refused.answer), seen["error"] != nil, "an error", fmt.Sprint(run.Result("bad")))
				if n%2 == 1 {
					s.Require(refused.clause).Equal("what the task sees of an error that is a body, as of one in the third element", seen, before)
				}
				before = seen
				s.Require(refused.clause).Equal("answer after it", run.Result("good"), value)
			}
		}
	}),
}

func refusal(code, message string) map[string]any {
	return map[string]any{"error": code, "detail": map[string]any{"status_code": 500, "message": message, "detail": message}}
}

func errorBody(code, message string) map[string]any {
	body := refusal(code, message)
	body["type"] = "ErrorResponse"
	return body
}

var unknownFields = stage.Spec{
	Slug:     "unknown-fields",
	Says:     "startup data and answers have fields that a runner does not know, optional ones are absent, or null: it runs the task all the same",
	Verifies: []string{"WIRE-022", "WIRE-021"},
	Alone: runner.Script(func(s *runner.Stage) {
		value := s.Nonce()
		s.World.SetVariable("v", value)
		more := func(body map[string]any) {
			if body != nil {
				body["field_of_next_year"] = map[string]any{"nested": []any{1, nil}}
			}
		}
		ti := func(body map[string]any) map[string]any { inner, _ := body["ti"].(map[string]any); return inner }
		optional := []string{"queue", "hostname", "map_index"}
		for _, user := range own {
			for _, wire := range []struct {
				clause string
				runner.Wire
			}{
				{"WIRE-022", runner.Wire{
					Startup: func(body map[string]any) { more(body); more(ti(body)) },
					Answer: func(_ string, _ map[string]any, answer runner.Answer) runner.Answer {
						answer.Body = maps.Clone(answer.Body)
						more(answer.Body)
						return answer
					},
				}},
				{"WIRE-021", runner.Wire{Startup: func(body map[string]any) {
					for _, field := range optional {
						delete(ti(body), field)
					}
				}}},
				{"WIRE-021", runner.Wire{Startup: func(body map[string]any) {
					for _, field := range optional {
						ti(body)[field] = nil
					}
				}}},
			} {
				run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.GetVariable("v").Save("got"))}, wire.Wire)
				s.Require(wire.clause).Success(run.Run)
				s.Require(wire.clause).Equal("variable of the task", run.Result("got"), value)
			}
		}
	}),
}

var formsOfTime = stage.Spec{
	Slug:     "forms-of-time",
	Says:     "the times of the startup data come as timestamps of 4, 8 and 12 octets and as texts with an offset: the task runs with each",
	Verifies: []string{"WIRE-020.four", "WIRE-020.eight", "WIRE-020.twelve", "WIRE-020.text"},
	Alone: runner.Script(func(s *runner.Stage) {
		whole := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for _, user := range own {
			for _, form := range []struct {
				clause string
				time   any
			}{
				{"four", whole}, {"eight", whole.Add(time.Microsecond)}, {"twelve", time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC)},
				{"text", "2026-01-02T03:04:05Z"}, {"text", "2026-01-02T08:34:05.000001+05:30"}, {"text", "2026-01-01T20:04:05-07:00"},
			} {
				run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.PushXCom("ran", true))}, runner.Wire{Startup: func(body map[string]any) {
					context, _ := body["ti_context"].(map[string]any)
					dag, _ := context["dag_run"].(map[string]any)
					body["start_date"] = form.time
					for _, field := range []string{"logical_date", "data_interval_start", "data_interval_end", "run_after", "start_date"} {
						dag[field] = form.time
					}
				}})
				s.Require("WIRE-020." + form.clause).Success(run.Run)
			}
		}
	}),
}
