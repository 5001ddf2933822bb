package release

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Version is one release, such as 3.3.2 or 3.4.0b2. The zero Version is none.
type Version struct {
	number [3]int // major, minor, patch
	text   string // as it was written
}

// form is what of PEP 440 releases of Airflow use: numbers, a pre-release, what was
// published or built later.
var form = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:(?:a|b|rc)\d{1,6})?(?:\.post\d{1,6})?(?:\.dev\d{1,6})?(?:\+[a-z0-9]+(?:[.-][a-z0-9]+)*)?$`)
})

// Parse reads a version such as 3.3.2, 3.4, 3.4.0b2 or 3.4.1.dev0.
func Parse(text string) (Version, error) {
	parts := form().FindStringSubmatch(text)
	if parts == nil {
		return Version{}, fmt.Errorf("%.80q is no version of Airflow such as 3.3.2 or 3.4.0b2", text)
	}
	v := Version{text: text}
	for i, digits := range parts[1:] {
		v.number[i], _ = strconv.Atoi("0" + digits) // at most six digits, perhaps none
	}
	return v, nil
}

// first is the first release of Airflow 3 whose tasks can run as another user.
var first = MustParse("3.0.3")

// ParseJudged is Parse for the release as which a program is judged. Of one before 3.0.3
// nothing would be demanded, whatever the program did.
func ParseJudged(text string) (Version, error) {
	v, err := Parse(text)
	if err == nil && v.Compare(first) < 0 {
		return Version{}, fmt.Errorf("%.80q is before 3.0.3, with which run_as_user came to Airflow 3: there is nothing to judge", text)
	}
	return v, err
}

// MustParse is Parse for versions that stand in code; it panics on a mistake.
func MustParse(text string) Version {
	v, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return v
}

// String gives the version as it was written, "" for none.
func (v Version) String() string { return v.text }

// UnmarshalText is Parse.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = Parse(string(text))
	return err
}

// IsZero says whether it is none.
func (v Version) IsZero() bool { return v == Version{} }

// Minor is the release without its patch: 3.4 of 3.4.0b2. What is spoken changes
// between minor releases only.
func (v Version) Minor() string { return fmt.Sprintf("%d.%d", v.number[0], v.number[1]) }

// Final says whether it is a release and no pre-release or build on the way to one.
func (v Version) Final() bool { return v.text != "" && strings.Trim(v.text, "0123456789.") == "" }

// Compare compares by the numbers alone, so that a pre-release equals its release.
func (v Version) Compare(other Version) int {
	for i := range v.number {
		if c := cmp.Compare(v.number[i], other.number[i]); c != 0 {
			return c
		}
	}
	return 0
}

// Equal says whether both are written alike.
func (v Version) Equal(other Version) bool { return v == other }
