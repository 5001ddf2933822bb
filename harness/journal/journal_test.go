package journal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
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
		{Time: at, Case: "IMP-001/runner/x", CaseStart: &journal.CaseStart{BudgetMS: 60000}},
		{Time: at, Case: "IMP-001/runner/x", Process: &journal.Process{PID: 7, UIDs: [4]int{1, 2, 3, 4}, Groups: []int{5}}},
		{Time: at, Check: &journal.Check{Requirement: "IMP-001", Clause: "IMP-001", What: "no\nway"}},
		{Time: at, CaseEnd: &journal.CaseEnd{Outcome: journal.Violated}},
		{Time: at, SandboxStart: &journal.SandboxStart{Environment: map[string]string{"sudo": "1.9"}}},
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

// each calls do with one event of every kind, with the name of its pointer, into whose texts a text was put.
func each(text string, do func(name string, e journal.Event)) {
	fields := reflect.TypeFor[journal.Event]()
	for i := range fields.NumField() {
		if fields.Field(i).Type.Kind() != reflect.Pointer {
			continue
		}
		e := journal.Event{Case: text, Run: text}
		part := reflect.New(fields.Field(i).Type.Elem())
		put(part.Elem(), text)
		reflect.ValueOf(&e).Elem().Field(i).Set(part)
		do(fields.Field(i).Name, e)
	}
}

func put(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"name": text, text: "value"}))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1000, 1000))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[time.Time]() {
				put(v.Field(i), text)
			}
		}
	}
}

func TestTheWriterRedactsAndBoundsEveryText(t *testing.T) {
	const secret = `s3cr"et`
	long := secret + strings.Repeat("x", 1<<20)
	each(long, func(name string, e journal.Event) {
		if name == "RunStart" {
			return // what the outer command says about itself
		}
		var out bytes.Buffer
		if err := journal.NewWriter(&out, redactor(t, secret)).Write(e); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for _, state := range []string{`"outcome":"`, `"requirement":"`, `"clause":"`, `"role":"`} { // one of a fixed set
			text = strings.ReplaceAll(text, state+`s3cr\"et`, "")
		}
		for _, form := range []string{secret, `s3cr\"et`} {
			if strings.Contains(text, form) {
				t.Errorf("%s: the line still holds %s", name, form)
			}
		}
		if out.Len() > 40<<10 {
			t.Errorf("%s: the line has %d octets", name, out.Len())
		}
		if !strings.Contains(text, "octets cut]") {
			t.Errorf("%s: no mark says that text was cut", name)
		}
	})
	var out bytes.Buffer
	octets := hex.EncodeToString([]byte("...." + secret))
	if err := journal.NewWriter(&out, redactor(t, secret)).Write(journal.Event{Frame: &journal.Frame{Octets: octets}}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), hex.EncodeToString([]byte(secret))) {
		t.Error("the line still holds the octets of the secret")
	}
}

func TestEveryKindIsWrittenAndRead(t *testing.T) {
	seen := map[journal.Kind]string{"": "nothing"}
	each("text", func(name string, e journal.Event) {
		kind := e.Kind()
		if seen[kind] != "" || strings.ReplaceAll(string(kind), "-", "") != strings.ToLower(name) {
			t.Errorf("%s is called %q, as is %q", name, kind, seen[kind])
		}
		seen[kind] = name
		if e.RunStart != nil {
			e.RunStart.Schema = journal.Schema
		}
		line, err := e.Marshal()
		if err != nil || !strings.HasPrefix(string(line), `{"kind":"`+string(kind)+`"`) || !strings.Contains(string(line), `,"`+strings.ReplaceAll(string(kind), "-", "_")+`":{`) {
			t.Errorf("%s: %v, %s", name, err, line)
		}
		got, err := journal.ReadAll(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]journal.Event{e}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	})
}

func TestAnEventIsOneThing(t *testing.T) {
	for name, e := range map[string]journal.Event{
		"nothing":          {Time: at, Case: "x"},
		"step and frame":   {Time: at, Step: &journal.Step{}, Frame: &journal.Frame{}},
		"run-end and step": {Time: at, Step: &journal.Step{}, RunEnd: &journal.RunEnd{}},
	} {
		var out bytes.Buffer
		if err := journal.NewWriter(&out, nil).Write(e); err == nil || !strings.Contains(err.Error(), name) || out.Len() > 0 {
			t.Errorf("%s: error %v, written %q", name, err, out.String())
		}
		if kind := e.Kind(); kind != "" {
			t.Errorf("%s: kind %q", name, kind)
		}
	}
}

func TestAJournalHoldsNothingThatCannotBeSeen(t *testing.T) {
	const hostile = "a\u202e\u200b\u2066\ufeff\u009b\x7f\x1b\n\U000e0041"
	var out bytes.Buffer
	if err := journal.NewWriter(&out, nil).Write(journal.Event{Time: at, Step: &journal.Step{Text: hostile}}); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(out.String(), "\n")
	if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		t.Errorf("the line holds what cannot be seen: %q", line)
	}
	if events, err := journal.ReadAll(&out); err != nil || events[0].Step.Text != hostile {
		t.Errorf("%q is read as %+v, %v", hostile, events, err)
	}
}

