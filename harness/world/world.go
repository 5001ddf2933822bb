package world

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// XComKey names one XCom. Map is -1 for a task that is not mapped.
type XComKey struct {
	Dag, Run, Task string
	Map            int
	Key            string
}

// Connection is what get_connection gives a task.
type Connection struct {
	ID, Type        string
	Host, Schema    string
	Login, Password string
	Port            int // 0: none
	Extra           string
}

// World holds the state. The zero value is not usable; see New.
type World struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at every change
	connections map[string]Connection
	variables   map[string]string
	xcoms       map[XComKey]any
	tasks       map[string]*TaskInstance
	order       []string // task ids in the order of AddTask
	faults      []*Fault
	requests    []Request
	secrets     []string
	shape       shape.Shape
	misfits     []Misfit
	disputed    string
}

// New returns an empty world in the shape of a release.
func New(as shape.Shape) *World {
	return &World{
		shape:       as,
		changed:     make(chan struct{}),
		connections: map[string]Connection{},
		variables:   map[string]string{},
		xcoms:       map[XComKey]any{},
		tasks:       map[string]*TaskInstance{},
	}
}

// change runs f under the lock and wakes everybody in Wait.
func (w *World) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

// Wait returns nil as soon as holds does, which it asks again after every
// change. It ends with the context's error otherwise. holds may call any method
// of the world.
func (w *World) Wait(ctx context.Context, holds func() bool) error {
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetConnection stores a connection. Its password is a secret of the world.
func (w *World) SetConnection(c Connection) {
	w.change(func() {
		w.connections[c.ID] = c
		w.addSecret(c.Password)
	})
}

// Connection returns the connection with that id.
func (w *World) Connection(id string) (Connection, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.connections[id]
	return c, ok
}

// SetVariable stores a variable.
func (w *World) SetVariable(key, value string) {
	w.change(func() { w.variables[key] = value })
}

// Variable returns the value of a variable.
func (w *World) Variable(key string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	value, ok := w.variables[key]
	return value, ok
}

// DeleteVariable removes a variable and says whether it was there.
func (w *World) DeleteVariable(key string) bool {
	found := false
	w.change(func() {
		_, found = w.variables[key]
		delete(w.variables, key)
	})
	return found
}

// Variables returns the keys of all variables, sorted.
func (w *World) Variables() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.variables))
}

// SetXCom stores the canonical form of value.
func (w *World) SetXCom(key XComKey, value any) {
	w.change(func() { w.xcoms[key] = Canonical(value) })
}

// XCom returns the value under key.
func (w *World) XCom(key XComKey) (any, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	value, ok := w.xcoms[key]
	return value, ok
}

// DeleteXCom removes an XCom and says whether it was there.
func (w *World) DeleteXCom(key XComKey) bool {
	found := false
	w.change(func() {
		_, found = w.xcoms[key]
		delete(w.xcoms, key)
	})
	return found
}

// XComs returns the keys of all XComs, in no particular order.
func (w *World) XComs() []XComKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.xcoms))
}

// AddSecret names texts that no journal may show.
func (w *World) AddSecret(texts ...string) {
	w.change(func() {
		for _, text := range texts {
			w.addSecret(text)
		}
	})
}

// Secrets returns the texts that no journal may show, longest first, so that
// replacing them in order leaves no part of one behind.
func (w *World) Secrets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.secrets)
}

func (w *World) addSecret(text string) {
	if text == "" || slices.Contains(w.secrets, text) {
		return
	}
	w.secrets = append(w.secrets, text)
	slices.SortStableFunc(w.secrets, func(a, b string) int { return len(b) - len(a) })
}

// Request is one request as the world answered it.
type Request struct {
	At     time.Time
	Door   string // "frame" or "http"
	Method string // HTTP's, for both doors
	Path   string // below the API's root, such as "variables/k"
	Task   string // id of the task instance that asked
	Status int    // HTTP's, for both doors
}

// maxRequests bounds what is kept of a client that never stops asking.
const maxRequests = 100_000

// Requests returns the requests in the order of their answers, at most the first
// 100,000 of them.
func (w *World) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Log adds a request; for the doors.
func (w *World) Log(r Request) {
	w.change(func() {
		if len(w.requests) < maxRequests {
			w.requests = append(w.requests, r)
		}
	})
}
