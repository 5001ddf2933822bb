package world_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/protocol/message"
)

func raw(t *testing.T, v any) message.Raw {
	t.Helper()
	r, err := message.RawOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shown is an answer in the words of the journal.
func shown(t *testing.T, body message.Body, refused *message.ErrorResponse) string {
	t.Helper()
	payload, err := message.EncodeResponse(message.Response{Body: body, Err: refused})
	if err != nil {
		t.Fatalf("the answer does not encode: %v", err)
	}
	return message.Describe(payload, message.ToRunner)
}

func TestFramesReadAndWriteTheWorld(t *testing.T) {
	w := withTask(t)
	w.SetVariable("there", "value")
	w.SetConnection(world.Connection{ID: "db", Type: "postgres", Host: "h", Schema: "s", Port: 5432})
	value := "new"
	for _, step := range []struct {
		name string
		ask  message.Body
		want string
	}{
		{"variable", &message.GetVariable{Key: "there"}, `#0 VariableResult{key: "there", value: "***"}`},
		{"no variable", &message.GetVariable{Key: "absent"}, `#0 ErrorResponse{error: "VARIABLE_NOT_FOUND", detail: {"message": "Variable with key 'absent' not found"}}`},
		{"of 3.4, which a supervisor refuses before it asks", &message.UpdateDagRunNote{TIID: "u"}, "#0 empty"},
		{"set variable", &message.PutVariable{Key: "v", Value: &value}, "#0 empty"},
		{"variable keys", &message.GetVariableKeys{}, `#0 VariableKeysResult{keys: ["there", "v"], total_entries: 2}`},
		{"delete variable", &message.DeleteVariable{Key: "v"}, `#0 OKResponse{ok: true}`},
		{"no connection", &message.GetConnection{ConnID: "absent"}, `#0 ErrorResponse{error: "CONNECTION_NOT_FOUND", detail: {"message": "Connection with ID absent not found"}}`},
		{"push", &message.SetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Value: raw(t, []any{int64(1) << 60, 1.5, nil})}, "#0 empty"},
		{"pull", &message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, `#0 XComResult{key: "k", value: [1152921504606846976, 1.5, nil]}`},
		{"pull from another run", &message.GetXCom{Key: "k", DagID: "d", RunID: "q", TaskID: "t"}, `#0 XComResult{key: "k", value: nil}`},
		{"slice", &message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, `#0 XComSequenceSliceResult{root: [[1152921504606846976, 1.5, nil]]}`},
		{"slice of nothing", &message.GetXComSequenceSlice{Key: "x", DagID: "d", RunID: "r", TaskID: "t"}, `#0 XComSequenceSliceResult{root: []}`},
		{"item", &message.GetXComSequenceItem{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Offset: -1}, `#0 XComSequenceIndexResult{root: [1152921504606846976, 1.5, nil]}`},
		{"no item", &message.GetXComSequenceItem{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Offset: 1}, `#0 ErrorResponse{error: "XCOM_NOT_FOUND", detail: {"message": "XCom item not found"}}`},
		{"count", &message.GetXComCount{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, `#0 XComCountResponse{len: 1}`},
		{"count as 3.0 asks", &message.GetNumberXComs{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, `#0 error ErrorResponse{error: "API_SERVER_ERROR", detail: {"detail": "Airflow 3.3 has no message XComLengthResponse", "message": "HTTP 400", "status_code": 400}}`},
		{"delete", &message.DeleteXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, "#0 empty"},
		{"count after", &message.GetXComCount{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, `#0 XComCountResponse{len: 0}`},
		{"success", &message.SucceedTask{EndDate: message.At(time.Unix(0, 0))}, "#0 empty"},
		{"success again", &message.SucceedTask{EndDate: message.At(time.Unix(0, 0))}, "#0 empty"},
		{"not handled", &message.GetDag{DagID: "d"}, `#0 error ErrorResponse{error: "API_SERVER_ERROR", detail: {"detail": "Unhandled request", "message": "HTTP 400", "status_code": 400}}`},
	} {
		body, refused := w.Frame(t.Context(), id, step.ask)
		if diff := cmp.Diff(step.want, shown(t, body, refused)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", step.name, diff)
		}
	}
	ti, _ := w.Task(id)
	if ti.State != "success" || len(ti.Reports) != 2 || ti.Reports[0].Type != "SucceedTask" {
		t.Errorf("state %s, reports %+v", ti.State, ti.Reports)
	}
}

func TestConnectionFrameCarriesEverything(t *testing.T) {
	w := world.New(shape.Of(shape.Default()))
	w.SetConnection(world.Connection{ID: "db", Type: "postgres", Host: "h", Schema: "s", Login: "l", Password: "p", Port: 5432, Extra: `{"a": 1}`})
	body, refused := w.Frame(t.Context(), id, &message.GetConnection{ConnID: "db"})
	if refused != nil {
		t.Fatal(refused.Text())
	}
	text := func(s string) *string { return &s }
	port := 5432
	want := &message.ConnectionResult{
		ConnID: "db", ConnType: "postgres", Host: text("h"), Schema: text("s"), Login: text("l"),
		Password: text("p"), Port: &port, Extra: text(`{"a": 1}`),
	}
	if diff := cmp.Diff(message.Body(want), body); diff != "" {
		t.Error(diff)
	}
}

// Whatever a runner asks gets an answer that can be written.
func TestEveryMessageGetsAnAnswer(t *testing.T) {
	w := withTask(t)
	for _, kind := range message.Types(message.ToSupervisor) {
		body, err := message.New(message.ToSupervisor, kind)
		if err != nil {
			t.Fatal(err)
		}
		answer, refused := w.Frame(t.Context(), id, body)
		shown(t, answer, refused)
	}
	if asked, logged := len(message.Types(message.ToSupervisor)), len(w.Requests()); asked != logged {
		t.Errorf("%d messages asked, %d requests on record", asked, logged)
	}
}

func TestFaultsReachFrames(t *testing.T) {
	w := withTask(t)
	w.SetVariable("v", "value")
	w.Inject(world.Fault{Path: "variables/v", Times: 1, Status: 503, Detail: "down"})
	w.Inject(world.Fault{Path: "task-instances/*/state", Status: 500})
	ask := func(body message.Body) string {
		answer, refused := w.Frame(t.Context(), id, body)
		return shown(t, answer, refused)
	}
	got := []string{ask(&message.GetVariable{Key: "v"}), ask(&message.GetVariable{Key: "v"}), ask(&message.TaskState{State: "failed"})}
	want := []string{
		`#0 error ErrorResponse{error: "API_SERVER_ERROR", detail: {"detail": "down", "message": "HTTP 503", "status_code": 503}}`,
		`#0 VariableResult{key: "v", value: "***"}`,
		`#0 error ErrorResponse{error: "API_SERVER_ERROR", detail: {"detail": nil, "message": "HTTP 500", "status_code": 500}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
