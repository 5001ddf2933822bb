package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/executionapi"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// api is the Execution API on loopback for all measured tasks. Each task has a
// world of its own, so that a request costs the same however many tasks there are
// or were.
type api struct {
	url    string
	server *http.Server

	mu     sync.Mutex
	trials map[string]*trial // by token
	gate   *gate
}

func openAPI() (*api, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Execution API: %w", err)
	}
	a := &api{url: "http://" + listener.Addr().String() + executionapi.Root, trials: map[string]*trial{}}
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	go a.server.Serve(listener) // ends by Close
	return a, nil
}

func (a *api) close() { a.server.Close() }

// admit makes a task known, and forget ends that.
func (a *api) admit(t *trial) {
	w := world.New(shape.Of(shape.Default()))
	w.AddTask(t.instance)
	t.world, t.door = w, executionapi.NewServer(w, func(executionapi.Exchange) {}).Handler
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trials[t.instance.Token], a.trials[t.instance.Refreshed] = t, t
}

func (a *api) forget(t *trial) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.trials, t.instance.Token)
	delete(a.trials, t.instance.Refreshed)
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := time.Now()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	t, g := a.trials[token], a.gate
	a.mu.Unlock()
	if t == nil {
		http.Error(w, "no task has this token", http.StatusForbidden)
		return
	}
	what := path.Base(r.URL.Path)
	if what == "state" { // the task lives until this is answered
		t.look()
		if g != nil {
			g.pass(r.Context())
		}
	}
	t.door.ServeHTTP(w, r)
	t.mark(what, came, time.Now())
}

// gate holds the last request of every task until all of them are there: then all
// live at the same time, and stand still.
type gate struct {
	here chan struct{} // receives one value a task
	open chan struct{} // closed to let all go on
}

// hold puts a gate before the ends of tasks.
func (a *api) hold() *gate {
	g := &gate{here: make(chan struct{}), open: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gate = g
	return g
}

// release opens the gate and removes it.
func (a *api) release(g *gate) {
	close(g.open)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gate = nil
}

func (g *gate) pass(ctx context.Context) {
	select {
	case g.here <- struct{}{}:
	case <-g.open:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}

// wait returns when n tasks stand at the gate.
func (g *gate) wait(ctx context.Context, n int) error {
	for i := range n {
		select {
		case <-g.here:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d tasks came to their end: %w", i, n, ctx.Err())
		}
	}
	return nil
}
