package executionapi_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/executionapi"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

const (
	mine  = "6f2d4a0e-0000-4000-8000-000000000001"
	other = "6f2d4a0e-0000-4000-8000-000000000002"
)

// served is a world behind its door.
type served struct {
	world     *world.World
	url       string
	mu        sync.Mutex
	exchanges []executionapi.Exchange
}

func serve(t *testing.T) *served {
	t.Helper()
	s := &served{world: world.New(shape.Of(shape.Default()))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := executionapi.NewServer(s.world, func(e executionapi.Exchange) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.exchanges = append(s.exchanges, e)
	})
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	s.url = "http://" + listener.Addr().String() + executionapi.Root
	s.world.AddTask(world.TaskInstance{
		ID: mine, Dag: "d", Run: "r 1", Task: "t", Map: -1, Try: 1, Token: "workload", Refreshed: "execution",
		LogicalDate: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Conf: map[string]any{"n": int64(1) << 60},
	})
	s.world.AddTask(world.TaskInstance{ID: other, Token: "workload of another", Refreshed: "execution of another"})
	return s
}

// reply is what a client saw.
type reply struct {
	Status int
	Type   string
	Body   string
}

func (s *served) ask(t *testing.T, method, path, token, body string) (reply, http.Header) {
	t.Helper()
	return s.askAs(t, "", method, path, token, body)
}

// askAs asks as a client of that version of the API; "" names none.
func (s *served) askAs(t *testing.T, version, method, path, token, body string) (reply, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if version != "" {
		request.Header.Set("Airflow-API-Version", version)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header.Get("Content-Type"), string(text)}, response.Header
}

const start = `{"state":"running","hostname":"h","unixname":"airflow","pid":7,"start_date":"2026-01-02T03:04:05Z"}`

func (s *served) started(t *testing.T) {
	t.Helper()
	if got, _ := s.ask(t, "PATCH", "task-instances/"+mine+"/run", "workload", start); got.Status != 200 {
		t.Fatalf("start was answered %+v", got)
	}
}

