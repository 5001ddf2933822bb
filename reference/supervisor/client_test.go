package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
)

func clientFor(t *testing.T, handler http.HandlerFunc) (*Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return testClient(t, server.URL+"/execution"), server
}

func testClient(t *testing.T, base string) *Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(Settings{API: u, Timeout: time.Second, Attempts: 5, RetryFirst: time.Millisecond, RetryMax: 4 * time.Millisecond}, "first")
}

func TestClientRepeatsWhatMayFareBetter(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int // of the attempts, the last for all further ones
		attempts int
		fails    bool
	}{
		"at once":             {[]int{200}, 1, false},
		"503 twice":           {[]int{503, 503, 200}, 3, false},
		"500 for ever":        {[]int{500}, 5, true},
		"404 is an answer":    {[]int{404}, 1, true},
		"409 is an answer":    {[]int{409}, 1, true},
		"429 is an answer":    {[]int{429}, 1, true},
		"redirect is refused": {[]int{307}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != `{"a":1}` || r.URL.Path != "/execution/x" {
					t.Errorf("attempt with body %q to %s", body, r.URL)
				}
				i := int(n.Add(1)) - 1
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.statuses[min(i, len(c.statuses)-1)])
			})
			_, err := client.do(t.Context(), call{method: "PUT", path: []string{"x"}, body: []byte(`{"a":1}`)})
			if int(n.Load()) != c.attempts || (err != nil) != c.fails {
				t.Errorf("%d attempts, %v", n.Load(), err)
			}
		})
	}
}

func TestClientRepeatsAfterALostConnection(t *testing.T) {
	var n atomic.Int32
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
	})
	if _, err := client.do(t.Context(), call{method: "POST", path: []string{"x"}, body: []byte("1")}); err != nil || n.Load() != 3 {
		t.Errorf("%d attempts, %v", n.Load(), err)
	}
	// Nobody listens: all attempts fail, and the error is no StatusError.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = testClient(t, "http://"+l.Addr().String()).do(t.Context(), call{method: "GET", path: []string{"x"}})
	var status *StatusError
	if err == nil || errors.As(err, &status) || !strings.Contains(err.Error(), "5 attempts") {
		t.Errorf("%v", err)
	}
}

