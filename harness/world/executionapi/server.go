// Package executionapi is the HTTP door of a world: the part of Airflow's
// Execution API that a worker uses, in the shape of the release that the client names by
// the header Airflow-API-Version, or of the world's.
//
//	PATCH  task-instances/{ti}/run          200 context of the run; repeated by the same process: 200; by another: 409
//	PUT    task-instances/{ti}/heartbeat    204; 409 where it should not run any more; 404
//	PATCH  task-instances/{ti}/state        204; the same again: 200, from 3.3 on; another after the end: 409
//	PUT    task-instances/{ti}/rtif         201
//	GET    connections/{id}                 200, 404
//	GET    variables/{key}                  200, 404     PUT 201     DELETE 204
//	GET    xcoms/{dag}/{run}/{task}/{key}   200, 404     POST 201    DELETE 200    HEAD: Content-Range
//	GET    .../{key}/slice, .../item/{n}    200, 404
//
// All paths stand below /execution/. Bodies are closed: a key that the release does
// not have is 422, as is a value of another type, so that a wrong client is
// noticed; the world keeps what did not fit. The content type of every answer is exactly "application/json";
// Airflow's client takes a refusal with any other for a broken server.
//
// The token of the workload opens /run only. Its answer carries the execution
// token, in Refreshed-API-Token, that opens everything else.
package executionapi

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

// versionHeader is where a client names the version of the API that it speaks.
const versionHeader = "Airflow-API-Version"

// Root is the path below which the API lies.
const Root = "/execution/"

// maxBody bounds a request in octets. XComs are the large ones.
const maxBody = 64 << 20

// shownBody bounds what an Exchange shows of a request and of its answer.
const shownBody = 1 << 10

// Exchange is one request as it was answered.
type Exchange struct {
	Method, Path string // below Root
	Task         string // id of the task instance that asked; "" if it could not be told
	Status       int    // 0: the connection was closed without an answer
	Body         string // heads of the request's and the answer's body
	Size         int    // octets of the request's body
}

// NewServer returns a server for the world that is not listening yet. observe is
// called once a request, from several goroutines.
func NewServer(w *world.World, observe func(Exchange)) *http.Server {
	return &http.Server{
		Handler:           &door{world: w, observe: observe},
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // broken connections are the client's business
	}
}

type door struct {
	world   *world.World
	observe func(Exchange)
}

// request is one request while it is answered.
type request struct {
	world     *world.World
	method    string
	parts     []string // unescaped segments of the path, those of a key joined
	query     url.Values
	body      []byte
	sent      any              // what the body holds, once it was taken
	ti        string           // who asks
	shape     shape.Shape      // of the release as which the client wants to be taken
	operation spoken.Operation // as that release has it
	forced    *world.Problem
}

// answer is what a request is answered.
type answer struct {
	status int
	said   any    // what goes into the body, in canonical form
	says   bool   // it has a body, be it null
	body   []byte // JSON
	header map[string]string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	path := strings.TrimPrefix(r.URL.EscapedPath(), Root)
	e := Exchange{Method: r.Method, Path: path, Size: len(body)}
	var a answer
	var fault *world.Fault
	switch {
	case err != nil:
		a = refuse(&world.Problem{Status: http.StatusRequestEntityTooLarge, Detail: err.Error()})
	case !strings.HasPrefix(r.URL.EscapedPath(), Root):
		a = refuse(world.NotFound("Not Found"))
	default:
		e.Task, _ = d.owner(r)
		if fault = d.world.Strike(r.Method, path); fault != nil && fault.Delay > 0 {
			wait(r, fault.Delay)
		}
		if fault != nil && fault.Drop {
			d.observe(e)
			panic(http.ErrAbortHandler) // net/http closes the connection without an answer
		}
		a = d.answer(r, path, body, fault)
	}
	a.encode()
	e.Status = a.status
	secrets := d.world.Secrets()
	e.Body = shown(body, secrets) + " -> " + shown(a.body, secrets)
	d.world.Log(world.Request{At: time.Now(), Door: "http", Method: r.Method, Path: path, Task: e.Task, Status: a.status})
	d.observe(e)
	write(w, a, fault)
}

