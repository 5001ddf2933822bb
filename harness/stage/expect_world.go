package stage

import "github.com/understudy-conformance/understudy/harness/world"

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
