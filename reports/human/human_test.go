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

func TestAPlaceNamesVersionsOnly(t *testing.T) {
	for _, tc := range []struct {
		environment map[string]string
		want        string
	}{
		{map[string]string{"os": "Debian 13", "sudo": "Sudo version 1.9.16p2", "git": "git version 2.47.3", "kernel": "6"}, "Debian 13, sudo 1.9.16p2, git 2.47.3"},
		{map[string]string{"sudo": "(exit status 1)", "git": "2.39.5"}, "git 2.39.5"},
		{nil, ""},
	} {
		if got := human.Place(tc.environment); got != tc.want {
			t.Errorf("%v is %q, want %q", tc.environment, got, tc.want)
		}
	}
}
