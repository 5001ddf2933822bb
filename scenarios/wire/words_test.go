package wire

import (
	"testing"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestAPayloadIsKnownByEachOctet(t *testing.T) {
	for name, test := range map[string]struct {
		value  any
		octets int
		holds  bool
	}{
		"payload":       {"abcdefghijklmnopqrstuvwxyzab", 28, true},
		"another octet": {"abd", 3, false},
		"too short":     {"ab", 3, false},
		"absent":        {nil, 3, false},
	} {
		holds := theatre.Holds(t, func(c stage.Check) { isPayload(c, "n", test.value, test.octets) })
		if holds != test.holds {
			t.Errorf("%s: holds is %v", name, holds)
		}
	}
}
