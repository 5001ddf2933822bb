package messages

import (
	"math"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var xcomAcrossUsers = stage.Spec{
	Slug:     "xcom-across-users",
	Says:     "alice pushes a nested value, it is stored under exactly her task's key, and bob pulls it unchanged",
	Verifies: []string{"MSG-011", "WIRE-028"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		value, key := nested(s.Nonce()), "k"+s.Nonce()
		push := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.PushXCom(key, value), stage.WaitFor("pushed"))})
		s.Require("MSG-011").RunsAs(push, "pushed", "alice")
		push.Release("pushed")
		push.Succeeds()
		stored := s.Stored(key)
		s.Require("MSG-011").Equal("number of XComs under that key", len(stored), 1)
		s.Require("WIRE-028").Equal("value as the server stored it", stored[push.XCom(key)], value)

		pull := s.Start(stage.Task{As: "bob", Verbs: stage.Verbs(stage.PullXCom("probe_alice", key).Save("got"), stage.WaitFor("pulled"))})
		s.Require("MSG-011").RunsAs(pull, "pulled", "bob")
		s.Require("MSG-011").Equal("value as bob pulled it", pull.Result("got"), value)
		pull.Release("pulled")
		pull.Succeeds()
	},
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
