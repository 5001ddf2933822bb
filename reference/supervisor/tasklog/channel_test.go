package tasklog

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drained returns what a channel makes of text, timestamps that it made removed.
func drained(t *testing.T, c Channel, mask *Masker, r io.Reader) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	c.drain(r, To(&out, mask), new(sync.Mutex), nil)
	var records []map[string]any
	for line := range strings.Lines(out.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q: %v", line, err)
		}
		if text, ok := record["timestamp"].(string); !ok || !isTime(text) {
			t.Errorf("line %q has no timestamp", line)
		}
		if record["timestamp"] != "2026-01-02T03:04:05Z" {
			delete(record, "timestamp")
		}
		records = append(records, record)
	}
	return records
}

func text(level, event, logger string) map[string]any {
	return map[string]any{"level": level, "event": event, "logger": logger}
}

func TestTextChannels(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":         {"", nil},
		"lines":           {"a\nb\n", []string{"a", "b"}},
		"unterminated":    {"a\nb", []string{"a", "b"}},
		"empty line":      {"\n\nx\n", []string{"", "", "x"}},
		"carriage return": {"a\r\nb\rc\n", []string{"a", "b\rc"}},
		"no UTF-8":        {"a\xffb\n\xc3\n", []string{"a\uFFFDb", "\uFFFD"}},
		"NUL and quotes":  {"a\x00\"\\<&>\u2028\n", []string{"a\x00\"\\<&>\u2028"}},
		"JSON stays text": {`{"level":"info","event":"x"}` + "\n", []string{`{"level":"info","event":"x"}`}},
	} {
		for read, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in))} {
			var want []map[string]any
			for _, line := range c.want {
				want = append(want, text("error", line, "task.stderr"))
			}
			if diff := cmp.Diff(want, drained(t, Stderr, NewMasker(5, nil), r)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, read, diff)
			}
		}
	}
}

func TestLogChannel(t *testing.T) {
	const stamp = `"timestamp":"2026-01-02T03:04:05Z"`
	asText := func(line string) map[string]any { return text("info", line, "task") }
	for _, c := range []struct {
		line string
		want map[string]any
	}{
		{`{` + stamp + `,"level":"info","event":"e","logger":"l","n":1}`, map[string]any{"timestamp": "2026-01-02T03:04:05Z", "level": "info", "event": "e", "logger": "l", "n": 1.0}},
		{`{"level":"WARNING","event":"e"}`, map[string]any{"level": "WARNING", "event": "e"}},
		{`{}`, asText(`{}`)},
		{`1`, asText(`1`)},
		{`null`, asText(`null`)},
		{`"x"`, asText(`"x"`)},
		{`[{"level":"info"}]`, asText(`[{"level":"info"}]`)},
		{`{"event":"no level"}`, asText(`{"event":"no level"}`)},
		{`{"level":"info"}`, asText(`{"level":"info"}`)},
		{`{"level":"weird","event":"e"}`, asText(`{"level":"weird","event":"e"}`)},
		{`{"level":5,"event":"e"}`, asText(`{"level":5,"event":"e"}`)},
		{`{"level":"info","event":{"a":1}}`, asText(`{"level":"info","event":{"a":1}}`)},
		{`{"level":"info","event":"e","timestamp":"yesterday"}`, asText(`{"level":"info","event":"e","timestamp":"yesterday"}`)},
		{`{"level":"info","event":"e","timestamp":5}`, asText(`{"level":"info","event":"e","timestamp":5}`)},
		{`{"level":"info","event":"e"} trailing`, asText(`{"level":"info","event":"e"} trailing`)},
		{`{"level":"info","event":"cut`, asText(`{"level":"info","event":"cut`)},
		{"{\"level\":\"info\",\"event\":\"\xff\"}", asText("{\"level\":\"info\",\"event\":\"\uFFFD\"}")},
		{strings.Repeat("[", 20000), asText(strings.Repeat("[", 20000))},
	} {
		got := drained(t, Records, NewMasker(5, nil), strings.NewReader(c.line+"\n\n  \n"))
		if diff := cmp.Diff([]map[string]any{c.want}, got); diff != "" {
			t.Errorf("%.80s (-want +got):\n%s", c.line, diff)
		}
	}
}

func TestRecordIsPassedOnAsItCame(t *testing.T) {
	const line = `{"z":1e2,"timestamp":"2026-01-02T03:04:05Z", "level":"info","event":"<\u0041>","big":12345678901234567890}`
	got, ok := renderJSON(nil, []byte(line), NewMasker(5, nil))
	if !ok || string(got) != line+"\n" {
		t.Errorf("%s", got)
	}
	mask := NewMasker(5, nil)
	if err := mask.Add("secret"); err != nil {
		t.Fatal(err)
	}
	if got, ok := renderJSON(nil, []byte(line), mask); !ok || !strings.Contains(string(got), `"big":12345678901234567890`) || !strings.Contains(string(got), `"event":"<A>"`) {
		t.Errorf("%s", got)
	}
}

