package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/internal/token"
)

// Time is an instant. It is written as a MessagePack timestamp (extension -1)
// and, in JSON, as RFC 3339 in UTC. It is read from a timestamp of 4, 8 or 12
// bytes, and from an ISO 8601 string with any offset; a string without offset
// counts as UTC. What was read is in UTC. Years are 1 to 9999, as in Python,
// whose datetimes also end at microseconds.
type Time struct{ time.Time }

// At returns t as a Time in UTC, without monotonic clock reading.
func At(t time.Time) Time { return Time{t.UTC().Round(0)} }

// timestampExt is the extension type of a timestamp.
const timestampExt = -1

var errYear = errors.New("time outside the years 1 to 9999")

// layouts that Python and pydantic produce; the first is by far the most usual.
// Fractions of a second are understood in each.
var layouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04Z07:00",
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return checkYear(t.UTC())
		}
	}
	return time.Time{}, fmt.Errorf("expected ISO 8601 time, got %.60q", s)
}

func checkYear(t time.Time) (time.Time, error) {
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errYear
	}
	return t, nil
}

// readTimestamp reads the extension at the start of b, whose header is t.
func readTimestamp(b []byte, t token.Token) (time.Time, error) {
	if t.Ext != timestampExt {
		return time.Time{}, fmt.Errorf("expected timestamp, got extension type %d", t.Ext)
	}
	if t.Size != 4 && t.Size != 8 && t.Size != 12 {
		return time.Time{}, fmt.Errorf("timestamp of %d bytes", t.Size)
	}
	when, _, err := msgp.ReadTimeUTCBytes(b)
	if err != nil {
		return time.Time{}, fmt.Errorf("timestamp with more than 999999999 nanoseconds")
	}
	return checkYear(when)
}

func (t *Time) appendWire(dst []byte) ([]byte, error) {
	if _, err := checkYear(t.UTC()); err != nil {
		return dst, err
	}
	return msgp.AppendTimeExt(dst, t.Time), nil
}

func (t *Time) decodeWire(d *decoder) error {
	tok := d.next()
	var err error
	switch tok.Kind {
	case token.Ext:
		t.Time, err = readTimestamp(d.b, tok)
	case token.Str:
		t.Time, err = parseTime(string(d.b[tok.Head:tok.Len()]))
	default:
		return d.mismatch("time")
	}
	d.b = d.b[tok.Len():]
	return err
}

// MarshalJSON gives RFC 3339 in UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	when, err := checkYear(t.UTC())
	if err != nil {
		return nil, err
	}
	return []byte(when.Format(`"` + time.RFC3339Nano + `"`)), nil
}

// UnmarshalJSON reads the strings that Time reads from MessagePack.
func (t *Time) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s == nil {
		return nil // as encoding/json does for null
	}
	when, err := parseTime(*s)
	if err == nil {
		t.Time = when
	}
	return err
}