func TestAJournalOfAnotherSchemaIsRefused(t *testing.T) {
	const identity = `"identity":{"run_id":"r","suite":"0.1.0","commit":"abc","roles":null,"command":null,"planned":null}`
	for name, tc := range map[string]struct{ line, want string }{
		"the first": {`{"kind":"run-start","t":"2026-11-21T22:41:00Z",` + identity + "}", "a journal of schema 1, written by Understudy 0.1.0 (abc), cannot be read by this version of Understudy, which reads schema 2"},
		"a later":   {`{"kind":"run-start","t":"2026-11-21T22:41:00Z","run_start":{"schema":3,` + identity + "}}", "a journal of schema 3"},
		"none":      {`{"kind":"run-start","t":"2026-11-21T22:41:00Z","run_start":{` + identity + "}}", "a journal of schema 0"},
		"hostile":   {`{"kind":"run-start","identity":{"suite":"` + strings.Repeat("x", 1<<20) + `"}}`, "octets cut"},
	} {
		events, err := journal.ReadAll(strings.NewReader(tc.line + "\n" + `{"kind":"ready","ready":{}}` + "\n"))
		if !errors.Is(err, journal.ErrSchema) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1000 || len(events) > 0 {
			t.Errorf("%s: %d events, error %v", name, len(events), err)
		}
		// What a sandbox writes is read event by event: it cannot end the reading.
		if e, err := journal.NewReader(strings.NewReader(tc.line + "\n")).Next(); err != nil || e.RunStart == nil {
			t.Errorf("%s: read as %+v, %v", name, e, err)
		}
	}
}

func TestAWriterThatFailedOnceStaysSilent(t *testing.T) {
	out := &failing{left: 1}
	w := journal.NewWriter(out, nil)
	if err := w.Write(journal.Event{Step: &journal.Step{}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Write(journal.Event{Step: &journal.Step{}}); !errors.Is(err, io.ErrClosedPipe) {
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
	const good = `{"kind":"step","t":"2026-11-21T22:41:00Z","step":{"who":"stage","text":"x"}}`
	for name, tc := range map[string]struct {
		in   string
		want []string // kind, or the text of a malformed line
	}{
		"a cut last line":         {good + "\n" + good[:20], []string{"step"}},
		"a whole last line":       {good + "\n" + good, []string{"step", "step"}},
		"a broken line":           {good + "\n{\n" + good + "\n", []string{"step", "line 2 of the journal", "step"}},
		"a broken last line":      {good + "\n{\n", []string{"step", "line 2 of the journal"}},
		"an unknown kind":         {`{"kind":"Step"}` + "\n", []string{`it is called "Step", and is nothing`}},
		"one of an unknown kind":  {`{"kind":"puppet","puppet":{}}` + "\n", []string{`it is called "puppet", and is nothing`}},
		"no kind":                 {`{"step":{"text":"x"}}` + "\n", []string{`it is called "", and is step`}},
		"of another kind":         {`{"kind":"case-end","step":{"text":"x"}}` + "\n", []string{`it is called "case-end", and is step`}},
		"of two kinds":            {`{"kind":"step","step":{"text":"x"},"run_end":{}}` + "\n", []string{`it is called "step", and is run-end and step`}},
		"null":                    {`{"kind":"step","step":null}` + "\n", []string{`it is called "step", and is nothing`}},
		"no object of its kind":   {`{"kind":"step","step":"x"}` + "\n" + `{"kind":"step","step":[{}]}` + "\n", []string{"line 1", "line 2"}},
		"of schema 1":             {`{"kind":"step","t":"2026-11-21T22:41:00Z","who":"stage","text":"x"}` + "\n", []string{`it is called "step", and is nothing`}},
		"a long kind":             {`{"kind":"` + strings.Repeat("x", 1<<20) + `"}` + "\n", []string{"octets cut"}},
		"no object":               {"[]\nnull\n7\n", []string{"line 1", "line 2", "line 3"}},
		"a recorded malformed":    {`{"kind":"malformed","malformed":{"why":"line 3"}}` + "\n", []string{"line 3"}},
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
			if e.Malformed != nil {
				got = append(got, e.Malformed.Why)
			} else {
				got = append(got, string(e.Kind()))
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
	f.Add([]byte(`{"kind":"step","t":"2026-11-21T22:41:00Z","step":{"who":"stage","text":"x"}}` + "\n"))
	f.Add([]byte("{\n\n{\"kind\":\"case-end\",\"case_end\":null}"))
	f.Add([]byte(`{"kind":"frame","frame":{},"step":{}}` + "\n" + `{"kind":"http","frame":{}}` + "\n"))
	f.Add([]byte(`{"kind":"run-start","identity":{"suite":"0"}}` + "\n" + `{"kind":"run-start","run_start":{"schema":2}}` + "\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, lines := journal.NewReader(bytes.NewReader(body)), bytes.Count(body, []byte("\n"))+1
		var out bytes.Buffer
		w := journal.NewWriter(&out, nil)
		written := 0
		for {
			e, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("reading from memory failed: %v", err)
			}
			if lines--; lines < 0 || e.Kind() == "" {
				t.Fatalf("more events than lines, or one that is not one thing: %+v", e)
			}
			if e.Malformed != nil || e.Time.IsZero() || e.Time.Year() < 1 || e.Time.Year() > 9998 {
				continue // the writer fills in, or JSON refuses, such times
			}
			if p := e.Process; p != nil && (p.Started.Year() > 9998 || p.Seen.Year() > 9998) {
				continue
			}
			if err := w.Write(e); err != nil {
				t.Fatalf("write back %+v: %v", e, err)
			}
			written++
		}
		again := journal.NewReader(&out)
		for range written {
			e, err := again.Next()
			if err != nil || e.Malformed != nil {
				t.Fatalf("what was written cannot be read: %v %+v", err, e.Malformed)
			}
		}
	})
}
