package release

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestVersions(t *testing.T) {
	for text, minor := range map[string]string{
		"3.3.2": "3.3", "3.4": "3.4", "3.4.0b2": "3.4", "3.10.0rc1": "3.10", "3.4.0a12.dev3": "3.4",
		"3.4.1.dev0": "3.4", "3.3.2.post1": "3.3", "3.3.2+astro.1": "3.3",
	} {
		v, err := Parse(text)
		if err != nil || v.String() != text || v.Minor() != minor {
			t.Errorf("%s is %v of %s: %v", text, v, v.Minor(), err)
		}
	}
	for _, text := range []string{
		"", "3", "v3.3.2", "3.3.2 ", "3.3.2\n", "3.3.2b", "3.3.x", "-3.3", "3.3.2.1", "3..2", "1!3.3.2", "Apache Airflow 3.3.2", "3.3.2-b2", "9999999.0", "３.３",
	} {
		if v, err := Parse(text); err == nil || !v.IsZero() {
			t.Errorf("%q was read as %v", text, v)
		}
	}
}

func TestAPreReleaseCountsAsItsRelease(t *testing.T) {
	for _, c := range []struct {
		span, version string
		holds         bool
	}{
		{"", "3.4.0b2", true},
		{">=3.4", "3.4.0b2", true},
		{">=3.4.0", "3.4.0a1.dev0", true},
		{"<3.4", "3.4.0b2", false},
		{">=3.0.3,<3.4", "3.3.2", true},
		{">=3.0.3,<3.4", "3.4.0b2", false},
		{">=3.0.3,<3.4", "3.0.2", false},
		{">=3.0.3,<3.4", "3.3.99", true},
		{"<3.4", "2.11.0", true},
		{">=3.4", "3.10.0", true},
		{">=3.4.1", "3.4", false},
	} {
		r, err := ParseRange(c.span)
		if err != nil {
			t.Fatal(err)
		}
		if r.Holds(MustParse(c.version)) != c.holds {
			t.Errorf("%q holds %s: want %v", c.span, c.version, c.holds)
		}
	}
}

func TestNonsenseIsNoRange(t *testing.T) {
	for _, text := range []string{
		"3.0.3", "==3.3.2", ">3.3", "<=3.3", "~=3.3", ">=", ">=3", ">=3.0.3,", ",<3.4", ">=3.0.3,>=3.1", "<3.4,<3.5",
		">=3.4,<3.4", ">=3.4,<3.3", ">= 3.4", ">=3.4, <3.5", ">=3.4.0b2", "<3.4.0rc1", ">=>=3.4", "<>=3.4",
	} {
		if r, err := ParseRange(text); err == nil || !r.IsZero() {
			t.Errorf("%q was read as %q", text, r)
		}
	}
}

func TestARangeIsText(t *testing.T) {
	var got struct{ Airflow Range }
	if err := json.Unmarshal([]byte(`{"Airflow":">=3.0.3,<3.4"}`), &got); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil || string(text) != `{"Airflow":"\u003e=3.0.3,\u003c3.4"}` {
		t.Errorf("written as %s: %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"Airflow":"3.4"}`), &got); err == nil {
		t.Error("a version was read as range")
	}
}

var (
	versions = rapid.Custom(func(t *rapid.T) Version {
		number := func() int { return rapid.IntRange(0, 4).Draw(t, "number") }
		suffix := rapid.SampledFrom([]string{"", "a1", "b2", "rc1", ".post1", ".dev0", "rc2.dev1"}).Draw(t, "suffix")
		return MustParse(fmt.Sprintf("%d.%d.%d%s", number(), number(), number(), suffix))
	})
	ranges = rapid.Custom(func(t *rapid.T) Range {
		end := func(sign string) string {
			return rapid.SampledFrom([]string{"", sign}).Draw(t, "sign")
		}
		for {
			text := ""
			if sign := end(">="); sign != "" {
				text = sign + plain(versions.Draw(t, "from"))
			}
			if sign := end("<"); sign != "" {
				if text != "" {
					text += ","
				}
				text += sign + plain(versions.Draw(t, "to"))
			}
			if r, err := ParseRange(text); err == nil {
				return r
			}
		}
	})
)

func plain(v Version) string {
	return fmt.Sprintf("%d.%d.%d", v.number[0], v.number[1], v.number[2])
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := versions.Draw(t, "a"), versions.Draw(t, "b"), versions.Draw(t, "c")
		if a.Compare(b) != -b.Compare(a) || a.Compare(a) != 0 {
			t.Fatalf("%v and %v have no order", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%v <= %v <= %v, and not the ends", a, b, c)
		}
		if again := MustParse(a.String()); again != a {
			t.Fatalf("%v is read again as %v", a, again)
		}
		if a.Compare(MustParse(plain(a))) != 0 {
			t.Fatalf("%v does not count as %s", a, plain(a))
		}

		r, other := ranges.Draw(t, "r"), ranges.Draw(t, "other")
		if again, err := ParseRange(r.String()); err != nil || again != r {
			t.Fatalf("%q is read again as %q: %v", r, again, err)
		}
		if a.Compare(b) == 0 && r.Holds(a) != r.Holds(b) {
			t.Fatalf("%q parts %v from %v", r, a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && r.Holds(a) && r.Holds(c) && !r.Holds(b) {
			t.Fatalf("%q has a hole: %v, %v, %v", r, a, b, c)
		}
		both, some := r.And(other)
		if some && both.Holds(a) != (r.Holds(a) && other.Holds(a)) {
			t.Fatalf("%q and %q is %q, which is wrong of %v", r, other, both, a)
		}
		if !some && r.Holds(a) && other.Holds(a) {
			t.Fatalf("%q and %q both hold %v, and are said to have nothing in common", r, other, a)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"3.4.0b2", ">=3.0.3,<3.4", "", "<"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := Parse(text); err == nil && v.String() != text {
			t.Errorf("version %q became %q", text, v)
		}
		if r, err := ParseRange(text); err == nil {
			if again, err := ParseRange(r.String()); err != nil || again != r {
				t.Errorf("range %q became %q", text, again)
			}
		}
	})
}

func TestWhatIsJudgedBeginsWith303(t *testing.T) {
	for text, judged := range map[string]bool{"0.0.1": false, "2.11.0": false, "2.99": false, "3.0": false, "3.0.2": false, "3.0.3": true, "3.0.3rc1": true, "3.4.0b2": true, "4.0": true, "3": false, "": false} {
		if v, err := ParseJudged(text); (err == nil) != judged || judged == v.IsZero() {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
}
