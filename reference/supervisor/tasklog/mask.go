package tasklog

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// masked stands in the task log where a secret was.
	masked = "***"

	// maxSecrets bounds how many strings one task can have masked.
	maxSecrets = 10_000

	// maxSecretBytes bounds their total length.
	maxSecretBytes = 64 << 20
)

var errTooManySecrets = errors.New("too many secrets to mask for one task")

// sensitiveWords are Airflow's: what has one of them in its name is a secret.
var sensitiveWords = []string{
	"access_token", "api_key", "apikey", "authorization", "keyfile_dict", "passphrase", "passwd", "password",
	"private_key", "proxies", "proxy", "secret", "service_account", "token",
}

// Masker knows the secrets of a task and takes them out of what is logged. It is
// safe for concurrent use: what Add was given is masked in every later Text.
//
// A secret of several lines is masked line by line as well, and each also in the
// form that it has within a JSON string.
type Masker struct {
	min   int      // shorter secrets are not masked: they would garble the log
	words []string // lower case

	mu       sync.RWMutex
	secrets  map[string]bool
	bytes    int
	replacer *strings.Replacer // nil after a change
}

// NewMasker returns a Masker for secrets of at least shortest bytes. names are
// words that make a variable's name sensitive, in addition to Airflow's.
func NewMasker(shortest int, names []string) *Masker {
	m := &Masker{min: max(shortest, 1), words: slices.Clone(sensitiveWords), secrets: map[string]bool{}}
	for _, name := range names {
		m.words = append(m.words, strings.ToLower(name))
	}
	return m
}

// Sensitive reports whether a variable or field of that name holds a secret.
func (m *Masker) Sensitive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(m.words, func(word string) bool { return strings.Contains(name, word) })
}

// Add masks a string from now on. The error says that the task has as many
// secrets as can be masked.
func (m *Masker) Add(secret string) error {
	forms := []string{secret}
	for line := range strings.Lines(secret) {
		forms = append(forms, strings.TrimSpace(line))
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, jsonForms(form)...)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, form := range forms {
		if len(form) < m.min || m.secrets[form] {
			continue
		}
		if len(m.secrets) >= maxSecrets || m.bytes+len(form) > maxSecretBytes {
			return errTooManySecrets
		}
		m.secrets[form] = true
		m.bytes += len(form)
		m.replacer = nil
	}
	return nil
}

// AddValue masks what a MaskSecret message asks for. Without a name every string
// in the value is a secret. A name decides for all of it.
func (m *Masker) AddValue(value any, name string) error {
	if name != "" && !m.Sensitive(name) {
		return nil
	}
	switch v := value.(type) {
	case string:
		return m.Add(v)
	case []any:
		for _, element := range v {
			if err := m.AddValue(element, ""); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, element := range v {
			if err := m.AddValue(element, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// AddExtra masks the extra of a connection: the text, and the values in it whose
// names are sensitive.
func (m *Masker) AddExtra(extra string) error {
	if err := m.Add(extra); err != nil {
		return err
	}
	var fields any
	if json.Unmarshal([]byte(extra), &fields) != nil {
		return nil
	}
	return m.addSensitive(fields)
}

func (m *Masker) addSensitive(value any) error {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if err := m.addSensitive(element); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, element := range v {
			add := m.addSensitive
			if m.Sensitive(name) {
				add = func(value any) error { return m.AddValue(value, "") }
			}
			if err := add(element); err != nil {
				return err
			}
		}
	}
	return nil
}

// Text returns s with all secrets masked.
func (m *Masker) Text(s string) string {
	m.mu.RLock()
	r := m.replacer
	none := len(m.secrets) == 0
	m.mu.RUnlock()
	if none {
		return s
	}
	if r == nil {
		r = m.build()
	}
	return r.Replace(s)
}

// build makes the replacer anew. Of secrets that start alike the longest wins.
func (m *Masker) build() *strings.Replacer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replacer != nil {
		return m.replacer
	}
	list := make([]string, 0, len(m.secrets))
	for s := range m.secrets {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(list))
	for _, s := range list {
		pairs = append(pairs, s, masked)
	}
	m.replacer = strings.NewReplacer(pairs...)
	return m.replacer
}

// empty reports whether there is nothing to mask.
func (m *Masker) empty() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.secrets) == 0
}

// cut returns how much of line can be logged before the rest of it is known: less
// than all of it if it ends like the beginning of a secret.
func (m *Masker) cut(line []byte) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	keep := 0
	for secret := range m.secrets {
		// A secret as long as the line would leave nothing to log.
		for n := min(len(secret)-1, len(line)/2); n > keep; n-- {
			if bytes.HasSuffix(line, []byte(secret[:n])) {
				keep = n
			}
		}
	}
	return len(line) - keep
}

// jsonForms returns s as it stands within a JSON string, where that differs: as
// Go and most others write it, and as Python does, with ASCII only.
func jsonForms(s string) []string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(s) != nil {
		return nil
	}
	plain := strings.Trim(b.String(), "\n")
	plain = plain[1 : len(plain)-1]
	var forms []string
	if plain != s {
		forms = append(forms, plain)
	}
	if ascii := asciiJSON(plain); ascii != plain {
		forms = append(forms, ascii)
	}
	return forms
}

func asciiJSON(s string) string {
	if isASCII(s) {
		return s
	}
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(digits[unit>>shift&15])
			}
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
