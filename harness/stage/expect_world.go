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
