package journal

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf16"
)

// minSecret is the shortest secret that can be told from ordinary text, in octets.
const minSecret = 4

// Redactor replaces known secrets by ***. It finds them as they are, and as JSON,
// Python and Go write them inside strings: with escapes such as \", \u0022, \x22
// or \/, also when a string was quoted several times over. The nil Redactor
// changes nothing. Safe for concurrent use.
type Redactor struct {
	mu      sync.RWMutex
	raw     []string
	written []*regexp.Regexp
}

// NewRedactor returns a Redactor that knows the secrets.
func NewRedactor(secrets ...string) (*Redactor, error) {
	r := &Redactor{}
	for _, s := range secrets {
		if err := r.Add(s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Add makes one more secret known. Text that was redacted before is not changed.
func (r *Redactor) Add(secret string) error {
	if len(secret) < minSecret {
		return fmt.Errorf("redact a secret of %d octets: fewer than %d occur in any text", len(secret), minSecret)
	}
	var pattern strings.Builder
	for _, c := range secret {
		pattern.WriteString(spellings(c))
	}
	compiled, err := regexp.Compile(pattern.String())
	if err != nil {
		return fmt.Errorf("redact a secret of %d octets: %w", len(secret), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, secret)
	r.written = append(r.written, compiled)
	return nil
}

var short = map[rune]string{'\n': "n", '\r': "r", '\t': "t", '\b': "b", '\f': "f", '\v': "v", '\a': "a"}

// spellings is a pattern for one character, as it is and escaped.
func spellings(c rune) string {
	ways := []string{regexp.QuoteMeta(string(c))}
	switch {
	case c == '\\':
		ways = []string{`\\+`}
	case c == '"' || c == '\'' || c == '/' || c == '`':
		ways = []string{`\\*` + regexp.QuoteMeta(string(c))}
	case short[c] != "":
		ways = append(ways, `\\+`+short[c])
	}
	if c <= 0xff {
		ways = append(ways, fmt.Sprintf(`(?i:\\+x%02x)`, c))
	}
	if high, low := utf16.EncodeRune(c); high != '\uFFFD' {
		ways = append(ways, fmt.Sprintf(`(?i:\\+u%04x\\+u%04x)`, high, low), fmt.Sprintf(`(?i:\\+U%08x)`, c))
	} else {
		ways = append(ways, fmt.Sprintf(`(?i:\\+u%04x)`, c))
	}
	return "(?:" + strings.Join(ways, "|") + ")"
}

// Text returns s without the known secrets.
func (r *Redactor) Text(s string) string {
	if r == nil {
		return s
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, secret := range r.raw {
		if strings.Contains(s, `\`) { // the pattern finds the plain secret as well
			s = r.written[i].ReplaceAllLiteralString(s, "***")
		} else {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}

// Outside moves a place at which a text is to be cut out of the secrets that lie across
// it: to the first octet of them (start), or behind their last one (end). Half a secret
// would not be found any more, and would show. Where none lies across, both are at.
func (r *Redactor) Outside(s string, at int) (start, end int) {
	start, end = at, at
	if r == nil {
		return start, end
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for again := true; again; {
		again = false
		for i := range r.raw {
			// A secret may lie across the new place, too.
			if first, _, found := r.across(i, s, start); found {
				start, again = first, true
			}
			if _, last, found := r.across(i, s, end); found {
				end, again = last, true
			}
		}
	}
	return start, end
}

// across finds where a secret lies that begins before a place and ends behind it.
func (r *Redactor) across(secret int, s string, at int) (first, last int, found bool) {
	raw := r.raw[secret]
	reach := 12*len(raw) + 64 // octets that it can take when it is written with escapes
	from, to := max(0, at-reach), min(len(s), at+reach)
	window := s[from:to]
	if !strings.Contains(window, `\`) {
		narrow := max(from, at-len(raw)+1)
		i := strings.Index(s[narrow:min(to, at+len(raw)-1)], raw)
		return narrow + i, narrow + i + len(raw), i >= 0
	}
	for _, match := range r.written[secret].FindAllStringIndex(window, -1) {
		if first, last = from+match[0], from+match[1]; first < at && at < last {
			return first, last, true
		}
	}
	return 0, 0, false
}

// Octets returns hexadecimal text with the octets of known secrets as **. A text
// that ends in the middle of a secret loses that part too. Other text than pairs
// of digits is returned as Text returns it.
func (r *Redactor) Octets(s string) string {
	if r == nil {
		return s
	}
	octets, err := hex.DecodeString(s)
	if err != nil {
		return r.Text(s)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	masked := []byte(s)
	for _, secret := range r.raw {
		for from := 0; from < len(octets); {
			at := strings.Index(string(octets[from:]), secret)
			if at < 0 {
				break
			}
			from += at
			mask(masked, from, len(secret))
			from += len(secret)
		}
		for n := min(len(secret)-1, len(octets)); n >= minSecret; n-- {
			if strings.HasSuffix(string(octets), secret[:n]) {
				mask(masked, len(octets)-n, n)
				break
			}
		}
	}
	return string(masked)
}

func mask(text []byte, from, n int) {
	for i := 2 * from; i < 2*(from+n); i++ {
		text[i] = '*'
	}
}
