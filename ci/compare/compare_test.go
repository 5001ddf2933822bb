package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/result"
)

func sample() result.Result {
	started := time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)
	return result.Result{
		Schema: result.Schema, Exit: 1, Started: &started, Environment: map[string]string{"kernel": "6"},
		Profiles: []result.Profile{{Name: "upstream", Exit: 1}},
		Cases: []result.Case{
			{ID: "IMP-001/runner/a", Verdict: verdict.Pass, Requirement: "IMP-001"},
			{ID: "IMP-002/runner/b", Verdict: verdict.Fail, Requirement: "IMP-002", Observation: result.Observation{Outcome: "violated", Actual: "pid 7"}},
		},
		Requirements: []result.Requirement{{ID: "IMP-001", Verdict: verdict.Pass, Roles: map[role.Role]verdict.Verdict{role.Runner: verdict.Pass}}},
	}
}

func write(t *testing.T, r result.Result) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "result.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompare(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*result.Result)
		exit int
		says string
	}{
		"the same": {func(*result.Result) {}, 0, "the same verdicts in 2 cases"},
		"other times, environment and words": {func(r *result.Result) {
			later := r.Started.Add(time.Hour)
			r.Started, r.Environment = &later, map[string]string{"kernel": "7"}
			r.Cases[1].Observation.Actual, r.Cases[1].DurationMS = "pid 8", 99
		}, 0, "the same"},
		"another verdict":              {func(r *result.Result) { r.Cases[0].Verdict = verdict.Warn }, 1, "case IMP-001/runner/a: pass, warn IMP-001"},
		"another violated requirement": {func(r *result.Result) { r.Cases[1].Requirement = "IMP-004" }, 1, "fail IMP-002, fail IMP-004"},
		"a case is missing":            {func(r *result.Result) { r.Cases = r.Cases[:1] }, 1, "case IMP-002/runner/b: fail IMP-002, absent"},
		"a case more":                  {func(r *result.Result) { r.Cases = append(r.Cases, result.Case{ID: "x", Verdict: verdict.Pass}) }, 1, "case x: absent, pass"},
		"another requirement verdict":  {func(r *result.Result) { r.Requirements[0].Verdict = verdict.NotShown }, 1, "requirement IMP-001: pass, not-shown"},
		"another role":                 {func(r *result.Result) { r.Requirements[0].Roles = nil }, 1, "requirement IMP-001, runner: pass, nothing"},
		"another exit code":            {func(r *result.Result) { r.Exit = 0 }, 1, "exit code: 1, 0"},
		"another profile":              {func(r *result.Result) { r.Profiles[0].Exit = 0 }, 1, "exit code of profile upstream: 1, 0"},
		"no case":                      {func(r *result.Result) { r.Cases = nil }, 2, "no case in it"},
		"another schema":               {func(r *result.Result) { r.Schema = 1 }, 2, "schema 1, and this version of Understudy reads schema 2: play the run again"},
	} {
		t.Run(name, func(t *testing.T) {
			other := sample()
			tc.edit(&other)
			var out strings.Builder
			if exit := run([]string{write(t, sample()), write(t, other)}, &out, &out); exit != tc.exit || !strings.Contains(out.String(), tc.says) {
				t.Errorf("exit %d, want %d; output %q, want %q in it", exit, tc.exit, out.String(), tc.says)
			}
		})
	}
}

func TestWhatCannotBeReadIsNoAgreement(t *testing.T) {
	good := write(t, sample())
	missing := filepath.Join(t.TempDir(), "missing")
	empty := sample()
	empty.Cases = nil
	for _, args := range [][]string{nil, {good}, {good, good, good}, {good, missing}, {missing, good}, {missing, missing}, {write(t, empty), write(t, empty)}} {
		var out strings.Builder
		if exit := run(args, &out, &out); exit != 2 || out.Len() == 0 {
			t.Errorf("compare %d files exits %d and says %q, want 2", len(args), exit, out.String())
		}
	}
}
