// Package html is index.html: one file that needs no network and no server. It is
// complete without JavaScript; JavaScript adds a filter, keys and a choice of theme.
//
// Everything that the implementation under test may have written is hostile: it
// goes through package visible, which shows control characters as escapes, and
// through html/template, which escapes for the place where it stands. A content
// security policy forbids every script but ours, and all loading.
//
// Size: the first cases that need attention carry their transcripts, within bounds,
// as HTML. Those of all other cases are compressed blocks of data in the same file,
// which JavaScript unfolds when a case is opened. See pack.go for the budget.
package html

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/words"
)

//go:embed report.tmpl
var layout string

//go:embed report.css
var css string

//go:embed report.js
var js string

var page = template.Must(template.New("report").Funcs(template.FuncMap{"tag": tagOf}).Parse(layout))

// Write writes the report of a model.
func Write(w io.Writer, m verdict.Model) error {
	v := viewOf(m)
	if err := v.pack(); err != nil {
		return fmt.Errorf("write index.html: pack transcripts: %w", err)
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write index.html: %w", err)
	}
	return nil
}

// policy allows the one script by its hash, inline style, and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(js))
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// tag is a verdict as sign, word and colour.
type tag struct {
	Tone        words.Tone
	Name        verdict.Verdict
	Glyph, Word string
}

func tagOf(v verdict.Verdict) tag { return tag{words.ToneOf(v), v, words.Glyph(v), words.Word(v)} }
