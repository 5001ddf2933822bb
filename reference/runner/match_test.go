package runner

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// fate is what becomes of one request.
type fate int

const (
	answered  fate = iota
	repeated       // its answer comes twice
	late           // given up on, then answered
	forgotten      // given up on, never answered
	fates
)

// inFlight is a request that waits for its answer.
type inFlight struct {
	id     int64
	key    string
	cancel context.CancelFunc
	result chan string // the value, or the error
}

// TestEveryRequestGetsItsOwnAnswer asks many at once on one channel and answers
// in any order, late, twice, never, and what nobody asked. Whatever happened, who
// waits for an answer gets the one to its request, and who gave up gets none.
func TestEveryRequestGetsItsOwnAnswer(t *testing.T) {
	c, p := pair(t)
	c.listen(0)
	task := &Task{Supervisor: c}
	serial := 0
	ids := map[int64]bool{}
	rapid.Check(t, func(r *rapid.T) {
		waiting := map[string]*inFlight{}
		var keys []string
		for range rapid.IntRange(1, 12).Draw(r, "requests") {
			serial++
			f := &inFlight{key: fmt.Sprint("key", serial), result: make(chan string, 1)}
			var ctx context.Context
			ctx, f.cancel = context.WithCancel(within(t))
			waiting[f.key] = f
			keys = append(keys, f.key)
			go func() {
				value, err := task.Variable(ctx, f.key)
				switch {
				case errors.Is(err, context.Canceled):
					value = "given up"
				case err != nil:
					value = err.Error()
				}
				f.result <- value
			}()
		}
		for range keys {
			request := p.next()
			if ids[request.ID] {
				r.Fatalf("id %d serves twice", request.ID)
			}
			ids[request.ID] = true
			waiting[request.Body.(*message.GetVariable).Key].id = request.ID
		}
		for _, key := range rapid.Permutation(keys).Draw(r, "order") {
			f := waiting[key]
			what := fate(rapid.IntRange(0, int(fates)-1).Draw(r, "fate"))
			want := "value of " + key
			if what == late || what == forgotten {
				want = "given up"
				f.cancel()
			}
			if want == "given up" && <-f.result != want {
				r.Fatalf("%s was given up and has a result", key)
			}
			answer := p.encode(message.Response{ID: f.id, Body: variable(key, "value of "+key)})
			switch what {
			case repeated:
				p.send(append(answer, answer...))
			case answered, late:
				p.send(answer)
			}
			if rapid.Bool().Draw(r, "unasked") {
				p.send(p.encode(message.Response{ID: 1 << 40, Body: variable(key, "unasked")}))
			}
			if want == "given up" {
				continue
			}
			if got := <-f.result; got != want {
				r.Fatalf("%s: got %q", key, got)
			}
			f.cancel()
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		t.Errorf("%d requests are still waited for", len(c.waiting))
	}
}
