// Package expect reads expectations.yaml, the list of deviations that the owner
// of an implementation knows and has given a reason for. A listed deviation no
// longer fails a run; a list that has become wrong does:
//
//  1. Every entry needs a reason, a cause and a pattern for what is seen. The
//     pattern must not match an empty text: another failure stays unexpected.
//  2. An entry that covers no case, one that is in force no longer, one that
//     explained nothing although its cases ran, and a second entry for the same
//     thing are stale. Package verdict reports them; the run fails.
//  3. An entry may hold for some releases of Airflow only, so that one list serves
//     several; elsewhere it is as if it were not there.
//  4. An empty file, and no file, change nothing.
package expect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// ChangeMe is the reason in entries that Suggest writes. Read refuses it.
const ChangeMe = "CHANGE ME"

// maxSize bounds the file, in octets.
const maxSize = 1 << 20

// File is a list of known deviations. The nil File is the empty list.
type File struct {
	Path    string
	Entries []*Entry
}

// Read parses the content of a file; path serves the messages. Every mistake is
// reported, with its line.
func Read(path string, body []byte) (*File, error) {
	if len(body) > maxSize {
		return nil, fmt.Errorf("expectations %s: more than %d octets", path, maxSize)
	}
	f := &File{Path: path}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return f, nil
	} else if err != nil {
		return nil, fmt.Errorf("expectations %s: is no YAML: %w", path, err)
	}
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("expectations %s: a second YAML document follows the first: remove the line --- and what follows", path)
	}
	nodes, problems := entriesOf(&document)
	for i, problem := range problems {
		problems[i] = fmt.Errorf("expectations %s:%w", path, problem)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	for _, node := range nodes {
		e := &Entry{Line: node.Line}
		if err := node.Decode(e); err != nil {
			problems = append(problems, fmt.Errorf("expectations %s:%d: is no entry: %w", path, node.Line, err))
			continue
		}
		f.Entries = append(f.Entries, e)
		for _, problem := range e.prepare() {
			problems = append(problems, fmt.Errorf("expectations %s:%d: %w", path, node.Line, problem))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return f, nil
}

var (
	casePattern   = regexp.MustCompile(`^[A-Za-z0-9*/._-]+$`)
	requirementID = regexp.MustCompile(`^[A-Z]+-\d{3}$`)
)

// prepare checks one entry and compiles its expressions.
func (e *Entry) prepare() []error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch {
	case (e.Case == "") == (e.Requirement == ""):
		problem("name either a case or a requirement")
	case e.Case != "" && !casePattern.MatchString(e.Case):
		problem("case %q is no case id, prefix or pattern: write one such as IMP-003/*; \"understudy list\" shows all cases", e.Case)
	case e.Requirement != "" && !requirementID.MatchString(e.Requirement):
		problem("requirement %q is no id: write one such as IMP-004", e.Requirement)
	}
	if e.Role != "" && !e.Role.Known() {
		problem("role %q is unknown: use one of %s, or leave it out for all", e.Role, role.Join(role.All(), ", "))
	}
	if e.Outcome == "" {
		e.Outcome = journal.Violated
	}
	if !slices.Contains([]journal.Outcome{journal.Violated, journal.CouldNotRun, journal.NotApplicable}, e.Outcome) {
		problem("outcome %q cannot be known beforehand: use one of violated, could-not-run, not-applicable", e.Outcome)
	}
	switch reason := strings.TrimSpace(e.Reason); {
	case reason == "":
		problem("reason is missing: write why this deviation is known")
	case strings.Contains(strings.ToUpper(reason), ChangeMe):
		problem("reason still says %s: write why this deviation is known", ChangeMe)
	}
	if !slices.Contains([]Cause{Implementation, Gap, Suite, Spec}, e.Cause) {
		problem("cause %q is unknown: use one of implementation, gap, suite, spec", e.Cause)
	}
	if e.Issue != "" && !strings.HasPrefix(e.Issue, "https://") {
		problem("issue %q is no https URL: write one that begins with https://", e.Issue)
	}
	if e.Until != "" {
		day, err := time.Parse(time.DateOnly, e.Until)
		if err != nil {
			problem("until %q is no date: write the last day on which the entry holds, such as 2026-12-31", e.Until)
		}
		e.until = day
	}
	actual, err := regexp.Compile(e.Actual)
	switch {
	case e.Actual == "":
		problem("actual is missing: write a regular expression for what is seen")
	case e.Actual == ChangeMe:
		problem("actual still says %s: write a regular expression for what is seen", ChangeMe)
	case err != nil:
		problem("actual %q is no regular expression: %s: put a backslash before a character that stands for itself, as in \\(", e.Actual, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case actual.MatchString("") || actual.MatchString(Text(journal.Observation{})):
		problem("actual %q matches anything: say what is seen", e.Actual)
	}
	e.actual = actual
	return problems
}

// At is the list as it holds for one release of Airflow: entries of others are none of
// it, and so neither explain nor are stale. Of no release it is the whole list.
func (f *File) At(v release.Version) *File {
	if f == nil || v.IsZero() {
		return f
	}
	of := &File{Path: f.Path}
	for _, e := range f.Entries {
		if e.Airflow.Holds(v) {
			of.Entries = append(of.Entries, e)
		}
	}
	return of
}

// Covering lists the entries that speak about the case, in the order of the file.
func (f *File) Covering(c plan.Case) []*Entry {
	if f == nil {
		return nil
	}
	var entries []*Entry
	for _, e := range f.Entries {
		if e.Covers(c) {
			entries = append(entries, e)
		}
	}
	return entries
}

// Duplicates lists entries that say again what an earlier one says.
func (f *File) Duplicates() []*Entry {
	if f == nil {
		return nil
	}
	type key struct {
		target, actual string
		outcome        journal.Outcome
	}
	seen := map[key]bool{}
	var again []*Entry
	for _, e := range f.Entries {
		k := key{e.Target(), e.Actual, e.Outcome}
		if seen[k] {
			again = append(again, e)
		}
		seen[k] = true
	}
	return again
}
