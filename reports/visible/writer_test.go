package visible_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/reports/visible"
)

func TestAStreamIsMadeVisibleHoweverItIsParted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.OneOf(
			rapid.Map(rapid.Byte(), func(b byte) []byte { return []byte{b} }),
			rapid.Map(rapid.SampledFrom([]rune("ä漢🔑\u202e\x1b\u200b\n\t\r")), func(r rune) []byte { return []byte(string(r)) }),
		)).Draw(t, "text")
		whole := bytes.Join(text, nil)
		var out bytes.Buffer
		w := visible.NewWriter(&out)
		for rest := whole; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "octets")
			if wrote, err := w.Write(rest[:n]); wrote != n || err != nil {
				t.Fatalf("write of %d octets: %d, %v", n, wrote, err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if want := visible.Text(string(whole)); out.String() != want {
			t.Fatalf("%q became %q, want %q", whole, &out, want)
		}
	})
}
