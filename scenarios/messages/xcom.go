package messages

import (
	"fmt"
	"math"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var xcomAcrossUsers = stage.Spec{
	Slug:     "xcom-across-users",
	Says:     "alice pushes a nested value, it is stored under exactly her task's key, and bob pulls it unchanged",
	Verifies: []string{"MSG-011.key", "MSG-011.stored", "MSG-011.pulled", "WIRE-028"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		value, key := nested(s.Nonce()), "k"+s.Nonce()
		push := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.PushXCom(key, value), stage.WaitFor("pushed"))})
		s.Require("MSG-011.key").RunsAs(push, "pushed", "alice")
		push.Release("pushed")
		push.Succeeds()
		isStored(s, push, key)
		s.Require("WIRE-028").Equal("value as the server stored it", s.Stored(key)[push.XCom(key)], value)
		s.Require("MSG-011.stored").Equal("value as the server stored it", s.Stored(key)[push.XCom(key)], value)

		pull := s.Start(stage.Task{As: "bob", Verbs: stage.Verbs(stage.PullXCom("probe_alice", key).Save("got"), stage.WaitFor("pulled"))})
		s.Require("MSG-011.pulled").RunsAs(pull, "pulled", "bob")
		s.Require("MSG-011.pulled").Equal("value as bob pulled it", pull.Result("got"), value)
		pull.Release("pulled")
		pull.Succeeds()
	},
}

var xcomOfMappedTasks = stage.Spec{
	Slug:     "xcom-of-mapped-tasks",
	Says:     "instances 0, 1 and 300 of a mapped task of alice push under their own map index, and bob pulls of each what it pushed",
	Verifies: []string{"MSG-011.map-index"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		key, values, pulls := "k"+s.Nonce(), map[int]string{}, []stage.Verb{}
		for _, index := range []int{0, 1, 300} {
			values[index] = s.Nonce()
			push := s.Start(stage.Task{As: "alice", Name: fmt.Sprint("instance-", index), Mapped: true, MapIndex: index, Verbs: stage.Verbs(stage.PushXCom(key, values[index]))})
			push.Succeeds()
			s.Require("MSG-011.map-index").Equal(fmt.Sprintf("value of instance %d as the server stored it, under that index", index), s.Stored(key)[push.XCom(key)], values[index])
			pulls = append(pulls, stage.PullXCom("probe_alice", key).With("map_index", index).Save(fmt.Sprint("got-", index)))
		}
		s.Require("MSG-011.map-index").Equal("number of XComs under that key", len(s.Stored(key)), len(values))
		pull := s.Start(stage.Task{As: "bob", Verbs: append(pulls, stage.PullXCom("probe_alice", key).Save("unmapped"))})
		pull.Succeeds()
		for index, value := range values {
			s.Require("MSG-011.map-index").Equal(fmt.Sprintf("value of instance %d as bob pulled it", index), pull.Result(fmt.Sprint("got-", index)), value)
		}
	},
}

var xcomOfAnotherRun = stage.Spec{
	Slug:     "xcom-of-another-run",
	Says:     "alice pushes under one key in two runs of the Dag: bob gets that of his own run, and that of the other where he names it",
	Verifies: []string{"MSG-011.run"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		key, first, second := "k"+s.Nonce(), s.Nonce(), s.Nonce()
		one := s.Start(stage.Task{As: "alice", RunID: "run-of-one", Verbs: stage.Verbs(stage.PushXCom(key, first))})
		one.Succeeds()
		other := s.Start(stage.Task{As: "alice", RunID: "manual__2026-11-27T00:00:00+00:00", Verbs: stage.Verbs(stage.PushXCom(key, second))})
		other.Succeeds()
		stored := s.Stored(key)
		s.Require("MSG-011.run").Equal("values as the server stored them, by run",
			[]any{stored[one.XCom(key)], stored[other.XCom(key)], len(stored)}, []any{first, second, 2})
		pull := s.Start(stage.Task{As: "bob", RunID: "run-of-one", Verbs: stage.Verbs(
			stage.PullXCom("probe_alice", key).Save("own"),
			stage.PullXCom("probe_alice", key).With("run_id", other.TI().Run).Save("other"),
		)})
		pull.Succeeds()
		s.Require("MSG-011.run").Equal("what bob pulled of his own run and of the other", []any{pull.Result("own"), pull.Result("other")}, []any{first, second})
	},
}

// isStored requires that the only XCom of that name is the run's own.
func isStored(s *stage.Stage, run *stage.Run, key string) {
	var keys []string
	for found := range s.Stored(key) {
		keys = append(keys, fmt.Sprintf("%+v", found))
	}
	s.Require("MSG-011.key").Equal("keys of the XComs of that name", keys, []string{fmt.Sprintf("%+v", run.XCom(key))})
}

// nested is a value of every kind that JSON has and codecs like to change:
// integers that no float holds, a float without fraction, nil and empty maps and
// lists at depth, text outside the basic plane.
func nested(nonce string) map[string]any {
	return map[string]any{
		"nonce": nonce,
		"big":   int64(1)<<53 + 1, "largest": int64(math.MaxInt64), "smallest": int64(math.MinInt64), "zero": 0,
		"fraction": 0.1, "whole": 1.0, "tiny": 5e-324, "huge": 1.7976931348623157e308,
		"text": "Grüße, 日本語, \U0001F9D1\u200d\U0001F680, quote \" backslash \\ line\nend", "": "empty key", "ключ": "Cyrillic key",
		"yes": true, "no": false, "nothing": nil,
		"empty": map[string]any{}, "list": []any{nil, []any{}, map[string]any{}, []any{nil, map[string]any{"deep": nil}}},
	}
}
