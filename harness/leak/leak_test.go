package leak

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestATextIsFoundInWhateverItIsEncodedWith(t *testing.T) {
	encodings := map[string]func([]byte) string{
		"plain": func(b []byte) string { return string(b) }, "hex": hex.EncodeToString,
		"base64": base64.StdEncoding.EncodeToString, "without padding": base64.RawStdEncoding.EncodeToString, "of URLs": base64.URLEncoding.EncodeToString,
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z?>~-]{24,40}`).Draw(t, "text")
		around := []byte(rapid.String().Draw(t, "before") + text + rapid.String().Draw(t, "after"))
		for name, encode := range encodings {
			if whole := encode(around); !slices.ContainsFunc(disguises(text), func(form string) bool { return strings.Contains(whole, form) }) {
				t.Errorf("%q is not found, %s, in %s", text, name, whole)
			}
		}
	})
	for _, form := range disguises("workload-0123456789abcdef01234567") {
		if len(form) < 20 {
			t.Errorf("%q may stand anywhere", form)
		}
	}
}
