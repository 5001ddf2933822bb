package api

import (
	"context"
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
	s := Settings{URL: u, Timeout: time.Second, Attempts: 5, RetryFirst: time.Millisecond, RetryMax: 4 * time.Millisecond}
	return NewClient(s, NewTransport(s), "first", nil)
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
			if Answered(err, 409) != c.structured || Answered(err, 404) || string(status.Detail) != c.detail {
				t.Errorf("structured %v, detail %s", Answered(err, 409), status.Detail)
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
