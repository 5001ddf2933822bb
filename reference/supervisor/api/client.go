package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// apiVersion is the Execution API that the messages of this package's calls
	// belong to (Airflow 3.3).
	apiVersion = "2026-06-30"

	// maxAnswer is the largest body, in bytes, that is read from the server.
	maxAnswer = 64 << 20

	// slowestTransfer is the rate, in bytes a second, below which an attempt that
	// moves a large body is given up.
	slowestTransfer = 1 << 20

	// idleConnections is how many connections are kept for later calls. Many tasks
	// that start at once need as many for a moment.
	idleConnections = 64
)

// Settings say where the server is, and how patiently it is asked.
type Settings struct {
	URL        *url.URL      // its path ends without a slash
	Timeout    time.Duration // of each attempt; a large body has time of its own
	Attempts   int           // at most, of one call
	RetryFirst time.Duration // the pause before the second attempt; it doubles with each further one
	RetryMax   time.Duration // the longest pause
}

// Client speaks HTTP with the Execution API. It is safe for concurrent use.
//
// An attempt that met no server, or one that answered with 500 or more, is
// repeated with growing pauses. A token that the server refreshes is used from
// the next request on.
type Client struct {
	http     *http.Client
	base     string
	timeout  time.Duration
	attempts int
	first    time.Duration // pause before the second attempt
	longest  time.Duration

	mu    sync.Mutex
	token string
	fresh func(token string) // is told of each token that the server refreshes; may be nil
}

// NewClient returns a Client for one task's token; "" sends none. It shares the
// connections of t with others. fresh is told of each token that the server refreshes;
// it may be nil.
func NewClient(s Settings, t *http.Transport, token string, fresh func(token string)) *Client {
	return &Client{
		// A redirect could lead the token elsewhere.
		http:     &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base:     s.URL.String(),
		timeout:  s.Timeout,
		attempts: s.Attempts,
		first:    s.RetryFirst,
		longest:  s.RetryMax,
		token:    token,
		fresh:    fresh,
	}
}

// NewTransport returns the connections to the server.
func NewTransport(s Settings) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: s.Timeout}).DialContext,
		TLSHandshakeTimeout:   s.Timeout,
		ResponseHeaderTimeout: s.Timeout,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // a bound on the body is one on what arrives
	}
}

// StatusError is an answer of the server with a status of 300 or more.
type StatusError struct {
	Method, Path string
	Status       int
	Structured   bool            // the body is JSON: the Execution API itself answered, not something before it
	Detail       json.RawMessage // "detail" of the body, or nil
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: server answered %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Detail != nil {
		text += fmt.Sprintf(": %.500s", e.Detail)
	}
	return text
}

// Answered reports whether err says that the Execution API itself answered with one of
// these statuses. A proxy's page for 404 is no answer about a task.
func Answered(err error, statuses ...int) bool {
	var e *StatusError
	if !errors.As(err, &e) || !e.Structured {
		return false
	}
	for _, status := range statuses {
		if e.Status == status {
			return true
		}
	}
	return false
}

var errAnswerTooLarge = fmt.Errorf("answer of more than %d bytes", maxAnswer)

// errNotJSON reports an answer that is not the Execution API's, which cannot have
// done then what it was asked for.
var errNotJSON = errors.New("the server's answer is not JSON: something before it may have answered")

// call is one request to the API.
type call struct {
	method string
	path   []string // segments below the base; escaped when sent
	query  url.Values
	body   []byte            // JSON, or nil
	trace  map[string]string // trace context to pass on
}

// answer is a body and what else calls look at.
type answer struct {
	header http.Header
	body   []byte
}

// decode reads the body as JSON.
func (a answer) decode(into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// do makes a call with all attempts.
func (c *Client) do(ctx context.Context, k call) (answer, error) {
	pause := c.first
	for attempt := 1; ; attempt++ {
		a, err := c.once(ctx, k)
		if err == nil || !repeatable(err) || ctx.Err() != nil {
			return a, err
		}
		if attempt == c.attempts {
			return a, fmt.Errorf("%w (%d attempts)", err, attempt)
		}
		if err := wait(ctx, pause/2+rand.N(pause/2+1)); err != nil {
			return a, err
		}
		pause = min(2*pause, c.longest)
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// repeatable reports whether the same request may fare better later.
func repeatable(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status >= 500
	}
	return !errors.Is(err, errBadPath) && !errors.Is(err, errAnswerTooLarge)
}

var errBadPath = errors.New("name cannot be part of a URL")

// address joins base and segments. A segment that URLs take for "here" or "up",
// or for nothing, would lead to another endpoint.
func (c *Client) address(k call) (string, error) {
	var b strings.Builder
	b.WriteString(c.base)
	for _, segment := range k.path {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("%q: %w", segment, errBadPath)
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(segment))
	}
	if len(k.query) > 0 {
		b.WriteByte('?')
		b.WriteString(k.query.Encode())
	}
	return b.String(), nil
}

// once makes a single attempt.
func (c *Client) once(ctx context.Context, k call) (answer, error) {
	address, err := c.address(k)
	if err != nil {
		return answer{}, err
	}
	transfer := time.Duration(len(k.body)+maxAnswer) * time.Second / slowestTransfer
	ctx, cancel := context.WithTimeout(ctx, c.timeout+transfer)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, k.method, address, bytes.NewReader(k.body))
	if err != nil {
		return answer{}, err
	}
	c.decorate(request, k)
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", k.method, strings.Join(k.path, "/"), unwrapURL(err))
	}
	defer response.Body.Close()
	if fresh := response.Header.Get("Refreshed-API-Token"); fresh != "" {
		if c.fresh != nil {
			c.fresh(fresh)
		}
		c.mu.Lock()
		c.token = fresh
		c.mu.Unlock()
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer:
		err = errAnswerTooLarge
	case err == nil && response.StatusCode >= 300:
		return answer{}, statusError(k, response, body)
	case err == nil && k.method != http.MethodGet && len(body) > 0 && !json.Valid(body):
		err = errNotJSON // it is not looked into any more: that a page came for it would not be seen
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: read answer: %w", k.method, strings.Join(k.path, "/"), err)
	}
	return answer{header: response.Header, body: body}, nil
}

func (c *Client) decorate(r *http.Request, k call) {
	h := r.Header
	h.Set("User-Agent", "understudy-supervisor")
	h.Set("Airflow-API-Version", apiVersion)
	h.Set("Accept", "application/json")
	if id, err := uuid.NewV7(); err == nil {
		h.Set("Correlation-Id", id.String())
	}
	if k.body != nil {
		h.Set("Content-Type", "application/json")
	}
	c.mu.Lock()
	token := c.token
	c.mu.Unlock()
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	for _, name := range []string{"traceparent", "tracestate", "baggage"} {
		if value := k.trace[name]; value != "" && headerValue(value) {
			h.Set(name, value)
		}
	}
}

// headerValue reports whether a task may put s into a header.
func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= 8192
}

func statusError(k call, response *http.Response, body []byte) error {
	e := &StatusError{Method: k.method, Path: strings.Join(k.path, "/"), Status: response.StatusCode}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var content map[string]json.RawMessage
	if err == nil && kind == "application/json" && json.Unmarshal(body, &content) == nil {
		e.Structured = true
		e.Detail = content["detail"]
	}
	return e
}

// unwrapURL takes off the layer that repeats the whole address, query included.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