func TestStartGivesTheContextAndTheExecutionToken(t *testing.T) {
	s := serve(t)
	got, header := s.ask(t, "PATCH", "task-instances/"+mine+"/run", "workload", start)
	want := reply{200, "application/json", `{"connections":[],"dag_run":{"conf":{"n":1152921504606846976},"consumed_asset_events":[],` +
		`"dag_id":"d","data_interval_end":"2026-01-02T03:04:05Z","data_interval_start":"2026-01-02T03:04:05Z","end_date":null,` +
		`"logical_date":"2026-01-02T03:04:05Z","partition_key":null,"run_after":"2026-01-02T03:04:05Z","run_id":"r 1","run_type":"manual",` +
		`"start_date":"2026-01-02T03:04:05Z","state":"running"},"max_tries":0,"should_retry":false,"task_reschedule_count":0,` +
		`"variables":[],"xcom_keys_to_clear":[]}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if token := header.Get("Refreshed-API-Token"); token != "execution" {
		t.Errorf("Refreshed-API-Token is %q", token)
	}
	ti, _ := s.world.Task(mine)
	if ti.State != "running" || ti.PID != 7 || ti.Hostname != "h" || ti.Unixname != "airflow" {
		t.Errorf("the task instance is %+v", ti)
	}
}

func TestAnswersOfARunningTask(t *testing.T) {
	s := serve(t)
	s.started(t)
	s.world.SetConnection(world.Connection{ID: "db/1", Type: "postgres", Schema: "s", Password: "p", Port: 5432})
	const json = "application/json"
	for _, test := range []struct {
		method, path, body string
		want               reply
	}{
		{"PUT", "task-instances/" + mine + "/heartbeat", `{"hostname":"h","pid":7}`, reply{204, "", ""}},
		{"PUT", "task-instances/" + mine + "/heartbeat", `{"hostname":"h","pid":8}`, reply{409, json, `{"detail":{"current_hostname":"h","current_pid":7,"message":"TI is already running elsewhere","reason":"running_elsewhere"}}`}},
		{"PUT", "task-instances/" + mine + "/rtif", `{"a":1}`, reply{201, json, `{"message":"Rendered task instance fields successfully set"}`}},
		{"GET", "task-instances/" + mine + "/validate-inlets-and-outlets", "", reply{200, json, `{"inactive_assets":[]}`}},
		{"GET", "connections/db%2F1", "", reply{200, json, `{"conn_id":"db/1","conn_type":"postgres","extra":null,"host":null,"login":null,"password":"p","port":5432,"schema":"s"}`}},
		{"GET", "connections/absent", "", reply{404, json, `{"detail":{"message":"Connection with ID absent not found","reason":"not_found"}}`}},
		{"PUT", "variables/v", `{"val":"x","description":null}`, reply{201, json, `{"message":"Variable successfully set"}`}},
		{"GET", "variables/v", "", reply{200, json, `{"key":"v","value":"x"}`}},
		{"DELETE", "variables/v", "", reply{204, "", ""}},
		{"GET", "variables/v", "", reply{404, json, `{"detail":{"message":"Variable with key 'v' not found","reason":"not_found"}}`}},
		{"POST", "xcoms/d/r%201/t/k", `{"a":[9007199254740993,1.0,{}]}`, reply{201, json, `{"message":"XCom successfully set"}`}},
		{"GET", "xcoms/d/r%201/t/k", "", reply{200, json, `{"key":"k","value":{"a":[9007199254740993,1.0,{}]}}`}},
		{"GET", "xcoms/d/r%201/t/k/slice", "", reply{200, json, `[{"a":[9007199254740993,1.0,{}]}]`}},
		{"GET", "xcoms/d/r%201/t/k/slice?start=1&step=1", "", reply{200, json, `[]`}},
		{"GET", "xcoms/d/r%201/t/k/item/0", "", reply{200, json, `{"a":[9007199254740993,1.0,{}]}`}},
		{"GET", "xcoms/d/r%201/t/k/item/1", "", reply{404, json, `{"detail":{"message":"XCom item not found","reason":"not_found"}}`}},
		{"GET", "xcoms/d/r%201/t/absent", "", reply{404, json, `{"detail":{"message":"XCom with key=\"absent\" not found","reason":"not_found"}}`}},
		{"POST", "xcoms/d/r%201/t/k?map_index=3", `null`, reply{201, json, `{"message":"XCom successfully set"}`}},
		{"POST", "xcoms/d/r%201/t/a/slice/b", ``, reply{201, json, `{"message":"XCom successfully set"}`}},
		{"GET", "xcoms/d/r%201/t/a/slice/b", "", reply{200, json, `{"key":"a/slice/b","value":null}`}},
		{"GET", "xcoms/d/r%201/t/a/slice/b/slice", "", reply{200, json, `[null]`}},
		{"PUT", "variables/a/b", `{"val":null}`, reply{201, json, `{"message":"Variable successfully set"}`}},
		{"GET", "variables/keys?prefix=a", "", reply{200, json, `{"keys":["a/b"],"total_entries":1}`}},
		{"GET", "variables/keys?offset=1&limit=5", "", reply{200, json, `{"keys":[],"total_entries":1}`}},
		{"DELETE", "xcoms/d/r%201/t/k", "", reply{200, json, `{"message":"XCom with key: k successfully deleted."}`}},
		{"GET", "dag-runs/d/r/state", "", reply{200, json, `{"state":"running"}`}},
		{"GET", "nowhere", "", reply{404, json, `{"detail":{"message":"Not Found","reason":"not_found"}}`}},
		{"POST", "variables/v", "{}", reply{404, json, `{"detail":{"message":"Not Found","reason":"not_found"}}`}},
		{"PATCH", "task-instances/" + mine + "/state", `{"state":"success","end_date":"2026-01-02T03:04:06Z","task_outlets":[],"outlet_events":[],"rendered_map_index":null}`, reply{204, "", ""}},
		{"PATCH", "task-instances/" + mine + "/state", `{"state":"success","end_date":"2026-01-02T03:04:06Z"}`, reply{200, "", ""}},
		{"PATCH", "task-instances/" + mine + "/state", `{"state":"failed","end_date":"2026-01-02T03:04:06Z"}`, reply{409, json, `{"detail":{"message":"TI was not in the running state so it cannot be updated","previous_state":"success","reason":"invalid_state"}}`}},
		{"PUT", "task-instances/" + mine + "/heartbeat", `{"hostname":"h","pid":7}`, reply{409, json, `{"detail":{"current_state":"success","message":"TI is no longer in the running state and task should terminate","reason":"not_running"}}`}},
	} {
		got, _ := s.ask(t, test.method, test.path, "execution", test.body)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", test.method, test.path, diff)
		}
	}
	if _, header := s.ask(t, "HEAD", "xcoms/d/r%201/t/k", "execution", ""); header.Get("Content-Range") != "map_indexes 1" {
		t.Errorf("HEAD of an XCom gives Content-Range %q", header.Get("Content-Range"))
	}
	if ti, _ := s.world.Task(mine); ti.Reports[0].Body["task_outlets"] == nil || ti.Reports[0].State != "success" {
		t.Errorf("the first report is %+v", ti.Reports[0])
	}
}

func TestWrongTokensAreRefused(t *testing.T) {
	s := serve(t)
	run, beat := "task-instances/"+mine+"/run", "task-instances/"+mine+"/heartbeat"
	for _, test := range []struct {
		name, method, path, token string
		status                    int
		detail                    string
	}{
		{"none", "PATCH", run, "", 401, "Missing auth token"},
		{"unknown", "PATCH", run, "guess", 403, "Invalid auth token"},
		{"of another task", "PATCH", run, "workload of another", 403, "Token subject does not match task instance ID"},
		{"workload token after the start", "PUT", beat, "workload", 403, "Token type 'workload' not allowed for this endpoint. Allowed types: execution"},
		{"workload token for a variable", "GET", "variables/v", "workload", 403, "Token type 'workload' not allowed for this endpoint. Allowed types: execution"},
	} {
		got, _ := s.ask(t, test.method, test.path, test.token, start)
		if diff := cmp.Diff(reply{test.status, "application/json", `{"detail":"` + test.detail + `"}`}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	if ti, _ := s.world.Task(mine); ti.State != "queued" || len(ti.Starts) != 0 {
		t.Errorf("a refused request changed the task instance: %+v", ti)
	}
}

func TestBodiesAreClosed(t *testing.T) {
	s := serve(t)
	s.started(t)
	task := "task-instances/" + mine + "/"
	for name, test := range map[string]struct{ method, path, body, detail string }{
		"unknown key":      {"PUT", task + "heartbeat", `{"hostname":"h","pid":7,"x":1}`, `extra_forbidden`},
		"missing key":      {"PUT", task + "heartbeat", `{"hostname":"h"}`, `missing`},
		"text for a pid":   {"PUT", task + "heartbeat", `{"hostname":"h","pid":"7"}`, `value_error`},
		"fraction":         {"PUT", task + "heartbeat", `{"hostname":"h","pid":7.0}`, `value_error`},
		"no JSON":          {"PUT", task + "heartbeat", `{`, `json_invalid`},
		"two values":       {"PUT", task + "heartbeat", `{"hostname":"h","pid":7} 1`, `json_invalid`},
		"a list":           {"PUT", task + "heartbeat", `[]`, `model_attributes_type`},
		"unknown state":    {"PATCH", task + "state", `{"state":"dead","end_date":"2026-01-02T03:04:05Z"}`, `union_tag_invalid`},
		"key of another":   {"PATCH", task + "state", `{"state":"failed","end_date":"2026-01-02T03:04:05Z","retry_delay_seconds":1}`, `extra_forbidden`},
		"naive time":       {"PATCH", task + "state", `{"state":"success","end_date":"2026-01-02T03:04:05"}`, `value_error`},
		"success, no time": {"PATCH", task + "state", `{"state":"success"}`, `missing`},
		"another start":    {"PATCH", task + "run", `{"state":"queued","hostname":"h","unixname":"a","pid":1,"start_date":"2026-01-02T03:04:05Z"}`, `value_error`},
		"variable":         {"PUT", "variables/v", `{"value":"x"}`, `extra_forbidden`},
		"map index":        {"GET", "xcoms/d/r/t/k?map_index=one", ``, `int_parsing`},
		"no XCom":          {"POST", "xcoms/d/r/t/k", `{`, `json_invalid`},
		"failed, no time":  {"PATCH", task + "state", `{"state":"failed"}`, `missing`},
	} {
		token := "execution"
		got, _ := s.ask(t, test.method, test.path, token, test.body)
		if got.Status != 422 || got.Type != "application/json" || !strings.Contains(got.Body, `"type":"`+test.detail+`"`) {
			t.Errorf("%s: answered %+v, want 422 and %s", name, got, test.detail)
		}
	}
	if ti, _ := s.world.Task(mine); ti.State != "running" || len(ti.Heartbeats) != 0 {
		t.Errorf("a refused body changed the task instance: %+v", ti)
	}
}

func TestFaultsReachHTTP(t *testing.T) {
	s := serve(t)
	s.started(t)
	s.world.SetVariable("v", "x")
	s.world.Inject(world.Fault{Path: "variables/v", Times: 1, Status: 503, Detail: "down", ContentType: "text/html"})
	s.world.Inject(world.Fault{Path: "connections/*", Drop: true})
	s.world.FailHeartbeats(410, nil)

	got, _ := s.ask(t, "GET", "variables/v", "execution", "")
	if diff := cmp.Diff(reply{503, "text/html", `{"detail":"down"}`}, got); diff != "" {
		t.Error(diff)
	}
	if got, _ = s.ask(t, "GET", "variables/v", "execution", ""); got.Status != 200 {
		t.Errorf("the fault struck twice: %+v", got)
	}
	if got, _ = s.ask(t, "PUT", "task-instances/"+mine+"/heartbeat", "execution", `{"hostname":"h","pid":7}`); got.Status != 410 {
		t.Errorf("the heartbeat was answered %+v", got)
	}
	if ti, _ := s.world.Task(mine); len(ti.Heartbeats) != 1 || ti.Heartbeats[0].Status != 410 {
		t.Errorf("heartbeats on record: %+v", ti.Heartbeats)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"connections/c", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer execution")
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		t.Errorf("a dropped request was answered %d", response.StatusCode)
	}
}

func TestASlowAnswerStillComes(t *testing.T) {
	s := serve(t)
	s.started(t)
	const delay = 50 * time.Millisecond
	s.world.Inject(world.Fault{Path: "variables/*", Delay: delay})
	before := time.Now()
	got, _ := s.ask(t, "GET", "variables/v", "execution", "")
	if took := time.Since(before); got.Status != 404 || took < delay {
		t.Errorf("answered %+v after %v", got, took)
	}
}

func TestOneConnectionServesManyRequests(t *testing.T) {
	s := serve(t)
	s.started(t)
	reused := 0
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused++
		}
	}}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	const requests = 5
	for range requests {
		request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", s.url+"variables/v", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.ProtoMajor != 1 || response.ProtoMinor != 1 {
			t.Errorf("answered by %s", response.Proto)
		}
	}
	if reused != requests-1 {
		t.Errorf("%d of %d requests used the connection of the one before", reused, requests-1)
	}
}

func TestEveryRequestIsObservedWithTheTaskThatAsked(t *testing.T) {
	s := serve(t)
	s.started(t)
	s.ask(t, "GET", "nowhere", "execution", "")
	s.ask(t, "GET", "variables/v", "", "")
	s.mu.Lock()
	defer s.mu.Unlock()
	type seen struct {
		Method, Path, Task string
		Status             int
	}
	var got []seen
	for _, e := range s.exchanges {
		got = append(got, seen{e.Method, e.Path, e.Task, e.Status})
		if strings.Contains(e.Body, "execution") || strings.Contains(e.Body, "workload") {
			t.Errorf("an exchange shows a token: %s", e.Body)
		}
	}
	want := []seen{
		{"PATCH", "task-instances/" + mine + "/run", mine, 200},
		{"GET", "nowhere", mine, 404},
		{"GET", "variables/v", "", 401},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(s.world.Requests()); n != len(want) {
		t.Errorf("%d requests on record", n)
	}
}

func TestTheClientSaysAsWhichReleaseItIsTaken(t *testing.T) {
	const (
		path    = "task-instances/" + mine + "/state"
		note    = "task-instances/" + mine + "/dag-run-note"
		success = `{"state":"success","end_date":"2026-01-02T03:04:05Z","loop_decision":null}`
		failed  = `{"state":"failed","end_date":"2026-01-02T03:04:05Z","retry_reson":"x"}`
		noPID   = `{"state":"failed"}`
	)
	for _, c := range []struct {
		version, path, body string
		status              int
		misfits             []string
		disputed            bool
	}{
		{"", path, success, 422, []string{state + `: field "loop_decision" is unknown in Airflow 3.3.2 (release 3.3, API version 2026-06-30)`}, false},
		{"2026-06-30", path, success, 422, []string{state + `: field "loop_decision" is unknown in API version 2026-06-30 (release 3.3, API version 2026-06-30)`}, false},
		{"2026-10-30", path, success, 204, nil, true},
		{"2026-10-30", path, failed, 422, []string{state + `: field "retry_reson" is unknown in API version 2026-10-30 (release 3.4, API version 2026-10-30)`}, true},
		{"2027-06-30", path, failed, 204, []string{state + `: field "retry_reson" is unknown in API version 2027-06-30, which is newer than the newest release that this suite knows, 3.4 (API version 2026-10-30)`}, false},
		{"2027-06-30", path, noPID, 422, []string{state + `: field "end_date" is missing in API version 2027-06-30, which is newer than the newest release that this suite knows, 3.4 (API version 2026-10-30)`}, false},
		{"2027-06-30", "of/the/future", "{}", 404, []string{`PATCH /of/the/future: there is no such operation in API version 2027-06-30, which is newer than the newest release that this suite knows, 3.4 (API version 2026-10-30)`}, false},
		{"2026-06-30", note, `{"note":"n"}`, 404, nil, false},
		{"2026-10-30", note, `{"note":"n"}`, 204, nil, true},
		{"newest", path, success, 404, nil, false},
	} {
		s := serve(t)
		s.started(t)
		got, _ := s.askAs(t, c.version, "PATCH", c.path, "execution", c.body)
		var misfits []string
		for _, m := range s.world.Misfits() {
			misfits = append(misfits, m.String())
			if m.Task != mine && c.path != "of/the/future" {
				t.Errorf("%s: sent by %q", m, m.Task)
			}
		}
		if diff := cmp.Diff(c.misfits, misfits); diff != "" || got.Status != c.status || (s.world.Disputed() != "") != c.disputed {
			t.Errorf("%s %s %s: answered %d, want %d; disputed %q; misfits (-want +got)\n%s", c.version, c.path, c.body, got.Status, c.status, s.world.Disputed(), diff)
		}
	}
}

const state = "PATCH /task-instances/{task_instance_id}/state"

// Every answer fits what the release itself declares as its answer.
func TestAnswersFitWhatTheReleaseDeclares(t *testing.T) {
	for _, version := range []string{"2026-06-30", "2026-10-30"} {
		as, err := shape.OfAPI(version)
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t)
		s.world.SetConnection(world.Connection{ID: "c", Type: "postgres", Port: 5432})
		s.world.SetVariable("v", "x")
		for _, c := range []struct{ operation, method, path, body string }{
			{"PATCH /task-instances/{task_instance_id}/run", "PATCH", "task-instances/" + mine + "/run", start},
			{"PUT /task-instances/{task_instance_id}/rtif", "PUT", "task-instances/" + mine + "/rtif", "{}"},
			{"GET /task-instances/{task_instance_id}/validate-inlets-and-outlets", "GET", "task-instances/" + mine + "/validate-inlets-and-outlets", ""},
			{"GET /connections/{connection_id}", "GET", "connections/c", ""},
			{"GET /variables/keys", "GET", "variables/keys", ""},
			{"GET /variables/{variable_key}", "GET", "variables/v", ""},
			{"PUT /variables/{variable_key}", "PUT", "variables/v", `{"val":"x"}`},
			{"POST /xcoms/{dag_id}/{run_id}/{task_id}/{key}", "POST", "xcoms/d/r/t/k", `{"a":[1,null]}`},
			{"GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}", "GET", "xcoms/d/r/t/k", ""},
			{"GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}/slice", "GET", "xcoms/d/r/t/k/slice", ""},
			{"GET /xcoms/{dag_id}/{run_id}/{task_id}/{key}/item/{offset}", "GET", "xcoms/d/r/t/k/item/0", ""},
			{"DELETE /xcoms/{dag_id}/{run_id}/{task_id}/{key}", "DELETE", "xcoms/d/r/t/k", ""},
			{"GET /dag-runs/{dag_id}/{run_id}/state", "GET", "dag-runs/d/r/state", ""},
		} {
			token := "execution"
			if c.path == "task-instances/"+mine+"/run" {
				token = "workload"
			}
			got, _ := s.askAs(t, version, c.method, c.path, token, c.body)
			operation, there := as.Operation(c.operation)
			if !there || !operation.Declares(got.Status) || got.Status > 299 {
				t.Errorf("%s: answered %+v, and declares %d", c.operation, got, operation.Answers)
				continue
			}
			decoder := json.NewDecoder(strings.NewReader(got.Body))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil {
				t.Fatal(err)
			}
			if misfits := as.Body(operation.Answer, world.Canonical(value)); len(misfits) > 0 {
				t.Errorf("%s %s: %v in %s", version, c.operation, misfits, got.Body)
			}
		}
	}
}