func TestSecretsAreMaskedInEveryForm(t *testing.T) {
	mask := NewMasker(5, nil)
	for _, secret := range []string{"pass\"word\\1", "grüße-1", "line one\nline two", "98765432", "abc"} {
		if err := mask.Add(secret); err != nil {
			t.Fatal(err)
		}
	}
	for in, want := range map[string]string{
		`{"level":"info","event":"pass\"word\\1"}`:                            `"event":"***"`,
		`{"level":"info","event":"p\u0061ss\"word\\1!"}`:                      `"event":"***!"`,
		`{"level":"info","event":"e","pass\"word\\1":{"a":["98765432"]}}`:     `"***":{"a":["***"]}`,
		`{"level":"info","event":"e","n":98765432}`:                           `"n":"***"`,
		`{"level":"info","event":"e","n":98765432.5}`:                         `"n":"***.5"`,
		`{"level":"info","event":"gr\u00fc\u00dfe-1"}`:                        `"event":"***"`,
		`{"level":"info","event":"{\"a\": \"gr\\u00fc\\u00dfe-1\"}"}`:         `"event":"{\"a\": \"***\"}"`,
		`{"level":"info","event":"line one, line two"}`:                       `"event":"***, ***"`,
		`{"level":"info","event":"abc is too short"}`:                         `"event":"abc is too short"`,
		`{"level":"info","event":"cut pass\"word\\1`:                          `cut ***`,
		`{"level":"info","event":"x","exception":[{"exc_value":"98765432"}]}`: `"exc_value":"***"`,
	} {
		var out bytes.Buffer
		Records.drain(strings.NewReader(in), To(&out, mask), new(sync.Mutex), nil)
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "word") || strings.Contains(out.String(), "98765432") {
			t.Errorf("%s\ngives %swant %s", in, &out, want)
		}
	}
}

func TestLongLinesAreSplitAndStayMasked(t *testing.T) {
	mask := NewMasker(5, nil)
	const secret = "the-secret-of-the-line"
	if err := mask.Add(secret); err != nil {
		t.Fatal(err)
	}
	for shift := 0; shift < 2*len(secret); shift += 5 {
		line := strings.Repeat("x", maxLine-len(secret)-3+shift) + secret + strings.Repeat("y", maxLine+7)
		records := drained(t, Records, mask, io.MultiReader(strings.NewReader(line+"\nnext\n")))
		if len(records) < 3 {
			t.Fatalf("%d records", len(records))
		}
		var joined strings.Builder
		for i, r := range records {
			event := r["event"].(string)
			whole, marked := strings.CutSuffix(event, splitMark)
			if marked != (i < len(records)-2) || len(whole) > maxLine {
				t.Errorf("shift %d: piece %d of %d bytes, marked %v", shift, i, len(whole), marked)
			}
			joined.WriteString(whole)
		}
		if want := strings.Replace(line, secret, masked, 1) + "next"; joined.String() != want {
			t.Fatalf("shift %d: pieces do not make up the line", shift)
		}
	}
}

// Whatever comes in, however it is cut, every line of it is there, in order, and
// every line of the log is a record.
func TestDrainLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.OneOf(
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.SampledFrom([]string{`{"level":"info","event":"e"}`, `{}`, `{"level":"info","event":`}),
		)).Draw(t, "lines")
		for i := range lines {
			lines[i] = strings.NewReplacer("\n", "", "\r", "").Replace(lines[i])
		}
		in := strings.Join(lines, "\n") + "\n"
		if len(lines) == 0 {
			in = ""
		}
		var out bytes.Buffer
		Stdout.drain(&chunks{in, rand.New(rand.NewPCG(1, uint64(len(in))))}, To(&out, NewMasker(5, nil)), new(sync.Mutex), nil)
		var got []string
		for line := range strings.Lines(out.String()) {
			var record struct{ Event string }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			got = append(got, record.Event)
		}
		var want []string
		for _, line := range lines {
			want = append(want, strings.ToValidUTF8(line, "\uFFFD"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// chunks reads text in pieces of random length.
type chunks struct {
	rest string
	r    *rand.Rand
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+c.r.IntN(9))], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func FuzzDrain(f *testing.F) {
	for _, s := range []string{"", "a\n", `{"level":"info","event":"e"}`, "{\"level\":\"info\",\"event\":\"\\ud800\"}\n", "\xff", `{"level":"info","event":"secret","timestamp":"2026-01-02T03:04:05"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		mask := NewMasker(5, nil)
		if err := mask.Add("secret"); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		Records.drain(bytes.NewReader(in), To(&out, mask), new(sync.Mutex), nil)
		if strings.Contains(out.String(), "secret") {
			t.Errorf("secret in %s", &out)
		}
		for line := range strings.Lines(out.String()) {
			var record struct{ Timestamp, Level, Event *string }
			if err := json.Unmarshal([]byte(line), &record); err != nil || record.Timestamp == nil || record.Level == nil || record.Event == nil {
				t.Errorf("line %q: %v", line, err)
			}
		}
	})
}
