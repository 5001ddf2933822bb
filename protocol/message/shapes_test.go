package message

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Releases before 3.2 refuse the key, later ones insist on it.
func TestPartitionKeyIsThereUnlessLeftOut(t *testing.T) {
	key := "2026-11-21"
	for _, tt := range []struct {
		name string
		key  NullString
		want any // what stands under the key
		has  bool
	}{
		{"zero value", NullString{}, nil, true},
		{"given", NullString{Value: &key}, key, true},
		{"left out", NullString{Omit: true}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := &DagRunResult{PartitionKey: tt.key}
			wire, err := appendBody(nil, run)
			if err != nil {
				t.Fatal(err)
			}
			value, err := Raw(wire).Value()
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(run)
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := json.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			for codec, m := range map[string]map[string]any{"MessagePack": value.(map[string]any), "JSON": object} {
				if got, has := m["partition_key"]; got != tt.want || has != tt.has {
					t.Errorf("%s: got %v (%v), want %v (%v)", codec, got, has, tt.want, tt.has)
				}
			}
		})
	}
}

// What this release's dag_run does not know must not be in it, since Airflow
// refuses the whole run otherwise.
func TestMinimalDagRunHasOnlyTheOldestKeys(t *testing.T) {
	text, err := json.Marshal(DagRun{PartitionKey: NullString{Omit: true}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"dag_id":"","run_id":"","logical_date":null,"data_interval_start":null,"data_interval_end":null,` +
		`"run_after":"0001-01-01T00:00:00Z","start_date":null,"end_date":null,"run_type":"","state":"","consumed_asset_events":[]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestFixedStateNeedsNoSetting(t *testing.T) {
	text, err := json.Marshal(SucceedTask{})
	if want := `{"state":"success","end_date":"0001-01-01T00:00:00Z"}`; err != nil || string(text) != want {
		t.Errorf("got %s and %v, want %s", text, err, want)
	}
	if err := json.Unmarshal([]byte(`{"state":"failed"}`), new(SucceedTask)); err == nil {
		t.Error("another state is accepted")
	}
}

func TestSkippedTaskInJSON(t *testing.T) {
	five := 5
	want := SkipDownstreamTasks{Tasks: []SkippedTask{{TaskID: "a"}, {TaskID: "b", MapIndex: &five}}}
	text, err := json.Marshal(want)
	if form := `{"tasks":["a",["b",5]]}`; err != nil || string(text) != form {
		t.Errorf("got %s and %v, want %s", text, err, form)
	}
	var got SkipDownstreamTasks
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{`{"tasks":[5]}`, `{"tasks":[["b"]]}`, `{"tasks":[["b","5"]]}`, `{"tasks":[[5,5]]}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestTerminalState(t *testing.T) {
	terminal := map[string]string{}
	for _, name := range Types(ToSupervisor) {
		body, err := New(ToSupervisor, name)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := body.(*TaskState); ok {
			s.State = StateSkipped
		}
		if state, ok := TerminalState(body); ok {
			terminal[name] = state
		}
	}
	want := map[string]string{
		"TaskState": "skipped", "SucceedTask": "success", "RetryTask": "up_for_retry", "DeferTask": "deferred",
		"AwaitInputTask": "awaiting_input", "RescheduleTask": "up_for_reschedule",
	}
	if diff := cmp.Diff(want, terminal); diff != "" {
		t.Error(diff)
	}
}

func TestOr(t *testing.T) {
	one := 1
	if Or(nil, 1000) != 1000 || Or(&one, 1000) != 1 {
		t.Errorf("got %d and %d", Or(nil, 1000), Or(&one, 1000))
	}
}
