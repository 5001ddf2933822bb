package stage

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
)

func recorder(secrets ...string) (*record, *[]journal.Event) {
	var events []journal.Event
	r := &record{
		write:   func(e journal.Event) { events = append(events, e) },
		secrets: func() []string { return secrets },
		stamp:   journal.Event{Case: "c", Attempt: 2, Role: "runner"},
	}
	return r, &events
}

func TestNoTextEscapesUncleaned(t *testing.T) {
	r, _ := recorder("hunter22", "hunter2", "ab")
	for text, want := range map[string]string{
		"a hunter22 and hunter2": "a *** and ***",
		"about":                  "about", // "ab" is too short to be taken out
		"bad \xff octet":         "bad \uFFFD octet",
	} {
		if diff := cmp.Diff(want, r.clean(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestCleanIsBoundedAndText(t *testing.T) {
	r, _ := recorder("secret")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "head") + strings.Repeat(rapid.SampledFrom([]string{"x", "ä", "\xff", "secret"}).Draw(t, "what"), rapid.IntRange(0, 5000).Draw(t, "times"))
		got := r.clean(text)
		if len(got) > maxText+64 || !utf8.ValidString(got) || strings.Contains(got, "secret") {
			t.Fatalf("%d octets, valid %v", len(got), utf8.ValidString(got))
		}
	})
}

func TestOctetsOfASecretAreNotShown(t *testing.T) {
	r, _ := recorder("hunter2")
	if got := r.octets([]byte{1, 2, 0xff}); got != "0102ff" {
		t.Errorf("octets %q", got)
	}
	for name, raw := range map[string]string{
		"inside":            "xx hunter2 xx",
		"cut by the bound":  strings.Repeat("x", maxOctets-3) + "hunter2",
		"begins at the end": strings.Repeat("x", maxOctets-1) + "hunter2",
	} {
		if got := r.octets([]byte(raw)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := r.octets([]byte(strings.Repeat("x", maxOctets) + "hunter2")); len(got) != 2*maxOctets {
		t.Errorf("a secret behind what is shown hides it: %q", got)
	}
}

func TestEventsCarryTheCase(t *testing.T) {
	r, events := recorder()
	r.step("stage", "text")
	want := []journal.Event{{Kind: journal.Step, Case: "c", Attempt: 2, Role: "runner", Who: "stage", Text: "text"}}
	got := *events
	if got[0].Time.IsZero() {
		t.Error("the event has no time")
	}
	got[0].Time = want[0].Time
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// pieces gives one piece a call, as a socket does.
type pieces []string

func (p *pieces) Read(into []byte) (int, error) {
	if len(*p) == 0 {
		return 0, errEnd
	}
	n := copy(into, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

type endError struct{}

func (endError) Error() string { return "end" }

var errEnd = endError{}

func TestOutputIsKeptWholeAndJournalledInLines(t *testing.T) {
	for name, test := range map[string]struct {
		pieces []string
		lines  []string
	}{
		"lines":            {[]string{"a\nb\n", "c\n"}, []string{"a\nb\n", "c\n"}},
		"cut anywhere":     {[]string{"a", "b\nc", "d\n"}, []string{"ab\n", "cd\n"}},
		"no end of line":   {[]string{"a\n", "tail"}, []string{"a\n", "tail"}},
		"nothing":          {nil, nil},
		"long line":        {[]string{strings.Repeat("x", 2*maxLine) + "\n"}, []string{strings.Repeat("x", maxLine)}},
		"more than a text": {[]string{strings.Repeat(strings.Repeat("x", maxText/2)+"\n", 3)}, []string{strings.Repeat("x", maxText/2) + "\n", strings.Repeat("x", maxText/2) + "\n", strings.Repeat("x", maxText/2) + "\n"}},
	} {
		var o output
		var lines []string
		p := pieces(test.pieces)
		o.collect(&p, func(text string) { lines = append(lines, text) })
		if got, want := o.String(), strings.Join(test.pieces, ""); got != want {
			t.Errorf("%s: %d octets kept of %d", name, len(got), len(want))
		}
		if diff := cmp.Diff(test.lines, lines); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
