package strict_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/protocol/strict"
)

// brief renders problems as "offset rule", notes with a mark.
func brief(problems []strict.Problem) string {
	var out []string
	for _, p := range problems {
		mark := ""
		if p.Severity == strict.Note {
			mark = "?"
		}
		out = append(out, fmt.Sprintf("%d %s%s", p.Offset, p.Rule, mark))
	}
	return strings.Join(out, ", ")
}

func TestCheck(t *testing.T) {
	deep := strings.Repeat("\x91", 100)
	for _, tt := range []struct {
		name    string
		payload string
		want    string
	}{
		{"nil", "\xc0", ""},
		{"a bit of everything", "\x96\x01\xff\xc3\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xa1x\x81\xa1k\xc4\x01\xff", ""},
		{"timestamps", "\x93\xd6\xff\x00\x00\x00\x01\xd7\xff\xee\x6b\x27\xfc\x00\x00\x00\x00\xc7\x0c\xff\x3b\x9a\xc9\xff\x00\x00\x00\x00\x00\x00\x00\x00", ""},

		{"no bytes", "", "0 truncated"},
		{"half a header", "\x92\x01\xcd\x01", "2 truncated"},
		{"half a string", "\x92\x01\xa5ab", "2 truncated"},
		{"an element too few", "\x93\x01\x02", "0 truncated"},
		{"elements without end", "\xdd\xff\xff\xff\xff", "0 truncated"},
		{"pairs without end", "\xdf\xff\xff\xff\xff\x01", "0 truncated"},
		{"a value too few", "\x92\x81\xa1k", "4 truncated"},
		{"bytes without end", "\xc6\xff\xff\xff\xff", "0 truncated"},
		{"nothing after an extension header", "\xc9\x00\x00\x00\x01\xff", "0 truncated"},

		{"reserved byte", "\xc1", "0 reserved-byte"},
		{"reserved byte inside", "\x92\xa1x\xc1", "3 reserved-byte"},
		{"bytes after the value", "\x91\x01\x02\x03", "2 trailing"},
		{"100 levels", deep + "\x01", ""},
		{"101 levels", deep + "\x91\x01", "100 depth"},
		{"101 levels of maps", strings.Repeat("\x81\xa0", 101) + "\x01", "200 depth"},

		{"not UTF-8", "\xa3ab\xff", "3 utf-8"},
		{"half a character", "\x92\xa2a\xc3\x01", "3 utf-8"},
		{"a surrogate", "\xa3\xed\xa0\x80", "1 utf-8"},
		{"bytes need no UTF-8", "\xc4\x01\xff", ""},
		{"key that is not UTF-8", "\x81\xa1\xff\x01", "2 utf-8"},

		{"integer as key", "\x81\x01\x01", "1 key-type"},
		{"array as key", "\x81\x91\x01\x01", "1 key-type"},
		{"key twice", "\x82\xa1a\x01\xa1a\x02", "4 duplicate-key"},
		{"key twice with other headers", "\x82\xa1a\x01\xd9\x01a\x02", "4 not-shortest?, 4 duplicate-key"},
		{"key three times", "\x83\xa1a\x01\xa1a\x02\xa1a\x03", "4 duplicate-key, 7 duplicate-key"},
		{"same key in two maps", "\x92\x81\xa1a\x01\x81\xa1a\x01", ""},
		{"same key in an inner map", "\x81\xa1a\x81\xa1a\x01", ""},
		{"key twice, then truncated", "\x84\xa1a\x01\xa1a\x02\xa1b\xc1", "4 duplicate-key, 9 reserved-byte"},

		{"timestamp of 1 byte", "\xd4\xff\x00", "0 timestamp"},
		{"timestamp of 5 bytes", "\xc7\x05\xff\x00\x00\x00\x00\x00", "0 timestamp"},
		{"timestamp of no bytes", "\xc7\x00\xff", "0 timestamp"},
		{"too many nanoseconds of 8", "\xd7\xff\xff\xff\xff\xfc\x00\x00\x00\x00", "0 timestamp"},
		{"too many nanoseconds of 12", "\xc7\x0c\xff\x3b\x9a\xca\x00\x00\x00\x00\x00\x00\x00\x00\x00", "0 timestamp"},
		{"another extension", "\xd4\x05\x00", "0 extension"},

		{"7 as uint8", "\xcc\x07", "0 not-shortest?"},
		{"128 as uint8", "\xcc\x80", ""},
		{"200 as int16", "\xd1\x00\xc8", "0 not-shortest?"},
		{"300 as int16", "\xd1\x01\x2c", ""},
		{"-32 as int8", "\xd0\xe0", "0 not-shortest?"},
		{"-33 as int8", "\xd0\xdf", ""},
		{"-1 as int64", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", "0 not-shortest?"},
		{"-2^63", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", ""},
		{"65536 as uint64", "\xcf\x00\x00\x00\x00\x00\x01\x00\x00", "0 not-shortest?"},
		{"1 element as array16", "\xdc\x00\x01\xc0", "0 not-shortest?"},
		{"1 pair as map32", "\xdf\x00\x00\x00\x01\xa0\xc0", "0 not-shortest?"},
		{"1 byte as str16", "\xda\x00\x01a", "0 not-shortest?"},
		{"1 byte as bin16", "\xc5\x00\x01a", "0 not-shortest?"},
		{"4 bytes as ext8", "\xc7\x04\xff\x00\x00\x00\x01", "0 not-shortest?"},
		{"12 bytes as ext16", "\xc8\x00\x0c\xff" + strings.Repeat("\x00", 12), "0 not-shortest?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := brief(strict.Check([]byte(tt.payload))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckEndsItsReport(t *testing.T) {
	payload := append(msgp.AppendArrayHeader(nil, 1000), bytes.Repeat([]byte("\xa1\xff"), 1000)...)
	got := strict.Check(payload)
	if len(got) != strict.MaxProblems+1 || got[strict.MaxProblems].Rule != strict.TooMany {
		t.Errorf("%d problems, the last is %v", len(got), got[len(got)-1])
	}
}

func TestFaultsLeavesNotesOut(t *testing.T) {
	got := strict.Faults(strict.Check([]byte("\x92\xcc\x07\xa1\xff")))
	if brief(got) != "4 utf-8" {
		t.Errorf("got %q", brief(got))
	}
}

func TestProblemReadsAsASentence(t *testing.T) {
	got := strict.Check([]byte("\x92\x01\xa5ab"))[0].String()
	want := "byte 2: string of 5 bytes announced, 2 left (truncated, error)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// anything generates values as an encoder of another make would see them.
func anything() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), toAny),
		rapid.Map(rapid.Uint64(), toAny),
		rapid.Map(rapid.Float64(), toAny),
		rapid.Map(rapid.String(), toAny),
		rapid.Map(rapid.SliceOf(rapid.Byte()), toAny),
	)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(leaf, 0, 40), toAny),
		rapid.Map(rapid.MapOfN(rapid.String(), leaf, 0, 40), toAny),
	)
}

