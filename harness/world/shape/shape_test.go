package shape

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/protocol/release"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

var (
	old   = Of(release.MustParse("3.3.2"))
	newer = Of(release.MustParse("3.4.0b2"))
)

func TestEveryReleaseHasHabits(t *testing.T) {
	for _, r := range spoken.All() {
		if habitsOf[r.Airflow.Minor()].grace <= 0 {
			t.Errorf("nothing is known of the habits of %s", r.Airflow)
		}
	}
	if len(habitsOf) != len(spoken.All()) {
		t.Errorf("habits of %d releases, %d are known", len(habitsOf), len(spoken.All()))
	}
	if old.HandsLog || !newer.HandsLog {
		t.Error("the log channel is handed over from 3.4 on")
	}
}

func TestWhoNamesNoReleaseCountsAsTheNewestFinalOne(t *testing.T) {
	if got := Default().String(); got != "3.3.2" {
		t.Errorf("it is %s", got)
	}
}

func TestAReleaseIsOfItsMinorOne(t *testing.T) {
	for asked, want := range map[string]string{
		"3.3.0": "3.3", "3.3.99": "3.3", "3.4.0a1": "3.4", "3.4.0b2": "3.4", "3.4.7": "3.4",
		"3.0.6": "3.3", "3.2.2": "3.3", // the oldest that is known
		"3.5.0a1": "3.4 newer", "4.0.0": "3.4 newer",
	} {
		s := Of(release.MustParse(asked))
		got := s.Name()
		if s.Newer() {
			got += " newer"
		}
		if got != want || !strings.Contains(s.String(), asked) {
			t.Errorf("%s has the shape of %s, want %s: %v", asked, got, want, s)
		}
	}
	for asked, want := range map[string]string{
		"2026-06-30": "3.3", "2026-10-30": "3.4", "2025-08-10": "3.3", "2026-04-06": "3.3", "2026-08-15": "3.3", "2026-11-30": "3.4 newer", "2027-02-28": "3.4 newer",
	} {
		s, err := OfAPI(asked)
		got := s.Name()
		if s.Newer() {
			got += " newer"
		}
		if err != nil || got != want {
			t.Errorf("API %s has the shape of %s, want %s: %v", asked, got, want, err)
		}
	}
	for _, nonsense := range []string{"", "latest", "2026-6-30", "2026-06-30 ", "9999"} {
		if _, err := OfAPI(nonsense); err == nil {
			t.Errorf("%q was taken for a version of the API", nonsense)
		}
	}
	next, _ := OfAPI("2027-02-28")
	if got, want := next.String(), "API version 2027-02-28, which is newer than the newest release that this suite knows, 3.4 (API version 2026-10-30)"; got != want {
		t.Errorf("got %s", got)
	}
	if !old.Same(Of(release.MustParse("3.3.0"))) || old.Same(newer) || newer.Same(Of(release.MustParse("3.5.0"))) {
		t.Error("shapes are told apart wrongly")
	}
}

func TestTheGraceIsTheReleasesOrTheSetting(t *testing.T) {
	for _, c := range []struct {
		of      Shape
		setting string
		want    time.Duration
	}{
		{old, "", 5 * time.Second},
		{old, "7", 5 * time.Second}, // 3.3 does not ask for it
		{newer, "", time.Minute},
		{newer, "7", 7 * time.Second},
		{newer, "2.5", 2500 * time.Millisecond},
		{newer, "0", 0},
		{newer, "-1", time.Minute},
		{newer, "soon", time.Minute},
	} {
		got := c.of.Grace(func(name string) string {
			if name != "core.killed_task_cleanup_time" {
				t.Errorf("asked for %s", name)
			}
			return c.setting
		})
		if got != c.want {
			t.Errorf("%s with %q: %s, want %s", c.of.Name(), c.setting, got, c.want)
		}
	}
}

const (
	state     = "PATCH /task-instances/{task_instance_id}/state"
	heartbeat = "PUT /task-instances/{task_instance_id}/heartbeat"

	renderedFields = "PUT /task-instances/{task_instance_id}/rtif"
)

