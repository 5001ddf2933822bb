package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeAPI is as much of an Execution API as one task needs, and notes every request.
type fakeAPI struct {
	*httptest.Server
	t *testing.T

	mu          sync.Mutex
	requests    []apiRequest
	xcoms       map[string]json.RawMessage
	variables   map[string]string
	connections map[string]string // JSON
	shouldRetry bool
	conf        any
	forget      bool           // requests are not noted
	confs       map[string]any // of single task instances
	// fault answers a request instead, if it returns a status other than 0.
	fault func(method, path string, n int) (status int, body string)
	seen  map[string]int
	// instead serves a request itself, if it returns true.
	instead func(w http.ResponseWriter, r *http.Request, path string) bool
}

type apiRequest struct {
	Method, Path, Token string
	Header              http.Header
	Body                map[string]any
	Raw                 string
	At                  time.Time
}

func newFakeAPI(t *testing.T) *fakeAPI {
	f := &fakeAPI{t: t, xcoms: map[string]json.RawMessage{}, variables: map[string]string{}, connections: map[string]string{}, seen: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/execution/")
	request := apiRequest{Method: r.Method, Path: path, Token: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), Header: r.Header, Raw: string(raw), At: time.Now()}
	_ = json.Unmarshal(raw, &request.Body)
	f.mu.Lock()
	if !f.forget {
		f.requests = append(f.requests, request)
	}
	key := r.Method + " " + path
	f.seen[key]++
	n := f.seen[key]
	fault, instead := f.fault, f.instead
	f.mu.Unlock()
	if instead != nil && instead(w, r, path) {
		return
	}
	if fault != nil {
		if status, body := fault(r.Method, path, n); status != 0 {
			answerJSON(w, status, body)
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	part := strings.Split(path, "/")
	switch {
	case part[0] == "task-instances" && part[2] == "run":
		w.Header().Set("Refreshed-API-Token", f.tokenOf(part[1]))
		context := map[string]any{
			"dag_run": map[string]any{
				"dag_id": "probe", "run_id": "r1", "logical_date": nil, "data_interval_start": nil, "data_interval_end": nil,
				"run_after": "2026-01-01T00:00:00Z", "start_date": "2026-01-01T00:00:00Z", "end_date": nil, "run_type": "manual",
				"state": "running", "conf": f.confOf(part[1]), "consumed_asset_events": []any{}, "partition_key": nil,
			},
			"max_tries": 1, "should_retry": f.shouldRetry,
		}
		b, _ := json.Marshal(context)
		answerJSON(w, 200, string(b))
	case part[0] == "task-instances":
		w.WriteHeader(204)
	case part[0] == "xcoms" && r.Method == http.MethodPost:
		f.xcoms[strings.Join(part[1:], "/")] = json.RawMessage(raw)
		w.WriteHeader(201)
	case part[0] == "xcoms" && part[len(part)-1] == "slice":
		value, ok := f.xcoms[strings.Join(part[1:len(part)-1], "/")]
		if !ok {
			answerJSON(w, 200, "[]")
			return
		}
		answerJSON(w, 200, "["+string(value)+"]")
	case part[0] == "xcoms" && r.Method == http.MethodDelete:
		delete(f.xcoms, strings.Join(part[1:], "/"))
		answerJSON(w, 200, "{}")
	case part[0] == "xcoms":
		value, ok := f.xcoms[strings.Join(part[1:], "/")]
		if !ok {
			notFound(w)
			return
		}
		answerJSON(w, 200, fmt.Sprintf(`{"key":%q,"value":%s}`, part[len(part)-1], value))
	case part[0] == "connections":
		if f.connections[part[1]] == "" {
			notFound(w)
			return
		}
		answerJSON(w, 200, f.connections[part[1]])
	case part[0] == "variables" && r.Method == http.MethodPut:
		f.variables[part[1]] = request.Body["val"].(string)
		w.WriteHeader(201)
	case part[0] == "variables" && r.Method == http.MethodDelete:
		delete(f.variables, part[1])
		w.WriteHeader(204)
	case part[0] == "variables":
		value, ok := f.variables[part[1]]
		if !ok {
			notFound(w)
			return
		}
		b, _ := json.Marshal(map[string]string{"key": part[1], "value": value})
		answerJSON(w, 200, string(b))
	default:
		notFound(w)
	}
}

// confOf returns dag_run.conf for a task instance; f.mu is held.
func (f *fakeAPI) confOf(ti string) any {
	if conf, ok := f.confs[ti]; ok {
		return conf
	}
	return f.conf
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func notFound(w http.ResponseWriter) {
	answerJSON(w, 404, `{"detail":{"reason":"not_found","message":"no such thing"}}`)
}

// all returns the requests whose path ends so, in order.
func (f *fakeAPI) all(method, suffix string) []apiRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []apiRequest
	for _, r := range f.requests {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			found = append(found, r)
		}
	}
	return found
}

// states lists the terminal states that were sent, in order.
func (f *fakeAPI) states() []string {
	var states []string
	for _, r := range f.all(http.MethodPatch, "/state") {
		states = append(states, fmt.Sprint(r.Body["state"]))
	}
	return states
}

func (f *fakeAPI) xcom(task, key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.xcoms["probe/r1/"+task+"/"+key])
}

// tokenOf is what the token of a task instance is refreshed to.
func (f *fakeAPI) tokenOf(id string) string {
	if id == tiID {
		return "execution-token"
	}
	return "token-of-" + id
}