func TestClientGivesUpWhenItsCallerDoes(t *testing.T) {
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	client.first, client.longest = time.Hour, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := client.do(ctx, call{method: "GET", path: []string{"x"}}); err == nil || time.Since(begin) > patience.Limit {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestClientEndsASilentAttempt(t *testing.T) {
	release := make(chan struct{})
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	client.attempts = 1
	client.http.Transport.(*http.Transport).ResponseHeaderTimeout = 50 * time.Millisecond
	begin := time.Now()
	if _, err := client.do(t.Context(), call{method: "GET", path: []string{"x"}}); err == nil || time.Since(begin) > patience.Limit {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestClientTakesRefreshedTokens(t *testing.T) {
	var got []string
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		switch len(got) {
		case 1:
			w.Header().Set("Refreshed-API-Token", "second")
		case 3: // also with an error
			w.Header().Set("Refreshed-API-Token", "third")
			w.WriteHeader(404)
		}
	})
	var told []string
	client.fresh = func(token string) { told = append(told, token) }
	for range 4 {
		_, _ = client.do(t.Context(), call{method: "GET", path: []string{"x"}})
	}
	if diff := cmp.Diff([]string{"second", "third"}, told); diff != "" {
		t.Errorf("new tokens (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Bearer first", "Bearer second", "Bearer second", "Bearer third"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	client, _ = clientFor(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header.Values("Authorization") })
	client.token = ""
	if _, err := client.do(t.Context(), call{method: "GET", path: []string{"x"}}); err != nil || len(got) > 0 {
		t.Errorf("empty token: %v, %v", got, err)
	}
}

func TestStructuredErrors(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		structured        bool
		detail            string
	}{
		"plain":         {"application/json", `{"detail":{"reason":"not_running"}}`, true, `{"reason":"not_running"}`},
		"with charset":  {"application/json; charset=utf-8", `{"detail":"gone"}`, true, `"gone"`},
		"capitals":      {"Application/JSON", `{"detail":"gone"}`, true, `"gone"`},
		"no detail":     {"application/json", `{}`, true, ""},
		"page":          {"text/html", `<html>409</html>`, false, ""},
		"page as JSON":  {"application/json", `<html>409</html>`, false, ""},
		"no type":       {"", `{"detail":"gone"}`, false, ""},
		"other JSON":    {"application/problem+json", `{"detail":"gone"}`, false, ""},
		"broken type":   {"application/json; =", `{"detail":"gone"}`, false, ""},
		"empty":         {"application/json", ``, false, ""},
		"list":          {"application/json", `[]`, false, ""},
		"deep and long": {"application/json", strings.Repeat(`{"detail":`, 20000) + "1" + strings.Repeat("}", 20000), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = nil
				if c.contentType != "" {
					w.Header().Set("Content-Type", c.contentType)
				}
				w.WriteHeader(409)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := client.do(t.Context(), call{method: "GET", path: []string{"x"}})
			var status *StatusError
			if !errors.As(err, &status) || status.Status != 409 {
				t.Fatalf("%v", err)
			}
			if structured(err, 409) != c.structured || structured(err, 404) || string(status.Detail) != c.detail {
				t.Errorf("structured %v, detail %s", structured(err, 409), status.Detail)
			}
		})
	}
}

func TestClientBoundsAnswers(t *testing.T) {
	var n atomic.Int32
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		chunk := make([]byte, 1<<20)
		for range 80 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := client.do(t.Context(), call{method: "GET", path: []string{"x"}})
	if !errors.Is(err, errAnswerTooLarge) || n.Load() != 1 {
		t.Errorf("%v after %d attempts", err, n.Load())
	}
}

// TestNamesOfATaskStayNames: whatever a task puts into a key, it reaches no other
// endpoint than that of the key.
func TestNamesOfATaskStayNames(t *testing.T) {
	var paths []string
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) { paths = append(paths, r.RequestURI) })
	for _, name := range []string{"a", "a/b", "?x=1", "#f", "%2e%2e", "ä b", "a+b", "..."} {
		if _, err := client.do(t.Context(), call{method: "GET", path: []string{"variables", name}}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	want := []string{"a", "a%2Fb", "%3Fx=1", "%23f", "%252e%252e", "%C3%A4%20b", "a+b", "..."}
	for i := range want {
		want[i] = "/execution/variables/" + want[i]
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range []string{"", ".", ".."} {
		paths = nil
		if _, err := client.do(t.Context(), call{method: "GET", path: []string{"variables", name}}); !errors.Is(err, errBadPath) || len(paths) > 0 {
			t.Errorf("%q: %v, %v", name, err, paths)
		}
	}
}

func TestTraceContextIsPassedOnAndNeverFails(t *testing.T) {
	var got http.Header
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header })
	trace := map[string]string{"traceparent": "00-1-2-01", "tracestate": "bad\r\nX: y", "authorization": "Bearer stolen", "baggage": strings.Repeat("x", 10000)}
	if _, err := client.do(t.Context(), call{method: "GET", path: []string{"x"}, trace: trace}); err != nil {
		t.Fatal(err)
	}
	if got.Get("Traceparent") != "00-1-2-01" || got.Get("Tracestate") != "" || got.Get("Baggage") != "" || got.Get("Authorization") != "Bearer first" {
		t.Errorf("%v", got)
	}
}

// recorded is what a request of a task became.
type recorded struct {
	Request string
	Body    string
	Answer  string
}