func wait(r *http.Request, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// shown is the head of a body. One of the secrets that the cut would halve is left
// out altogether: a redactor would not find the half that is left.
func shown(body []byte, secrets []string) string {
	if len(body) == 0 {
		return "nothing"
	}
	cut := min(len(body), shownBody)
	for _, secret := range secrets {
		from := max(0, cut-len(secret)+1)
		if at := bytes.Index(body[from:min(len(body), cut+len(secret)-1)], []byte(secret)); at >= 0 {
			cut = from + at
		}
	}
	return string(body[:cut])
}

func write(w http.ResponseWriter, a answer, fault *world.Fault) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	contentType := "application/json"
	if fault != nil && fault.ContentType != "" {
		contentType = fault.ContentType
	}
	if a.body != nil {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(a.status)
	_, _ = io.Copy(w, bytes.NewReader(a.body)) // a client that went away is its own fault
}

// answer checks that the client may ask, and has the request answered by its route.
func (d *door) answer(r *http.Request, path string, body []byte, fault *world.Fault) answer {
	q := &request{world: d.world, method: r.Method, query: r.URL.Query(), body: body, shape: d.world.Shape()}
	if version := r.Header.Get(versionHeader); version != "" {
		as, err := shape.OfAPI(version)
		if err != nil {
			return refuse(world.NotFound("Not Found")) // so does the server, which finds its routes by it
		}
		d.world.Speaks(as)
		q.shape = as
	}
	if fault != nil {
		q.forced = fault.Problem()
	}
	for part := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return refuse(world.NotFound("Not Found"))
		}
		q.parts = append(q.parts, plain)
	}
	to, known := find(q)
	var there bool
	q.operation, there = q.shape.Operation(to.name)
	if !known || !there {
		if q.shape.Newer() {
			q.misfit(r.Method+" /"+path, shape.Misfit{Kind: shape.Operation})
		}
		return refuse(world.NotFound("Not Found"))
	}
	ti, problem := d.authorise(r, q)
	if problem != nil {
		return refuse(problem)
	}
	q.ti = ti
	if q.forced != nil && !keepsRecord(q) {
		return refuse(q.forced)
	}
	if problem := q.take(to.name, q.operation.Body); problem != nil {
		return refuse(problem)
	}
	a := to.handle(q)
	if a.status < 300 {
		a.said = q.shape.Answer(q.operation.Answer, a.said)
	}
	return a
}

// keepsRecord reports requests that the world records even when a fault answers.
func keepsRecord(q *request) bool {
	return q.parts[0] == "task-instances" && len(q.parts) == 3 && (q.parts[2] == "heartbeat" || q.parts[2] == "state")
}

// owner finds the task instance whose token the request carries.
func (d *door) owner(r *http.Request) (ti string, workload bool) {
	token := bearer(r)
	for _, t := range d.world.Tasks() {
		switch token {
		case "":
		case t.Token:
			return t.ID, true
		case t.Refreshed:
			return t.ID, false
		}
	}
	return "", false
}

func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// authorise is what the server says to a missing, wrong or foreign token.
func (d *door) authorise(r *http.Request, q *request) (ti string, problem *world.Problem) {
	if bearer(r) == "" {
		return "", &world.Problem{Status: http.StatusUnauthorized, Detail: "Missing auth token"}
	}
	ti, workload := d.owner(r)
	if ti == "" {
		return "", &world.Problem{Status: http.StatusForbidden, Detail: "Invalid auth token"}
	}
	start := false
	if q.parts[0] == "task-instances" {
		if _, exists := d.world.Task(q.parts[1]); exists && q.parts[1] != ti {
			return ti, &world.Problem{Status: http.StatusForbidden, Detail: "Token subject does not match task instance ID"}
		}
		start = q.parts[2] == "run"
	}
	t, _ := d.world.Task(ti)
	if workload && !start && t.Refreshed != "" {
		return ti, &world.Problem{Status: http.StatusForbidden,
			Detail: "Token type 'workload' not allowed for this endpoint. Allowed types: execution"}
	}
	return ti, nil
}

// refuse is the answer for a problem.
func refuse(p *world.Problem) answer { return say(p.Status, map[string]any{"detail": p.Detail}) }

// say is an answer with a body.
func say(status int, body any) answer {
	return answer{status: status, said: world.Canonical(body), says: true}
}

// encode writes the body.
func (a *answer) encode() {
	if !a.says {
		return
	}
	var err error
	if a.body, err = world.AppendJSON(nil, a.said); err != nil {
		a.status, a.body = http.StatusInternalServerError, []byte(`{"detail":"a stored value has no JSON form"}`)
	}
}
