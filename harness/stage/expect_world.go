package stage

import (
	"fmt"

	"github.com/understudy-conformance/understudy/harness/world"
)

// Stored returns every XCom of that key, of whatever task, as the server holds it.
func (s *Stage) Stored(key string) map[world.XComKey]any {
	stored := map[world.XComKey]any{}
	for _, name := range s.World.XComs() {
		if value, ok := s.World.XCom(name); ok && name.Key == key {
			stored[name] = value
		}
	}
	return stored
}

// Variable returns a variable as the server holds it; nil if there is none.
func (s *Stage) Variable(key string) any {
	if value, ok := s.World.Variable(key); ok {
		return value
	}
	return nil
}

// Results returns what the run saved under these keys, in their order.
func (r *Run) Results(keys ...string) []any {
	results := make([]any, len(keys))
	for i, key := range keys {
		results[i] = r.Result(key)
	}
	return results
}

// Error returns the kind of error that a verb with Catch saved: the name of an
// errno, or of an exception. If the verb did not fail, that is a violation.
func (r *Run) Error(key string) string {
	saved, _ := r.Result(key).(map[string]any)
	kind, ok := saved["error"].(string)
	if !ok {
		r.stage.violated(r.stage.first(), "what should have failed did not", "an error under "+key, shown(r.Result(key)))
	}
	return kind
}

// States returns the terminal states that were reported, in their order.
func (r *Run) States() []string {
	states := []string{}
	for _, terminal := range r.terminals() {
		states = append(states, terminal.State)
	}
	return states
}

// IsPayload requires that a value is what the verb payload pushes.
func (c Check) IsPayload(what string, value any, octets int) {
	text, ok := value.(string)
	if !ok || len(text) != octets {
		c.fails(what, fmt.Sprintf("a text of %d octets", octets), fmt.Sprintf("%T of %d octets", value, len(text)))
	}
	for i := range octets {
		if text[i] != byte('a'+i%26) {
			c.fails(what, fmt.Sprintf("octet %d is %q", i, rune('a'+i%26)), fmt.Sprintf("it is %q", text[i]))
		}
	}
	c.held(what)
}
