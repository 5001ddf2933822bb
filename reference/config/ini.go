package config

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// defaultSection holds options that every other section inherits.
const defaultSection = "DEFAULT"

// sections is a parsed file: section name, then option name in lower case, then
// the value before interpolation.
type sections map[string]map[string]string

// SyntaxError reports a line that Python's configparser would refuse too.
type SyntaxError struct {
	Path string
	Line int // from 1
	Text string
	Why  string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d: %s: %q", e.Path, e.Line, e.Why, e.Text)
}

// The expressions of this package are compiled when they are first needed: a
// runner, which starts anew for each task, often needs none.
var (
	sectionHeader = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\[(.+)\]`) })
	newlines      = strings.NewReplacer("\r\n", "\n", "\r", "\n")
)

// reader is the state between two lines.
type reader struct {
	path    string
	line    int
	parsed  sections
	section string
	option  string          // the option that a deeper line would continue
	indent  int             // of the line that began that option
	values  map[string]bool // "section\x00option" seen so far
	opened  map[string]bool // sections seen so far
}

// parse reads the text of a configuration file. path is used in errors only.
func parse(path, text string) (sections, error) {
	r := &reader{
		path: path, parsed: sections{},
		values: map[string]bool{}, opened: map[string]bool{},
	}
	for i, line := range strings.Split(newlines.Replace(text), "\n") {
		r.line = i + 1
		if err := r.read(line); err != nil {
			return nil, err
		}
	}
	for _, options := range r.parsed {
		for name, value := range options {
			options[name] = strings.TrimRightFunc(value, unicode.IsSpace)
		}
	}
	return r.parsed, nil
}

func (r *reader) read(line string) error {
	text := strings.TrimSpace(line)
	indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
	switch {
	case strings.HasPrefix(text, "#"), strings.HasPrefix(text, ";"):
		return nil
	case text == "":
		if r.option != "" {
			r.parsed[r.section][r.option] += "\n"
		}
		return nil
	case r.option != "" && indent > r.indent:
		r.parsed[r.section][r.option] += "\n" + text
		return nil
	}
	r.indent = indent
	if header := sectionHeader().FindStringSubmatch(text); header != nil {
		return r.open(header[1], text)
	}
	return r.assign(text)
}

func (r *reader) open(name, text string) error {
	if name != defaultSection && r.opened[name] {
		return r.refuse(text, "section appears twice")
	}
	r.opened[name] = true
	r.section, r.option = name, ""
	if r.parsed[name] == nil {
		r.parsed[name] = map[string]string{}
	}
	return nil
}

func (r *reader) assign(text string) error {
	if r.section == "" {
		return r.refuse(text, "option before the first [section]")
	}
	at := strings.IndexAny(text, "=:")
	if at < 0 {
		return r.refuse(text, "neither [section] nor option = value")
	}
	name := strings.ToLower(strings.TrimSpace(text[:at]))
	if name == "" {
		return r.refuse(text, "value without a name")
	}
	seen := r.section + "\x00" + name
	if r.values[seen] {
		return r.refuse(text, "option appears twice in its section")
	}
	r.values[seen] = true
	r.option = name
	r.parsed[r.section][name] = strings.TrimSpace(text[at+1:])
	return nil
}

func (r *reader) refuse(text, why string) error {
	return &SyntaxError{Path: r.path, Line: r.line, Text: text, Why: why}
}

// raw returns the value of an option before interpolation, inherited from
// [DEFAULT] where the section is there and lacks it.
func (s sections) raw(section, key string) (string, bool) {
	options, ok := s[section]
	if !ok {
		return "", false
	}
	if value, ok := options[key]; ok {
		return value, true
	}
	value, ok := s[defaultSection][key]
	return value, ok
}
