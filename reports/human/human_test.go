package human_test

import (
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/reports/human"
)

func TestDurationsChangeUnitsWithoutOddRounding(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 0: "0 ms", 1400 * time.Microsecond: "1 ms", 999 * time.Millisecond: "999 ms", 999600 * time.Microsecond: "1.0 s",
		38140 * time.Millisecond: "38.1 s", 59949 * time.Millisecond: "59.9 s", 59960 * time.Millisecond: "1 min 00 s",
		252 * time.Second: "4 min 12 s", 3599600 * time.Millisecond: "1 h 00 min", 3725 * time.Second: "1 h 02 min",
	} {
		if got := human.Duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestMomentsAreInUTC(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	if got := human.Moment(time.Date(2026, 11, 22, 0, 41, 0, 0, zone)); got != "21 Nov 2026 22:41 UTC" {
		t.Errorf("moment is %q", got)
	}
	if got := human.Moment(time.Time{}); got != "at an unknown time" {
		t.Errorf("no moment is %q", got)
	}
}