func TestWhatDoesNotFitIsFound(t *testing.T) {
	for _, c := range []struct {
		of              Shape
		operation, body string
		want            []string
	}{
		{old, heartbeat, `{"hostname":"h","pid":7}`, nil},
		{old, heartbeat, `{"hostname":"h"}`, []string{`field "pid" is missing`}},
		{old, heartbeat, `{"hostname":"h","pid":"7"}`, []string{`field "pid" holds what it may not hold`}},
		{old, heartbeat, `{"hostname":"h","pid":7,"PID":7}`, []string{`field "PID" is unknown`}},
		{old, heartbeat, `[]`, []string{"it is no object"}},
		{old, renderedFields, `[]`, []string{"it holds what it may not hold"}},
		{old, state, `{"state":"failed","end_date":"2026-01-02T03:04:05Z"}`, nil},
		{old, state, `{"state":"failed","end_date":"2026-01-02T03:04:05Z","retry_reason":null}`, []string{`field "retry_reason" is unknown`}},
		{newer, state, `{"state":"failed","end_date":"2026-01-02T03:04:05Z","retry_reason":null}`, nil},
		{newer, state, `{"state":"failed","end_date":"2026-01-02T03:04:05Z","retry_reson":null}`, []string{`field "retry_reson" is unknown`}},
		{old, state, `{"state":"up_for_retry","end_date":"2026-01-02T03:04:05Z","retry_reason":"x"}`, nil},
		{old, state, `{"state":"success","end_date":"2026-01-02T03:04:05Z","loop_decision":null}`, []string{`field "loop_decision" is unknown`}},
		{newer, state, `{"state":"success","end_date":"2026-01-02T03:04:05Z","loop_decision":null}`, nil},
		{newer, state, `{"state":"success","end_date":"2026-01-02T03:04:05Z","loop_decision":{"stop":true,"why":"x"}}`, []string{`field "loop_decision.why" is unknown`}},
		{newer, state, `{"state":"success","end_date":"2026-01-02T03:04:05Z","loop_decision":7}`, []string{`field "loop_decision" is no object`}},
		{newer, state, `{"state":"success","end_date":"2026-01-02T03:04:05Z","task_outlets":[{"type":"Asset"},{"type":"Asset","url":"u"}]}`, []string{`field "task_outlets[1].url" is unknown`}},
		{old, state, `{"state":"server_terminated","end_date":"2026-01-02T03:04:05Z","hostname":"h","pid":7}`, []string{"it is none of the objects that are taken"}},
		{newer, state, `{"state":"server_terminated","end_date":"2026-01-02T03:04:05Z","hostname":"h","pid":7}`, nil},
		{newer, state, `{"state":"running"}`, []string{"it is none of the objects that are taken"}},
	} {
		operation, there := c.of.Operation(c.operation)
		if !there {
			t.Fatalf("%s has no %s", c.of.Name(), c.operation)
		}
		var got []string
		for _, misfit := range c.of.Body(operation.Body, decoded(t, c.body)) {
			got = append(got, misfit.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s %s (-want +got)\n%s", c.of.Name(), c.operation, c.body, diff)
		}
	}
	if _, there := old.Operation("PATCH /task-instances/{task_instance_id}/dag-run-note"); there {
		t.Error("3.3 has an operation of 3.4")
	}
	if op, _ := old.Operation(state); op.Declares(410) {
		t.Error("3.3 declares a status of 3.4")
	}
	if op, _ := newer.Operation(state); !op.Declares(410) {
		t.Error("3.4 does not declare a status of its own")
	}
}

// decoded is JSON as package world has it: integers are int64.
func decoded(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return canonical(v)
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for key := range v {
			v[key] = canonical(v[key])
		}
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
	}
	return v
}

func TestAnswersHaveTheShapeOfTheRelease(t *testing.T) {
	answer := func() any {
		return map[string]any{
			"max_tries": int64(1), "loop": nil, "dag_run": map[string]any{"dag_id": "d", "of_the_future": true, "conf": map[string]any{"anything": int64(1)}},
			"variables": []any{map[string]any{"key": "k", "value": "v", "of_the_future": int64(1)}},
		}
	}
	want := map[string]any{
		"max_tries": int64(1), "dag_run": map[string]any{"dag_id": "d", "conf": map[string]any{"anything": int64(1)}},
		"variables": []any{map[string]any{"key": "k", "value": "v"}},
	}
	if diff := cmp.Diff(any(want), old.Answer("TIRunContext", answer())); diff != "" {
		t.Errorf("3.3 (-want +got)\n%s", diff)
	}
	want["loop"] = nil
	if diff := cmp.Diff(any(want), newer.Answer("TIRunContext", answer())); diff != "" {
		t.Errorf("3.4 (-want +got)\n%s", diff)
	}
}

