//go:build sudo

package supervisor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/reference/internal/leftover"
)

// TestSeriesCycles is the promise that a run leaves nothing on the machine but its
// task log: no process, zombies included, no socket, no file, no mount, no System V object.
func TestSeriesCycles(t *testing.T) {
	for _, s := range setups {
		if s.name != "default" && s.name != "sudo-rs" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			h := newHost(t, s)
			once := func(i int) error {
				r, err := h.start("probe_alice", func(mark string) []verb {
					if i%10 == 0 { // some leave processes behind, which are ended
						return twoChildren(mark)
					}
					return nil
				})
				if err != nil {
					return err
				}
				defer r.clear()
				if err := r.end(); err != nil {
					return err
				}
				return r.reported("success")
			}
			if err := once(0); err != nil { // what the first run makes for all, such as sudo's folders
				t.Fatal(err)
			}
			before, err := leftover.List()
			if err != nil {
				t.Fatal(err)
			}
			repeat(t, repetitions(t, 1000), 4, once)
			h.api.CloseClientConnections()
			after, err := leftover.List()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("what the runs left (-before +after):\n%s", diff)
			}
		})
	}
}
