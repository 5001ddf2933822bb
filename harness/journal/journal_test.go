package journal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
)

var at = time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)

func redactor(t interface{ Fatal(...any) }, secrets ...string) *journal.Redactor {
	r, err := journal.NewRedactor(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pieces counts the calls of Write.
type pieces struct {
	bytes.Buffer
	calls int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.calls++
	return p.Buffer.Write(b)
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	var out pieces
	w := journal.NewWriter(&out, nil)
	want := []journal.Event{
		{Kind: journal.CaseStart, Time: at, Case: "IMP-001/runner/x", BudgetMS: 60000},
		{Kind: journal.Process, Time: at, Case: "IMP-001/runner/x", Proc: &journal.Proc{PID: 7, UIDs: [4]int{1, 2, 3, 4}, Groups: []int{5}}},
		{Kind: journal.CaseEnd, Time: at, Observation: &journal.Observation{Outcome: journal.Violated, Says: "no\nway"}},
		{Kind: journal.SandboxStart, Time: at, Environment: map[string]string{"sudo": "1.9"}},
	}
	for _, e := range want {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if out.calls != len(want) {
		t.Errorf("%d writes for %d events", out.calls, len(want))
	}
	got, err := journal.ReadAll(iotest.OneByteReader(&out))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestTheWriterRedactsAndBoundsEveryText(t *testing.T) {
	const secret = `s3cr"et`
	long := strings.Repeat("x", 1<<20)
	var out bytes.Buffer
	err := journal.NewWriter(&out, redactor(t, secret)).Write(journal.Event{
		Kind: journal.CaseEnd, Text: secret + long, Body: secret, Octets: hex.EncodeToString([]byte("...." + secret)),
		Run: secret, Who: secret, Channel: secret,
		Proc:        &journal.Proc{Command: secret + long, Note: secret, Groups: make([]int, 1000)},
		Observation: &journal.Observation{Says: secret, Expected: secret, Actual: secret + long, Where: secret, Capability: secret},
		Environment: map[string]string{"A": secret, secret: "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, `s3cr\"et`, hex.EncodeToString([]byte(secret))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the line still holds %s", form)
		}
	}
	if out.Len() > 40<<10 {
		t.Errorf("the line has %d octets", out.Len())
	}
	if !strings.Contains(out.String(), "octets cut]") {
		t.Error("no mark says that text was cut")
	}
}

func TestAWriterThatFailedOnceStaysSilent(t *testing.T) {
	out := &failing{left: 1}
	w := journal.NewWriter(out, nil)
	if err := w.Write(journal.Event{Kind: journal.Step}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Write(journal.Event{Kind: journal.Step}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error is %v", err)
		}
	}
	if out.calls != 2 {
		t.Errorf("%d writes, want none after the failure", out.calls)
	}
}

type failing struct{ left, calls int }

func (f *failing) Write(b []byte) (int, error) {
	f.calls++
	if f.left--; f.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestSecretsAreFoundHoweverTheyAreWritten(t *testing.T) {
	r := redactor(t, "pa\"s/s\\w\nörd🔑")
	for name, s := range map[string]string{
		"as it is":           "pa\"s/s\\w\nörd🔑",
		"JSON":               `pa\"s/s\\w\nörd🔑`,
		"JSON, ASCII":        `pa\u0022s\/s\u005Cw\u000a\u00f6rd\ud83d\udd11`,
		"JSON in JSON":       `pa\\\"s/s\\\\w\\nörd🔑`,
		"JSON in JSON, hex":  `pa\\u0022s/s\\u005cw\\u000A\\u00F6rd\\uD83D\\uDD11`,
		"Python repr, ASCII": `pa"s/s\\w\n\xf6rd\U0001f511`,
		"every letter":       `\u0070\u0061\u0022\u0073\u002f\u0073\u005c\u0077\u000a\u00f6\u0072\u0064\ud83d\udd11`,
	} {
		if got := r.Text("a " + s + " b"); got != "a *** b" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := r.Text("pa\"s/s and other text"); got != "pa\"s/s and other text" {
		t.Errorf("other text became %q", got)
	}
}

func TestASecretSurvivesNoEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(4, 20, 60).Filter(func(s string) bool { return len(s) >= 4 && utf8.ValidString(s) }).Draw(t, "secret")
		r := redactor(t, secret)
		encoded := secret
		for range rapid.IntRange(0, 3).Draw(t, "times") {
			if rapid.Bool().Draw(t, "ascii") {
				encoded = strconv.QuoteToASCII(encoded)
			} else {
				line, err := json.Marshal(encoded)
				if err != nil {
					t.Fatal(err)
				}
				encoded = string(line)
			}
			encoded = encoded[1 : len(encoded)-1]
		}
		if got := r.Text(encoded); got != "***" {
			t.Fatalf("%q, written as %s, became %s", secret, encoded, got)
		}
	})
}

func TestOctetsLoseSecretsAndTheirBeginnings(t *testing.T) {
	r := redactor(t, "topsecret")
	whole := hex.EncodeToString([]byte("a topsecret b"))
	if got, want := r.Octets(whole), "6120"+strings.Repeat("**", 9)+"2062"; got != want {
		t.Errorf("whole: %s, want %s", got, want)
	}
	cut := hex.EncodeToString([]byte("a topse"))
	if got, want := r.Octets(cut), "6120"+strings.Repeat("**", 5); got != want {
		t.Errorf("cut: %s, want %s", got, want)
	}
	if got := r.Octets("no digits: topsecret"); got != "no digits: ***" {
		t.Errorf("text: %s", got)
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	if _, err := journal.NewRedactor("abc"); err == nil {
		t.Error("a secret of three octets was taken")
	}
}

func TestBoundKeepsBothEndsAndSaysWhatIsMissing(t *testing.T) {
	got := journal.Bound(strings.Repeat("a", 300)+strings.Repeat("z", 100), 100)
	want := strings.Repeat("a", 75) + " …[300 octets cut]… " + strings.Repeat("z", 25)
	if got != want {
		t.Errorf("bounded to %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 64).Draw(t, "limit")
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "octets"))
		out := journal.Bound(s, limit)
		if !utf8.ValidString(out) || len(out) > 3*limit+60 {
			t.Fatalf("%q bounded to %d octets: %q", s, limit, out)
		}
		if again := journal.Bound(out, limit); limit >= 8 && again != out {
			t.Fatalf("%q bounded a second time is %q", out, again)
		}
		if utf8.ValidString(s) && len(s) <= limit && out != s {
			t.Fatalf("%q fits and became %q", s, out)
		}
	})
}

func TestTheReaderGoesOnAfterWhatItCannotRead(t *testing.T) {
	const good = `{"kind":"step","t":"2026-11-21T22:41:00Z","text":"x"}`
	for name, tc := range map[string]struct {
		in   string
		want []string // kind, or the text of a malformed line
	}{
		"a cut last line":         {good + "\n" + good[:20], []string{"step"}},
		"a whole last line":       {good + "\n" + good, []string{"step", "step"}},
		"a broken line":           {good + "\n{\n" + good + "\n", []string{"step", "line 2 of the journal", "step"}},
		"a broken last line":      {good + "\n{\n", []string{"step", "line 2 of the journal"}},
		"an unknown kind":         {`{"kind":"Step"}` + "\n", []string{`unknown kind "Step"`}},
		"no object":               {"[]\nnull\n7\n", []string{"line 1", "line 2", "line 3"}},
		"a recorded malformed":    {`{"kind":"malformed","text":"line 3"}` + "\n", []string{"line 3"}},
		"empty lines in between":  {"\n" + good + "\n\n" + good + "\n", []string{"step", "step"}},
		"a line that is too long": {strings.Repeat("x", 17<<20) + "\n" + good + "\n", []string{"more than", "step"}},
		"nothing":                 {"", nil},
	} {
		r := journal.NewReader(strings.NewReader(tc.in))
		var got []string
		for {
			e, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			if e.Kind == journal.Malformed {
				got = append(got, e.Text)
			} else {
				got = append(got, string(e.Kind))
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, want := range tc.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: event %d is %q, want %q", name, i, got[i], want)
			}
		}
	}
}

func TestAFailureOfTheUnderlyingReaderIsNotTheEnd(t *testing.T) {
	_, err := journal.ReadAll(iotest.ErrReader(io.ErrClosedPipe))
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error is %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"kind":"step","t":"2026-11-21T22:41:00Z"}` + "\n"))
	f.Add([]byte("{\n\n{\"kind\":\"case-end\",\"observation\":null}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := journal.ReadAll(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("reading from memory failed: %v", err)
		}
		if lines := bytes.Count(body, []byte("\n")) + 1; len(events) > lines {
			t.Errorf("%d events in %d lines", len(events), lines)
		}
		var out bytes.Buffer
		w := journal.NewWriter(&out, nil)
		for _, e := range events {
			if e.Kind == journal.Malformed {
				continue
			}
			if e.Time.IsZero() || e.Time.Year() < 1 || e.Time.Year() > 9998 {
				continue // the writer fills in, or JSON refuses, such times
			}
			if err := w.Write(e); err != nil {
				t.Fatalf("write back %+v: %v", e, err)
			}
		}
		again, err := journal.ReadAll(&out)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range again {
			if e.Kind == journal.Malformed {
				t.Errorf("what was written cannot be read: %s", e.Text)
			}
		}
	})
}
