package message

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// decodeTime reads a Time as a body's field would.
func decodeTime(payload []byte) (Time, error) {
	var got Time
	err := got.decodeWire(&decoder{b: payload})
	return got, err
}

func TestTimeReadsEveryForm(t *testing.T) {
	second := time.Date(2026, 11, 21, 21, 46, 5, 0, time.UTC)
	micro := second.Add(867974 * time.Microsecond)
	for _, tt := range []struct {
		name string
		b    string
		want time.Time
	}{
		{"4 bytes", "\xd6\xff\x00\x00\x00\x01", time.Unix(1, 0)},
		{"8 bytes", "\xd7\xff\x00\x00\x00\x04\x00\x00\x00\x01", time.Unix(1, 1)},
		{"12 bytes", "\xc7\x0c\xff\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff", time.Unix(-1, 1)},
		{"8 bytes with a longer header", "\xc7\x08\xff\x00\x00\x00\x04\x00\x00\x00\x01", time.Unix(1, 1)},
		{"RFC 3339", "\xb42026-11-21T21:46:05Z", second},
		{"fraction", "\xbb2026-11-21T21:46:05.867974Z", micro},
		{"offset east", "\xb92026-11-21T23:46:05+02:00", second},
		{"offset west", "\xb92026-11-21T16:16:05-05:30", second},
		{"naive counts as UTC", "\xb32026-11-21T21:46:05", second},
		{"naive with fraction", "\xba2026-11-21T21:46:05.867974", micro},
		{"blank between date and time", "\xbf2026-11-21 21:46:05.86797+00:00", second.Add(867970 * time.Microsecond)},
		{"offset without colon", "\xb82026-11-21T21:46:05+0000", second},
		{"no seconds", "\xb12026-11-21T21:46Z", second.Add(-5 * time.Second)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeTime([]byte(tt.b))
			if err != nil || !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("got %v and %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestTimeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    string
		want string
	}{
		{"integer", "\x01", "expected time, got integer"},
		{"date", "\xaa2026-11-21", `expected ISO 8601 time, got "2026-11-21"`},
		{"long text", "\xd9\xff" + strings.Repeat("x", 255), `expected ISO 8601 time, got "` + strings.Repeat("x", 60) + `"`},
		{"another extension", "\xd6\x05\x00\x00\x00\x01", "expected timestamp, got extension type 5"},
		{"5 bytes", "\xc7\x05\xff\x00\x00\x00\x00\x00", "timestamp of 5 bytes"},
		{"too many nanoseconds", "\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x00", "timestamp with more than 999999999 nanoseconds"},
		{"year 10000", "\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xf4\x41\x80", "time outside the years 1 to 9999"},
		{"the end of time", "\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "time outside the years 1 to 9999"},
		{"year 0", "\xb40000-11-21T21:46:05Z", "time outside the years 1 to 9999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := decodeTime([]byte(tt.b)); err == nil || err.Error() != tt.want {
				t.Errorf("got %v and %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestTimeInJSON(t *testing.T) {
	when := At(time.Date(2026, 11, 21, 23, 46, 5, 867974000, time.FixedZone("", 7200)))
	text, err := json.Marshal(when)
	if want := `"2026-11-21T21:46:05.867974Z"`; err != nil || string(text) != want {
		t.Errorf("got %s and %v, want %s", text, err, want)
	}
	var got struct{ A, B, C Time }
	err = json.Unmarshal([]byte(`{"A":"2026-11-21T23:46:05.867974+02:00","B":"2026-11-21T21:46:05.867974","C":null}`), &got)
	if err != nil || !got.A.Equal(when.Time) || !got.B.Equal(when.Time) || !got.C.IsZero() {
		t.Errorf("got %v and %v", got, err)
	}
	for _, bad := range []string{`5`, `"soon"`} {
		if err := json.Unmarshal([]byte(bad), new(Time)); err == nil {
			t.Errorf("%s is taken for a time", bad)
		}
	}
	if _, err := json.Marshal(Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("year 10000 has a JSON form")
	}
}