func toAny[T any](v T) any { return v }

func TestWhatMsgpWritesHasNoFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload, err := msgp.AppendIntf(nil, anything().Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]strict.Problem(nil), strict.Check(payload)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever is cut off a value is missed.
func TestEveryPrefixIsTruncated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload, err := msgp.AppendIntf(nil, anything().Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, len(payload)-1).Draw(t, "length")
		faults := strict.Faults(strict.Check(payload[:n]))
		if len(faults) == 0 || faults[len(faults)-1].Rule != strict.Truncated {
			t.Fatalf("%x: got %q, want truncated", payload[:n], brief(faults))
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"", "\xc0", "\xc1", "\x93\x00\x81\xa4type\xa1x\xc0", "\xdd\xff\xff\xff\xff", "\x82\xa1a\x01\xa1a\x02",
		"\xd6\xff\x00\x00\x00\x01", "\xa1\xff", strings.Repeat("\x91", 101), "\xcc\x07", "\xc7\x05\xff\x00\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		problems := strict.Check(payload)
		for i, p := range problems {
			if p.Offset < 0 || p.Offset > len(payload) || p.Text == "" || p.Rule == "" {
				t.Fatalf("problem %+v of %d bytes", p, len(payload))
			}
			if i > 0 && i < strict.MaxProblems && p.Offset < problems[i-1].Offset {
				t.Fatalf("problems out of order: %v", problems)
			}
		}
		// Another reader agrees on where the value ends.
		rest, err := msgp.Skip(payload)
		found := map[string]bool{}
		for _, p := range problems {
			found[p.Rule] = true
		}
		if found[strict.Depth] || found[strict.TooMany] {
			return // where msgp goes on
		}
		broken := found[strict.Truncated] || found[strict.Reserved] || found[strict.Trailing]
		if whole := err == nil && len(rest) == 0; whole == broken {
			t.Fatalf("msgp leaves %d bytes and %v, but: %q", len(rest), err, brief(problems))
		}
	})
}

func FuzzCheckEnvelope(f *testing.F) {
	for _, seed := range []string{
		"", "\x90", "\x91\x00", "\x93\x00\x81\xa4type\xa1x\xc0", "\x93\x00\x81\xa4type\xa1x\x81\xa1a\xa1b",
		"\x93\x00\xc0\x81\xa4type\xa1x", "\x93\xff\xa1x\x90", "\x93\x00\x81\xa4type\x05\x81\xa1a\x01\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		value := strict.Faults(strict.Check(payload))
		for _, envelope := range [][]strict.Problem{strict.CheckRequest(payload), strict.CheckResponse(payload)} {
			if len(value) > 0 && len(strict.Faults(envelope)) == 0 {
				t.Fatalf("a fault of the value is none of the envelope: %q", brief(value))
			}
			for _, p := range envelope {
				if p.Offset < 0 || p.Offset > len(payload) {
					t.Fatalf("problem %+v of %d bytes", p, len(payload))
				}
			}
		}
	})
}
