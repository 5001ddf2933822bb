package supervisor

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// page answers as something does that is not the API: a proxy, a portal.
func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>hello</html>")
	}
}

// typed answers 200 with a body of that type.
func typed(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

// giant answers with 80 MiB.
func giant(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat(`"a",`, 1<<18))
	_, _ = io.WriteString(w, "[")
	for range 80 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// cut announces more than it sends, and closes the connection.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"key":`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// slow answers nothing before the client has gone, at most 20 s.
func slow(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(20 * time.Second):
	}
}

// noise writes what is no HTTP.
func noise(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write(must(random(1000)))
}

// TestHostileAPI: whatever the server answers to one kind of request, the task has
// one end that is told or cannot be, its own requests fail and nothing else, and
// heartbeats go on.
func TestHostileAPI(t *testing.T) {
	read := []verb{
		{"do": "get_variable", "key": "absent", "catch": true, "save": "answer"},
		{"do": "push_xcom", "key": "ran", "value": 1},
	}
	stay := []verb{{"do": "push_xcom", "key": "ran", "value": 1}, {"do": "sleep", "seconds": 600}}
	for name, c := range map[string]struct {
		path   string // end of the paths that are answered so
		answer http.HandlerFunc
		verbs  []verb
		code   int
		states []string
		ran    bool
		log    string
	}{
		"run: page":             {"/run", page(200), read, 1, nil, false, "server's answer"},
		"run: page for 502":     {"/run", page(502), read, 1, nil, false, "502"},
		"run: null":             {"/run", typed("application/json", "null"), read, 1, nil, false, "no dag_run"},
		"run: empty":            {"/run", typed("application/json", "{}"), read, 1, nil, false, "no dag_run"},
		"run: list":             {"/run", typed("application/json", "[]"), read, 1, nil, false, "server's answer"},
		"run: half an answer":   {"/run", cut, read, 1, nil, false, "EOF"},
		"run: giant":            {"/run", giant, read, 1, nil, false, "answer of more than"},
		"run: silence":          {"/run", slow, read, 1, nil, false, "timeout"},
		"run: noise":            {"/run", noise, read, 1, nil, false, "malformed HTTP"},
		"heartbeat: 404 page":   {"/heartbeat", page(404), stay, 0, []string{"up_for_retry"}, true, "3 heartbeats in a row failed"},
		"heartbeat: 200 page":   {"/heartbeat", page(200), stay, 0, []string{"up_for_retry"}, true, "3 heartbeats in a row failed"},
		"heartbeat: giant":      {"/heartbeat", giant, stay, 0, []string{"up_for_retry"}, true, "3 heartbeats in a row failed"},
		"heartbeat: silence":    {"/heartbeat", slow, stay, 0, []string{"up_for_retry"}, true, "3 heartbeats in a row failed"},
		"heartbeat: noise":      {"/heartbeat", noise, stay, 0, []string{"up_for_retry"}, true, "3 heartbeats in a row failed"},
		"variable: page":        {"/absent", page(200), read, 0, []string{"success"}, true, "exit code 0"},
		"variable: giant":       {"/absent", giant, read, 0, []string{"success"}, true, "exit code 0"},
		"variable: half":        {"/absent", cut, read, 0, []string{"success"}, true, "exit code 0"},
		"variable: silence":     {"/absent", slow, read, 0, []string{"success"}, true, "exit code 0"},
		"variable: noise":       {"/absent", noise, read, 0, []string{"success"}, true, "exit code 0"},
		"variable: other shape": {"/absent", typed("application/json", `{"key":7,"value":[]}`), read, 0, []string{"success"}, true, "exit code 0"},
		"state: noise":          {"/state", noise, read, 1, []string{"success", "success", "success", "success"}, true, "could not be reported"},
		"state: 200 page":       {"/state", page(200), read, 1, []string{"success", "success", "success", "success"}, true, "could not be reported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.api.shouldRetry = true
			s.env = append(s.env, "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT=0.5", "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=2",
				"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=0.1", "AIRFLOW__UNDERSTUDY__KILL_STEP=0.2")
			s.api.instead = func(w http.ResponseWriter, r *http.Request, path string) bool {
				if !strings.HasSuffix(path, c.path) {
					return false
				}
				if strings.HasPrefix(name, "heartbeat") && s.api.xcom("probe", "ran") == "" {
					return false // not before the task runs
				}
				c.answer(w, r)
				return true
			}
			begin := time.Now()
			code := s.run("probe", c.verbs...)
			if code != c.code || time.Since(begin) > patience.Limit {
				t.Errorf("exit code %d after %v, want %d", code, time.Since(begin), c.code)
			}
			if got := s.api.states(); !slices.Equal(got, c.states) {
				t.Errorf("states %v, want %v", got, c.states)
			}
			if ran := s.api.xcom("probe", "ran") != ""; ran != c.ran {
				t.Errorf("the task ran: %v", ran)
			}
			if strings.HasPrefix(name, "variable") && !strings.Contains(s.api.xcom("probe", "answer"), `"error"`) {
				t.Errorf("the task was answered %s", s.api.xcom("probe", "answer"))
			}
			if log := s.log(); !strings.Contains(log, c.log) {
				t.Errorf("the log lacks %q:\n%s", c.log, log)
			}
		})
	}
}
