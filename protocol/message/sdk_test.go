package message

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/protocol/strict"
)

// Every message, as Airflow's own SDK writes it.
func TestDecodeTakesWhatTheTaskSDKWrites(t *testing.T) {
	recorded, err := os.ReadFile(filepath.Join("testdata", "task-sdk-1.3.2.frames"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Direction]int{}
	for line := range strings.Lines(string(recorded)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var d Direction
		var name, digits string
		if _, err := fmt.Sscan(line, &d, &name, &digits); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[d]++
		t.Run(d.String()+"/"+name, func(t *testing.T) {
			payload, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatal(err)
			}
			check, decode := strict.CheckRequest, func(b []byte) (Body, error) { r, err := DecodeRequest(b); return r.Body, err }
			if d == ToRunner {
				check, decode = strict.CheckResponse, func(b []byte) (Body, error) { r, err := DecodeResponse(b); return r.Body, err }
			}
			if faults := strict.Faults(check(payload)); len(faults) > 0 {
				t.Errorf("%v", faults)
			}
			body, err := decode(payload)
			if err != nil {
				t.Fatal(err)
			}
			if body.MessageType() != name {
				t.Errorf("decoded as %s", body.MessageType())
			}
			again, err := appendBody(append([]byte{0x93}, 1), body)
			if err != nil {
				t.Fatal(err)
			}
			second, err := decode(append(again, 0xc0))
			if diff := cmp.Diff(body, second); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if seen[ToSupervisor] != 55 || seen[ToRunner] != 30 {
		t.Errorf("%d and %d messages recorded, want 55 and 30", seen[ToSupervisor], seen[ToRunner])
	}
}