// TestCalls holds each message against the endpoint of Airflow's client.
func TestCalls(t *testing.T) {
	raw := func(v any) message.Raw { return must(message.RawOf(v)) }
	ptr := func(s string) *string { return &s }
	num := func(i int) *int { return &i }
	day := message.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	x := "xcoms/d/r/t/k"
	for _, c := range []struct {
		body   message.Body
		status int
		answer string
		want   recorded
	}{
		{&message.GetConnection{ConnID: "c"}, 404, `{"detail":"x"}`, recorded{"GET connections/c", "", `ErrorResponse {"error":"CONNECTION_NOT_FOUND","detail":{"conn_id":"c"}}`}},
		{&message.GetConnection{ConnID: "c"}, 403, `{"detail":"x"}`, recorded{"GET connections/c", "", `ErrorResponse {"error":"PERMISSION_DENIED","detail":{"conn_id":"c"}}`}},
		{&message.GetVariable{Key: "k"}, 200, `{"key":"k","value":"v"}`, recorded{"GET variables/k", "", `VariableResult {"key":"k","value":"v"}`}},
		{&message.GetVariable{Key: "k"}, 404, `{"detail":"x"}`, recorded{"GET variables/k", "", `ErrorResponse {"error":"VARIABLE_NOT_FOUND","detail":{"key":"k"}}`}},
		{&message.GetVariableKeys{Prefix: ptr("p")}, 200, `{"keys":["p1"],"total_entries":1}`, recorded{"GET variables/keys?limit=1000&offset=0&prefix=p", "", `VariableKeysResult {"keys":["p1"],"total_entries":1}`}},
		{&message.PutVariable{Key: "k", Value: ptr("v")}, 201, ``, recorded{"PUT variables/k", `{"description":null,"val":"v"}`, "empty"}},
		{&message.DeleteVariable{Key: "k"}, 204, ``, recorded{"DELETE variables/k", "", `OKResponse {"ok":true}`}},
		{&message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", MapIndex: num(2), IncludePriorDates: true}, 200, `{"key":"k","value":[1,null]}`, recorded{"GET " + x + "?include_prior_dates=true&map_index=2", "", `XComResult {"key":"k","value":[1,null]}`}},
		{&message.GetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", MapIndex: num(-1)}, 404, `{}`, recorded{"GET " + x, "", `XComResult {"key":"k","value":null}`}},
		{&message.GetXComCount{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, ``, recorded{"HEAD " + x, "", `XComCountResponse {"len":7}`}},
		{&message.GetNumberXComs{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, ``, recorded{"HEAD " + x, "", `XComLengthResponse {"len":7}`}},
		{&message.GetXComSequenceItem{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Offset: -1}, 200, `{"a":1.5}`, recorded{"GET " + x + "/item/-1", "", `XComSequenceIndexResult {"root":{"a":1.5}}`}},
		{&message.GetXComSequenceItem{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Offset: 9}, 404, `{}`, recorded{"GET " + x + "/item/9", "", `ErrorResponse {"error":"XCOM_NOT_FOUND","detail":{"dag_id":"d","key":"k","offset":9,"run_id":"r","task_id":"t"}}`}},
		{&message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "t", Stop: num(3)}, 200, `["a",2]`, recorded{"GET " + x + "/slice?stop=3", "", `XComSequenceSliceResult {"root":["a",2]}`}},
		{&message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, `[]`, recorded{"GET " + x + "/slice", "", `XComSequenceSliceResult {"root":[]}`}},
		{&message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, `{"a":1}`, recorded{"GET " + x + "/slice", "", `read the server's answer: msgp: attempted to decode type "map" with method for "array"`}},
		{&message.GetXComSequenceSlice{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, `[1`, recorded{"GET " + x + "/slice", "", `read the server's answer: read JSON value: unexpected EOF`}},
		{&message.SetXCom{Key: "k", Value: raw("v"), DagID: "d", RunID: "r", TaskID: "t", MapIndex: num(-1), MappedLength: num(4)}, 201, ``, recorded{"POST " + x + "?mapped_length=4", `"v"`, "empty"}},
		{&message.SetXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t", DagResult: true}, 201, ``, recorded{"POST " + x + "?dag_result=true", `null`, "empty"}},
		{&message.DeleteXCom{Key: "k", DagID: "d", RunID: "r", TaskID: "t"}, 200, ``, recorded{"DELETE " + x, "", "empty"}},
		{&message.SkipDownstreamTasks{Tasks: []message.SkippedTask{{TaskID: "a"}, {TaskID: "b", MapIndex: num(1)}}}, 204, ``, recorded{"PATCH task-instances/TI/skip-downstream", `{"tasks":["a",["b",1]]}`, "empty"}},
		{&message.SetRenderedFields{RenderedFields: raw(map[string]any{"a": "b"})}, 201, ``, recorded{"PUT task-instances/TI/rtif", `{"a":"b"}`, "empty"}},
		{&message.SetRenderedFields{RenderedFields: raw(map[string]any{})}, 410, `{}`, recorded{"PUT task-instances/TI/rtif", `{}`, "empty"}},
		{&message.SetRenderedMapIndex{RenderedMapIndex: "i"}, 200, ``, recorded{"PATCH task-instances/TI/rendered-map-index", `"i"`, "empty"}},
		{&message.ValidateInletsAndOutlets{TIID: "u"}, 200, `{"inactive_assets":[]}`, recorded{"GET task-instances/u/validate-inlets-and-outlets", "", `InactiveAssetsResult {"inactive_assets":[]}`}},
		{&message.GetPrevSuccessfulDagRun{TIID: "other"}, 200, `{"start_date":null}`, recorded{"GET task-instances/TI/previous-successful-dagrun", "", `PrevSuccessfulDagRunResult {}`}},
		{&message.GetPreviousDagRun{DagID: "d", LogicalDate: day, State: ptr("success")}, 200, `null`, recorded{"GET dag-runs/previous?dag_id=d&logical_date=2026-01-02T03%3A04%3A05Z&state=success", "", `PreviousDagRunResult {}`}},
		{&message.GetPreviousTI{DagID: "d", TaskID: "t"}, 200, `{"task_id":"t","dag_id":"d","run_id":"r","try_number":1}`, recorded{"GET task-instances/previous/d/t?map_index=-1", "", `PreviousTIResult {"task_instance":{"task_id":"t","dag_id":"d","run_id":"r","try_number":1}}`}},
		{&message.GetDagRunState{DagID: "d", RunID: "r"}, 200, `{"state":"running"}`, recorded{"GET dag-runs/d/r/state", "", `DagRunStateResult {"state":"running"}`}},
		{&message.GetDRCount{DagID: "d", States: []string{"a", "b"}}, 200, `3`, recorded{"GET dag-runs/count?dag_id=d&states=a&states=b", "", `DRCount {"count":3}`}},
		{&message.GetTICount{DagID: "d", MapIndex: num(-1), TaskIDs: []string{"t"}, LogicalDates: []message.Time{day}}, 200, `0`, recorded{"GET task-instances/count?dag_id=d&logical_dates=2026-01-02T03%3A04%3A05Z&task_ids=t", "", `TICount {"count":0}`}},
		{&message.GetTaskStates{DagID: "d"}, 200, `{"task_states":{"r":{"t":"success"}}}`, recorded{"GET task-instances/states?dag_id=d", "", `TaskStatesResult {"task_states":{"r":{"t":"success"}}}`}},
		{&message.GetTaskBreadcrumbs{DagID: "d", RunID: "r"}, 200, `{"breadcrumbs":[{"a":1}]}`, recorded{"GET task-instances/breadcrumbs?dag_id=d&run_id=r", "", `TaskBreadcrumbsResult {"breadcrumbs":[{"a":1}]}`}},
		{&message.GetTaskRescheduleStartDate{TIID: "u"}, 200, `"2026-01-02T03:04:05Z"`, recorded{"GET task-reschedules/u/start_date?try_number=1", "", `TaskRescheduleStartDate {"start_date":"2026-01-02T03:04:05Z"}`}},
		{&message.GetTaskRescheduleStartDate{TIID: "u"}, 200, `null`, recorded{"GET task-reschedules/u/start_date?try_number=1", "", `TaskRescheduleStartDate {"start_date":null}`}},
		{&message.TriggerDagRun{DagID: "d", RunID: "r", Conf: raw(map[string]any{"a": 1})}, 204, ``, recorded{"POST dag-runs/d/r", `{"conf":{"a":1}}`, `OKResponse {"ok":true}`}},
		{&message.TriggerDagRun{DagID: "d", RunID: "r"}, 409, `{"detail":"x"}`, recorded{"POST dag-runs/d/r", `{}`, `ErrorResponse {"error":"DAGRUN_ALREADY_EXISTS"}`}},
		{&message.GetAssetByName{Name: "n"}, 200, `{"name":"n","uri":"u","group":"g","id":5}`, recorded{"GET assets/by-name?name=n", "", `AssetResult {"name":"n","uri":"u","group":"g"}`}},
		{&message.GetAssetByUri{URI: "u"}, 404, `{}`, recorded{"GET assets/by-uri?uri=u", "", `ErrorResponse {"error":"ASSET_NOT_FOUND","detail":{"uri":"u"}}`}},
		{&message.GetAssetsByAlias{AliasName: "a"}, 200, `[]`, recorded{"GET assets/by-alias?alias_name=a", "", `AssetsByAliasResult {"assets":[]}`}},
		{&message.GetAssetEventByAsset{Name: ptr("n"), Limit: num(2)}, 200, `{"asset_events":[]}`, recorded{"GET asset-events/by-asset?ascending=true&limit=2&name=n", "", `AssetEventsResult {"asset_events":[]}`}},
		{&message.GetTaskStateStore{TIID: "u", Key: "k"}, 404, `{}`, recorded{"GET store/ti/u/k", "", `ErrorResponse {"error":"TASK_STORE_NOT_FOUND","detail":{"key":"k"}}`}},
		{&message.SetTaskStateStore{TIID: "u", Key: "k", Value: raw(1)}, 204, ``, recorded{"PUT store/ti/u/k", `{"value":1,"expires_at":null}`, `OKResponse {"ok":true}`}},
		{&message.ClearTaskStateStore{TIID: "u"}, 204, ``, recorded{"DELETE store/ti/u", "", `OKResponse {"ok":true}`}},
		{&message.GetAssetStateStoreByUri{URI: "u", Key: "k"}, 200, `{"value":[1]}`, recorded{"GET store/asset/by-uri/value?key=k&uri=u", "", `AssetStateStoreResult {"value":[1]}`}},
		{&message.ClearAssetStateStoreByName{Name: "n"}, 204, ``, recorded{"DELETE store/asset/by-name/clear?name=n", "", `OKResponse {"ok":true}`}},
		{&message.GetHITLDetailResponse{TIID: "u"}, 200, ``, recorded{"", "", "Unhandled request"}},
	} {
		t.Run(c.body.MessageType(), func(t *testing.T) {
			var got recorded
			client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got.Request, got.Body = r.Method+" "+strings.TrimPrefix(r.RequestURI, "/execution/"), string(body)
				w.Header().Set("Content-Range", "map_indexes 7")
				answerJSON(w, c.status, c.answer)
			})
			answer, err := caller{server: server{client, "TI"}, mask: NewMasker(1, nil)}.answer(t.Context(), c.body)
			switch {
			case err != nil:
				got.Answer = err.Error()
			case answer == nil:
				got.Answer = "empty"
			default:
				text, err := json.Marshal(answer)
				if err != nil {
					t.Fatal(err)
				}
				got.Answer = answer.MessageType() + " " + string(text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryMessageIsServedOrKnownNotToBe(t *testing.T) {
	client, _ := clientFor(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(418) })
	client.attempts = 1
	for _, name := range message.Types(message.ToSupervisor) {
		body, err := message.New(message.ToSupervisor, name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = caller{server: server{client, "TI"}, mask: NewMasker(1, nil)}.answer(t.Context(), body)
		var unhandled *notHandled
		_, terminal := message.TerminalState(body)
		known := terminal || name == "MaskSecret" || name == "ResendLoggingFD" || name == "UpdateHITLDetail" || name == "GetHITLDetailResponse"
		if errors.As(err, &unhandled) != known {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStateBodies(t *testing.T) {
	end := message.At(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC))
	reason := "r"
	for want, body := range map[string]message.Body{
		`{"state":"success","end_date":"2026-01-02T03:04:05.000006Z"}`:                                                           &message.SucceedTask{EndDate: end},
		`{"state":"skipped","end_date":"2026-01-02T03:04:05.000006Z","rendered_map_index":null}`:                                 &message.TaskState{State: "skipped", EndDate: &end, RetryReason: &reason},
		`{"state":"up_for_retry","end_date":"2026-01-02T03:04:05.000006Z","retry_reason":"r"}`:                                   &message.RetryTask{EndDate: end, RetryReason: &reason},
		`{"state":"up_for_reschedule","reschedule_date":"2026-01-02T03:04:05.000006Z","end_date":"2026-01-02T03:04:05.000006Z"}`: &message.RescheduleTask{RescheduleDate: end, EndDate: end},
		`{"state":"deferred","classpath":"c","trigger_kwargs":{"a":1},"next_method":"m"}`:                                        &message.DeferTask{Classpath: "c", NextMethod: "m", TriggerKwargs: must(message.RawOf(map[string]any{"a": 1}))},
	} {
		got, err := stateBody(body)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
