package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// answers is a Supervisor that notes requests and gives one answer to each, in turn.
type answers struct {
	asked []message.Body
	next  []any // message.Body, error or nil
}

func (a *answers) Ask(_ context.Context, request message.Body) (message.Body, error) {
	a.asked = append(a.asked, request)
	if len(a.next) == 0 {
		return nil, nil
	}
	given := a.next[0]
	a.next = a.next[1:]
	if err, ok := given.(error); ok {
		return nil, err
	}
	body, _ := given.(message.Body)
	return body, nil
}

func refusal(code message.ErrorCode) error {
	return fmt.Errorf("refused: %w", (&message.ErrorResponse{Error: code}).Err())
}

func taskWith(next ...any) (*Task, *answers) {
	a := &answers{next: next}
	return &Task{
		TI:         message.TaskInstance{DagID: "d", TaskID: "t", RunID: "r", MapIndex: new(3)},
		Supervisor: a,
		Stdout:     io.Discard, Stderr: io.Discard,
	}, a
}

func mustRaw(t testing.TB, v any) message.Raw {
	t.Helper()
	raw, err := message.RawOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type row struct {
	Name  string   `json:"name"`
	Count int64    `json:"count"`
	Tags  []string `json:"tags"`
}

// TestRequestsOfTheTypedClients states, for each call, what goes over the channel
// and what comes back to the body.
func TestRequestsOfTheTypedClients(t *testing.T) {
	ctx := t.Context()
	text := func(s string) *string { return &s }
	for name, test := range map[string]struct {
		answers []any
		call    func(t *Task) (any, error)
		asked   []message.Body
		want    any
	}{
		"push a struct": {
			nil,
			func(t *Task) (any, error) { return nil, t.Push(ctx, "k", row{"a", 1 << 60, nil}) },
			[]message.Body{&message.SetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", MapIndex: new(3),
				Value: message.Raw("\x83\xa4name\xa1a\xa5count\xcf\x10\x00\x00\x00\x00\x00\x00\x00\xa4tags\xc0")}},
			nil,
		},
		"push null": {
			nil,
			func(t *Task) (any, error) { return nil, t.Push(ctx, "k", nil) },
			[]message.Body{&message.SetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", MapIndex: new(3)}},
			nil,
		},
		"pull a struct": {
			[]any{&message.XComResult{Value: mustRaw(t, map[string]any{"name": "b", "count": int64(1) << 60, "tags": []any{"x"}})}},
			func(t *Task) (any, error) {
				var got row
				found, err := t.Pull(ctx, XCom{Key: "k", Task: "other", MapIndex: new(7), PriorDates: true}, &got)
				return []any{found, got}, err
			},
			[]message.Body{&message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "other", MapIndex: new(7), IncludePriorDates: true}},
			[]any{true, row{"b", 1 << 60, []string{"x"}}},
		},
		"pull what is elsewhere, raw": {
			[]any{&message.XComResult{Value: message.Raw("\xc4\x01x")}}, // bytes, which JSON has not
			func(t *Task) (any, error) {
				var got message.Raw
				found, err := t.Pull(ctx, XCom{Key: "k", Dag: "d2", Run: "r2", Task: "t2"}, &got)
				return []any{found, got}, err
			},
			[]message.Body{&message.GetXCom{Key: "k", DagID: "d2", RunID: "r2", TaskID: "t2"}},
			[]any{true, message.Raw("\xc4\x01x")},
		},
		"pull any": {
			[]any{&message.XComResult{Value: mustRaw(t, []any{int64(1) << 60, 2.0})}},
			func(t *Task) (any, error) {
				var got any
				found, err := t.Pull(ctx, XCom{Key: "k"}, &got)
				return []any{found, got}, err
			},
			[]message.Body{&message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}},
			[]any{true, []any{int64(1) << 60, 2.0}},
		},
		"pull nothing": {
			[]any{&message.XComResult{}},
			func(t *Task) (any, error) {
				got := 5
				found, err := t.Pull(ctx, XCom{Key: "k"}, &got)
				return []any{found, got}, err
			},
			[]message.Body{&message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}},
			[]any{false, 5},
		},
		"count": {
			[]any{&message.XComCountResponse{Len: 4}},
			func(t *Task) (any, error) { return t.Count(ctx, XCom{Key: "k", Task: "mapped"}) },
			[]message.Body{&message.GetXComCount{Key: "k", DagID: "d", RunID: "r", TaskID: "mapped"}},
			4,
		},
		"item": {
			[]any{&message.XComSequenceIndexResult{Root: mustRaw(t, "last")}},
			func(t *Task) (any, error) {
				var got string
				err := t.PullItem(ctx, XCom{Key: "k", Task: "mapped"}, -1, &got)
				return got, err
			},
			[]message.Body{&message.GetXComSequenceItem{Key: "k", DagID: "d", RunID: "r", TaskID: "mapped", Offset: -1}},
			"last",
		},
		"slice": {
			[]any{&message.XComSequenceSliceResult{Root: message.List[message.Raw]{mustRaw(t, 1), nil, mustRaw(t, 3)}}},
			func(t *Task) (any, error) {
				var got []*int
				err := t.PullSlice(ctx, XCom{Key: "k", Task: "mapped", PriorDates: true}, Slice{Start: new(1), Step: new(2)}, &got)
				return got, err
			},
			[]message.Body{&message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "mapped", Start: new(1), Step: new(2), IncludePriorDates: true}},
			[]*int{new(1), nil, new(3)},
		},
		"delete an XCom of its own": {
			nil,
			func(t *Task) (any, error) { return nil, t.DeleteXCom(ctx, XCom{Key: "k"}) },
			[]message.Body{&message.DeleteXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", MapIndex: new(3)}},
			nil,
		},
		"delete that of another": {
			nil,
			func(t *Task) (any, error) {
				return nil, t.DeleteXCom(ctx, XCom{Key: "k", Task: "o", MapIndex: new(-1)})
			},
			[]message.Body{&message.DeleteXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "o", MapIndex: new(-1)}},
			nil,
		},
		"variable": {
			[]any{&message.VariableResult{Key: "v", Value: text("x")}},
			func(t *Task) (any, error) { return t.Variable(ctx, "v") },
			[]message.Body{&message.GetVariable{Key: "v"}},
			"x",
		},
		"variable without value": {
			[]any{&message.VariableResult{Key: "v"}},
			func(t *Task) (any, error) { return t.Variable(ctx, "v") },
			[]message.Body{&message.GetVariable{Key: "v"}},
			"",
		},
		"put and delete a variable": {
			[]any{nil, nil, &message.OKResponse{OK: true}},
			func(t *Task) (any, error) {
				return nil, errors.Join(t.PutVariable(ctx, "v", "x", ""), t.PutVariable(ctx, "w", "", "why"), t.DeleteVariable(ctx, "v"))
			},
			[]message.Body{
				&message.PutVariable{Key: "v", Value: text("x")}, &message.PutVariable{Key: "w", Value: text(""), Description: text("why")},
				&message.DeleteVariable{Key: "v"},
			},
			nil,
		},
		"all keys, in pages": {
			[]any{&message.VariableKeysResult{Keys: message.List[string]{"a", "b"}, TotalEntries: 3}, &message.VariableKeysResult{Keys: message.List[string]{"c"}, TotalEntries: 3}},
			func(t *Task) (any, error) { return t.VariableKeys(ctx, "p", 0) },
			[]message.Body{
				&message.GetVariableKeys{Prefix: text("p"), Limit: new(1000)}, &message.GetVariableKeys{Prefix: text("p"), Limit: new(1000), Offset: 2},
			},
			[]string{"a", "b", "c"},
		},
		"two keys of more than were asked for": {
			[]any{&message.VariableKeysResult{Keys: message.List[string]{"a", "b", "c"}, TotalEntries: 9}},
			func(t *Task) (any, error) { return t.VariableKeys(ctx, "", 2) },
			[]message.Body{&message.GetVariableKeys{Limit: new(2)}},
			[]string{"a", "b"},
		},
		"keys that are announced and do not come": {
			[]any{&message.VariableKeysResult{TotalEntries: 9}},
			func(t *Task) (any, error) { return t.VariableKeys(ctx, "", 0) },
			[]message.Body{&message.GetVariableKeys{Limit: new(1000)}},
			[]string(nil),
		},
		"connection": {
			[]any{&message.ConnectionResult{ConnID: "db", ConnType: "postgres", Host: text("h"), Port: new(5432), Password: text("p")}},
			func(t *Task) (any, error) { return t.Connection(ctx, "db") },
			[]message.Body{&message.GetConnection{ConnID: "db"}},
			Connection{ID: "db", Type: "postgres", Host: "h", Port: 5432, Password: "p"},
		},
		"mask": {
			nil,
			func(t *Task) (any, error) {
				return nil, errors.Join(t.Mask(ctx, "", "s"), t.Mask(ctx, "password", map[string]string{"a": "b"}))
			},
			[]message.Body{
				&message.MaskSecret{Value: mustRaw(t, "s")},
				&message.MaskSecret{Value: mustRaw(t, map[string]any{"a": "b"}), Name: text("password")},
			},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			task, a := taskWith(test.answers...)
			got, err := test.call(task)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.asked, a.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatTheClientsRefuse has an answer of another type, a refusal, and values
// that cannot be had.
func TestWhatTheClientsRefuse(t *testing.T) {
	ctx := t.Context()
	var number int
	for name, call := range map[string]func(t *Task) error{
		"pull":       func(t *Task) error { _, err := t.Pull(ctx, XCom{Key: "k"}, &number); return err },
		"count":      func(t *Task) error { _, err := t.Count(ctx, XCom{Key: "k"}); return err },
		"item":       func(t *Task) error { return t.PullItem(ctx, XCom{Key: "k"}, 0, &number) },
		"slice":      func(t *Task) error { return t.PullSlice(ctx, XCom{Key: "k"}, Slice{}, &[]int{}) },
		"variable":   func(t *Task) error { _, err := t.Variable(ctx, "k"); return err },
		"keys":       func(t *Task) error { _, err := t.VariableKeys(ctx, "", 0); return err },
		"connection": func(t *Task) error { _, err := t.Connection(ctx, "k"); return err },
	} {
		for _, test := range []struct {
			answer any
			says   string
		}{
			{nil, "an empty answer"},
			{&message.OKResponse{}, "got OKResponse"},
			{refusal(message.PermissionDenied), "PERMISSION_DENIED"},
		} {
			task, _ := taskWith(test.answer)
			if err := call(task); err == nil || !strings.Contains(err.Error(), test.says) || NotFound(err) {
				t.Errorf("%s, answered %v: %v", name, test.answer, err)
			}
		}
	}
	task, a := taskWith(
		&message.XComResult{Value: mustRaw(t, "text")}, &message.XComSequenceIndexResult{Root: mustRaw(t, "text")},
		&message.XComSequenceSliceResult{Root: message.List[message.Raw]{mustRaw(t, math.NaN())}},
	)
	if found, err := task.Pull(ctx, XCom{Key: "k"}, &number); !found || err == nil || !strings.Contains(err.Error(), `"k"`) {
		t.Errorf("text as a number: %v, %v", found, err)
	}
	if err := task.PullItem(ctx, XCom{Key: "k"}, 2, &number); err == nil || !strings.Contains(err.Error(), "item 2") {
		t.Errorf("text as a number: %v", err)
	}
	if err := task.PullSlice(ctx, XCom{Key: "k"}, Slice{}, &[]float64{}); err == nil {
		t.Error("NaN was read by way of JSON")
	}
	a.asked = nil
	for what, err := range map[string]error{
		"push a function": task.Push(ctx, "k", func() {}),
		"push bad UTF-8":  task.Push(ctx, "k", make(chan int)),
		"mask a function": task.Mask(ctx, "", func() {}),
	} {
		if err == nil || len(a.asked) > 0 {
			t.Errorf("%s: %v, asked %v", what, err, a.asked)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for code, want := range map[message.ErrorCode]bool{
		message.VariableNotFound: true, message.ConnectionNotFound: true, message.XComNotFound: true, message.AssetNotFound: true,
		message.APIServerError: false, message.PermissionDenied: false,
	} {
		task, _ := taskWith(refusal(code))
		if _, err := task.Variable(t.Context(), "v"); NotFound(err) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
	if NotFound(nil) || NotFound(errors.New("x")) {
		t.Error("an error that is no refusal")
	}
	task, _ := taskWith(refusal(message.XComNotFound))
	var into any
	if err := task.PullItem(t.Context(), XCom{Key: "k"}, 9, &into); !errors.Is(err, ErrNoXCom) || !NotFound(err) {
		t.Errorf("got %v", err)
	}
}

func TestConfAndSettings(t *testing.T) {
	task, _ := taskWith()
	conf := map[string]int{"kept": 1}
	if err := task.Conf(&conf); err != nil || conf["kept"] != 1 {
		t.Errorf("without conf: %v, %v", conf, err)
	}
	task.Context.DagRun.Conf = mustRaw(t, map[string]any{"n": 2})
	if err := task.Conf(&conf); err != nil || conf["n"] != 2 {
		t.Errorf("got %v, %v", conf, err)
	}
	if err := task.Conf(&[]int{}); err == nil || !strings.Contains(err.Error(), "dag_run.conf") {
		t.Errorf("a map as a list: %v", err)
	}
	if _, ok := task.Setting("core", "x"); ok {
		t.Error("a setting without settings")
	}
	task.Settings = func(section, key string) (string, bool) { return section + "." + key, true }
	if value, ok := task.Setting("core", "x"); !ok || value != "core.x" {
		t.Errorf("got %q, %v", value, ok)
	}
}

// TestConnectionAsURI has what get_uri of Airflow 3.3.2 gives for the same.
func TestConnectionAsURI(t *testing.T) {
	for want, c := range map[string]Connection{
		"postgres://u:p%40%2F%3A@db.example.org:5432/sales": {Type: "postgres", Login: "u", Password: "p@/:", Host: "db.example.org", Port: 5432, Schema: "sales"},
		"google-cloud-platform://":                          {Type: "google_cloud_platform"},
		"http://h":                                          {Type: "HTTP", Host: "h"},
		"ftp://:secret@h":                                   {Type: "ftp", Password: "secret", Host: "h"},
		"ftp://me%20too@h":                                  {Type: "ftp", Login: "me too", Host: "h"},
		"http://https://h.example.org:443":                  {Type: "http", Host: "https://h.example.org", Port: 443},
		"http://http%3A%2F%2Fh%2Fp/https":                   {Type: "http", Host: "http://h/p", Schema: "https"},
		"redis://@:6379":                                    {Type: "redis", Port: 6379},
		"redis://x@:6379":                                   {Type: "redis", Login: "x", Port: 6379},
		"s3:///?region=eu+1&verify=no":                      {Type: "s3", Extra: `{"region":"eu 1","verify":"no"}`},
		"s3:///?__extra__=%7B%22a%22%3A1%7D":                {Type: "s3", Extra: `{"a":1}`},
		"s3:///b?a=1&b=":                                    {Type: "s3", Schema: "b", Extra: `{"a": "1", "b": ""}`},
		"s3:///?__extra__=%7B%7D":                           {Type: "s3", Extra: `{}`},
		"s3:///?__extra__=text":                             {Type: "s3", Extra: `text`},
	} {
		if got := c.URI(); got != want {
			t.Errorf("%+v: got %s, want %s", c, got, want)
		}
	}
	c := Connection{ID: "db", Type: "t", Host: "h", Password: "secret", Extra: "secret"}
	if text := fmt.Sprint(c); strings.Contains(text, "secret") || !strings.Contains(text, `"db"`) {
		t.Errorf("as text: %s", text)
	}
}

func TestOutcomes(t *testing.T) {
	now := message.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	cause := errors.New("no luck")
	text := func(s string) *string { return &s }
	seconds := 90.5
	for name, test := range map[string]struct {
		err         error
		first, last message.Body // with and without retries left
		says        string
		fails       bool
	}{
		"fail": {Fail(cause), &message.TaskState{State: message.StateFailed, EndDate: &now}, &message.TaskState{State: message.StateFailed, EndDate: &now}, "no luck", true},
		"retry": {Retry(cause, 90500*time.Millisecond), &message.RetryTask{EndDate: now, RetryDelaySeconds: &seconds, RetryReason: text("no luck")},
			&message.TaskState{State: message.StateFailed, EndDate: &now}, "no luck", true},
		"skip": {Skip("nothing to do"), &message.TaskState{State: message.StateSkipped, EndDate: &now}, &message.TaskState{State: message.StateSkipped, EndDate: &now}, "skipped: nothing to do", false},
		"reschedule": {Reschedule(now.Add(time.Hour)), &message.RescheduleTask{RescheduleDate: message.At(now.Add(time.Hour)), EndDate: now},
			&message.RescheduleTask{RescheduleDate: message.At(now.Add(time.Hour)), EndDate: now}, "2026-01-02T04:04:05Z", false},
		"defer": {Defer(Deferral{Trigger: "a.B", Kwargs: map[string]any{"n": 1}, Timeout: 90 * time.Second}),
			&message.DeferTask{Classpath: "a.B", TriggerKwargs: message.Raw("\x81\xa1n\x01"), NextMethod: "resume", NextKwargs: message.Raw("\x80"), TriggerTimeout: text("PT90.000000S")},
			&message.DeferTask{Classpath: "a.B", TriggerKwargs: message.Raw("\x81\xa1n\x01"), NextMethod: "resume", NextKwargs: message.Raw("\x80"), TriggerTimeout: text("PT90.000000S")},
			"deferred to a.B", false},
		"defer, go on elsewhere": {Defer(Deferral{Trigger: "a.B", Method: "later", Then: map[string]any{"k": "v"}}),
			&message.DeferTask{Classpath: "a.B", TriggerKwargs: message.Raw("\x80"), NextMethod: "later", NextKwargs: message.Raw("\x81\xa1k\xa1v")},
			&message.DeferTask{Classpath: "a.B", TriggerKwargs: message.Raw("\x80"), NextMethod: "later", NextKwargs: message.Raw("\x81\xa1k\xa1v")},
			"deferred", false},
	} {
		t.Run(name, func(t *testing.T) {
			var end *outcome
			if !errors.As(fmt.Errorf("wrapped: %w", test.err), &end) {
				t.Fatalf("%v is no outcome", test.err)
			}
			if diff := cmp.Diff(test.first, end.report(now, true)); diff != "" {
				t.Errorf("with retries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.last, end.report(now, false)); diff != "" {
				t.Errorf("without (-want +got):\n%s", diff)
			}
			if !strings.Contains(test.err.Error(), test.says) || errors.Is(test.err, cause) != test.fails {
				t.Errorf("text %q, cause %v", test.err, errors.Unwrap(test.err))
			}
			if _, err := message.EncodeRequest(message.Request{Body: end.report(now, true)}); err != nil {
				t.Error(err)
			}
		})
	}
	for name, d := range map[string]Deferral{
		"no trigger":           {},
		"argument of no value": {Trigger: "a.B", Kwargs: map[string]any{"f": func() {}}},
		"later, no value":      {Trigger: "a.B", Then: map[string]any{"f": func() {}}},
	} {
		var end *outcome
		if err := Defer(d); err == nil || errors.As(err, &end) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
