package release

import (
	"fmt"
	"strings"
)

// Range is a row of releases: from one on, up to another and without it, or both.
// The zero Range is every release.
type Range struct {
	from, to Version // the zero Version: no end on that side
}

// ParseRange reads >=3.0.3, <3.4 or >=3.0.3,<3.4. The ends are releases, not
// pre-releases, and something must lie between them. The empty text is every release.
func ParseRange(text string) (Range, error) {
	var r Range
	if text == "" {
		return r, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		end, written := &r.from, strings.TrimPrefix(part, ">=")
		if written == part {
			end, written = &r.to, strings.TrimPrefix(part, "<")
		}
		v, err := Parse(written)
		switch {
		case written == part || err != nil || !v.Final():
			return Range{}, fmt.Errorf("%.80q is no range of releases: write one like >=3.0.3, <3.4 or >=3.0.3,<3.4", text)
		case !end.IsZero():
			return Range{}, fmt.Errorf("range %q has the same end twice", text)
		}
		*end = v
	}
	if r.empty() {
		return Range{}, fmt.Errorf("range %q holds no release", text)
	}
	return r, nil
}

func (r Range) empty() bool { return !r.from.IsZero() && !r.to.IsZero() && r.from.Compare(r.to) >= 0 }

// Holds says whether the release lies in the range.
func (r Range) Holds(v Version) bool {
	return (r.from.IsZero() || v.Compare(r.from) >= 0) && (r.to.IsZero() || v.Compare(r.to) < 0)
}

// And is what lies in both ranges, and whether anything does.
func (r Range) And(other Range) (Range, bool) {
	if r.from.IsZero() || !other.from.IsZero() && other.from.Compare(r.from) > 0 {
		r.from = other.from
	}
	if r.to.IsZero() || !other.to.IsZero() && other.to.Compare(r.to) < 0 {
		r.to = other.to
	}
	if r.empty() {
		return Range{}, false
	}
	return r, true
}

// IsZero says whether it is every release.
func (r Range) IsZero() bool { return r == Range{} }

// String gives the form that ParseRange reads.
func (r Range) String() string {
	var ends []string
	if !r.from.IsZero() {
		ends = append(ends, ">="+r.from.text)
	}
	if !r.to.IsZero() {
		ends = append(ends, "<"+r.to.text)
	}
	return strings.Join(ends, ",")
}

// MarshalText gives the form that ParseRange reads.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRange.
func (r *Range) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRange(string(text))
	return err
}

// Equal says whether both are written alike.
func (r Range) Equal(other Range) bool { return r == other }