func TestFramesHaveTheShapeOfTheRelease(t *testing.T) {
	details := &message.StartupDetails{TIContext: message.TIRunContext{MultiTeam: true}}
	if got, err := old.Frame(details); err != nil || got.(*message.StartupDetails).TIContext.MultiTeam {
		t.Errorf("3.3 is told of teams: %v", err)
	}
	if got, err := newer.Frame(details); err != nil || !got.(*message.StartupDetails).TIContext.MultiTeam {
		t.Errorf("3.4 is not told of teams: %v", err)
	}
}

// Whatever the table permits fits; one key more, one less or of another type does not,
// where the table says so.
func TestBodiesOfTheTableFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]Shape{old, newer}).Draw(t, "shape")
		objects := s.spoken.API.Objects
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(objects))).Draw(t, "object")
		of := spoken.Type(name)
		value := drawer{t, objects}.value(of, 0).(map[string]any)
		if got := s.Body(of, value); len(got) > 0 {
			t.Fatalf("%s %v: %v", name, value, got)
		}
		broken := maps.Clone(value)
		broken["misspelt"] = nil
		if got := len(s.Body(of, broken)); (got == 1) != objects[name].Closed || got > 1 {
			t.Fatalf("%s with a key more: %d misfits", name, got)
		}
		if required := slices.Sorted(maps.Keys(objects[name].Required)); len(required) > 0 {
			broken = maps.Clone(value)
			missing := rapid.SampledFrom(required).Draw(t, "missing")
			delete(broken, missing)
			if diff := cmp.Diff([]Misfit{{Missing, missing}}, s.Body(of, broken)); diff != "" {
				t.Fatalf("%s without %s (-want +got)\n%s", name, missing, diff)
			}
		}
		for key, type_ := range objects[name].Required {
			if type_ == "string" || type_ == "integer" || type_ == "string:date-time" {
				broken = maps.Clone(value)
				broken[key] = []any{}
				if diff := cmp.Diff([]Misfit{{Value, key}}, s.Body(of, broken)); diff != "" {
					t.Fatalf("%s with a list as %s (-want +got)\n%s", name, key, diff)
				}
			}
		}
	})
}

// drawer makes values of a type.
type drawer struct {
	t       *rapid.T
	objects map[string]spoken.Object
}

func (d drawer) value(of spoken.Type, deep int) any {
	alternatives := of.Alternatives()
	if deep > 3 {
		alternatives = alternatives[:1]
	}
	one := rapid.SampledFrom(alternatives).Draw(d.t, "alternative")
	if element, is := one.Element(); is {
		list := []any{}
		for range rapid.IntRange(0, 2).Draw(d.t, "length") {
			list = append(list, d.value(element, deep+1))
		}
		return list
	}
	if object, is := d.objects[string(one)]; is {
		fields := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(object.Required)) {
			fields[name] = d.value(object.Required[name], deep+1)
		}
		for _, name := range slices.Sorted(maps.Keys(object.Optional)) {
			if rapid.Bool().Draw(d.t, name) {
				fields[name] = d.value(object.Optional[name], deep+1)
			}
		}
		return fields
	}
	switch {
	case one == "null":
		return nil
	case one == "integer":
		return rapid.Int64().Draw(d.t, "integer")
	case one == "number":
		return rapid.Float64().Draw(d.t, "number")
	case one == "boolean":
		return rapid.Bool().Draw(d.t, "boolean")
	case one == "object":
		return map[string]any{"k": int64(1)}
	case one == "string:date-time":
		return "2026-01-02T03:04:05.678+02:00"
	case one[0] == '\'':
		return string(one[1 : len(one)-1])
	}
	return fmt.Sprint(rapid.String().Draw(d.t, "text"))
}
