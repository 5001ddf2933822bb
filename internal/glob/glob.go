// Package glob compares ids with patterns as people write them: * stands for any text,
// slashes included, ? for one character, and everything else for itself.
package glob

import (
	"path"
	"strings"
)

// plain keeps path.Match from stopping * at slashes and from reading brackets.
var plain = strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)

// Match says whether the whole text fits the pattern.
func Match(pattern, text string) bool {
	matched, err := path.Match(plain.Replace(pattern), strings.ReplaceAll(text, "/", "\x00"))
	return err == nil && matched
}
