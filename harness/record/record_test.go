package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
)

func recorder(secrets ...string) (*Record, *[]journal.Event) {
	var events []journal.Event
	r := &Record{
		Write:   func(e journal.Event) { events = append(events, e) },
		Secrets: func() []string { return slices.Clone(secrets) },
		Stamp:   journal.Event{Case: "c", Attempt: 2},
	}
	return r, &events
}

func TestNoTextEscapesUncleaned(t *testing.T) {
	r, _ := recorder("hunter22", "hunter2", `quo"te`, "ab")
	for text, want := range map[string]string{
		"a hunter22 and hunter2": "a *** and ***",
		`{"event": "quo\"te"}`:   `{"event": "***"}`,
		"about":                  "about", // "ab" is too short to be taken out
		"bad \xff octet":         "bad \uFFFD octet",
	} {
		if diff := cmp.Diff(want, r.Clean(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestCleanIsBoundedAndText(t *testing.T) {
	r, _ := recorder("secret")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "head") + strings.Repeat(rapid.SampledFrom([]string{"x", "ä", "\xff", "secret"}).Draw(t, "what"), rapid.IntRange(0, 5000).Draw(t, "times"))
		got := r.Clean(text)
		if len(got) > MaxText+64 || !utf8.ValidString(got) || strings.Contains(got, "secret") {
			t.Fatalf("%d octets, valid %v", len(got), utf8.ValidString(got))
		}
	})
}

func TestOctetsOfASecretAreMasked(t *testing.T) {
	r, _ := recorder("hunter2")
	for raw, want := range map[string]string{
		"\x01\x02\xff": "0102ff",
		"x hunter2 x":  "7820" + strings.Repeat("*", 14) + "2078",
		strings.Repeat("x", maxOctets) + "hunter2":   strings.Repeat("78", maxOctets),
		strings.Repeat("x", maxOctets-5) + "hunter2": strings.Repeat("78", maxOctets-5) + strings.Repeat("*", 10),
	} {
		if diff := cmp.Diff(want, r.Octets([]byte(raw))); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	}
}

func TestASecretThatComesLaterIsKnown(t *testing.T) {
	secrets := []string{"the first"}
	r := &Record{Secrets: func() []string { return slices.Clone(secrets) }}
	if got := r.Clean("the first, the second"); got != "***, the second" {
		t.Errorf("%q", got)
	}
	secrets = append([]string{"the second"}, secrets...)
	if got := r.Clean("the first, the second"); got != "***, ***" {
		t.Errorf("%q", got)
	}
}

func TestEventsCarryTheCase(t *testing.T) {
	r, events := recorder()
	r.Step("stage", "text")
	want := []journal.Event{{Case: "c", Attempt: 2, Step: &journal.Step{Who: "stage", Text: "text"}}}
	got := *events
	if got[0].Time.IsZero() {
		t.Error("the event has no time")
	}
	got[0].Time = want[0].Time
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestChecksThatHeldAreBoundedAndOthersNot(t *testing.T) {
	r, events := recorder()
	held := func(requirement string, premise bool) {
		r.Check(journal.Check{Clause: requirement, Held: true, Premise: premise})
	}
	for range 10 * maxChecks {
		held("IMP-001", false)
	}
	held("IMP-002", true)
	held("IMP-002", false)
	r.Check(journal.Check{Clause: "IMP-002"})
	if left := r.Close(); left != 9*maxChecks {
		t.Errorf("%d left out, want %d", left, 9*maxChecks)
	}
	var last []string
	for _, e := range (*events)[maxChecks+1:] { // the first one of IMP-001 does not count
		if e.Check != nil {
			last = append(last, fmt.Sprintf("%s %v", e.Check.Clause, e.Check.Held))
		} else {
			last = append(last, e.Step.Text)
		}
	}
	want := []string{"IMP-002 true", "IMP-002 false", fmt.Sprintf("left out of the journal: 0 frames and requests, 0 sights of processes, 0 octets of log, %d checks that held", 9*maxChecks)}
	if diff := cmp.Diff(want, last); diff != "" {
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
		"more than a text": {[]string{strings.Repeat(strings.Repeat("x", MaxText/2)+"\n", 3)}, []string{strings.Repeat("x", MaxText/2) + "\n", strings.Repeat("x", MaxText/2) + "\n", strings.Repeat("x", MaxText/2) + "\n"}},
	} {
		var o Output
		var lines []string
		p := pieces(test.pieces)
		o.Collect(&p, func(_ string, at int) int { return at }, func(text string) { lines = append(lines, text) })
		if got, want := o.String(), strings.Join(test.pieces, ""); got != want {
			t.Errorf("%s: %d octets kept of %d", name, len(got), len(want))
		}
		if diff := cmp.Diff(test.lines, lines); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestNoCutLeavesHalfASecret: a redactor finds whole secrets only.
func TestNoCutLeavesHalfASecret(t *testing.T) {
	const secret = "Zq7-Xw3\"Rt9"
	rapid.Check(t, func(t *rapid.T) {
		written := rapid.SampledFrom([]string{secret, strconv.Quote(secret), strconv.Quote(strconv.Quote(secret)), `Zq7\u002dXw3\"Rt9`}).Draw(t, "written")
		written = strings.Repeat(written, rapid.IntRange(1, 3).Draw(t, "times"))
		shift := rapid.IntRange(-len(written)-2, 2).Draw(t, "shift")
		var said []string
		r := &Record{Write: func(e journal.Event) { said = append(said, e.Log.Text) }, Secrets: func() []string { return []string{secret, "Rt9\""} }}

		line := strings.Repeat("x", maxLine+shift) + written + rapid.StringN(0, 20, -1).Draw(t, "behind")
		var pieces pieces
		for size := rapid.IntRange(1, 9000).Draw(t, "size"); len(line) > 0; line = line[min(size, len(line)):] {
			pieces = append(pieces, line[:min(size, len(line))])
		}
		var o Output
		o.Collect(&pieces, r.Before, func(text string) { r.Lines("alice", "stdout", text) })
		text := strings.Join(said, "")
		for limit, cut := range map[int]func(string) string{1200: func(text string) string { return r.EndOf(text) }, 1500: r.End} {
			text += r.Clean(cut(strings.Repeat("y", 50) + written + strings.Repeat("z", limit-len(written)-shift)))
		}
		for n := 3; n <= len(secret); n++ {
			if strings.Contains(text, secret[:n]) || strings.Contains(text, secret[len(secret)-n:]) {
				t.Fatalf("%d octets of the secret are left", n)
			}
		}
	})
}

func TestEachChannelHasAShareOfTheEndThatIsShown(t *testing.T) {
	r := &Record{Secrets: func() []string { return nil }}
	noise := strings.Repeat("noise on standard error\n", 1000)
	got := r.EndOf("the reason\n", "", noise)
	if !strings.HasPrefix(got, "\nend of its output:\nthe reason\nnoise on") || len(got) > 900 {
		t.Errorf("%d octets: %.80q", len(got), got)
	}
	if got := r.EndOf("", "", ""); got != "" {
		t.Errorf("of nothing it shows %q", got)
	}
}
