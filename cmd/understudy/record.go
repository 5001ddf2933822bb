package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/console"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// Files of a report folder besides the reports.
const (
	eventsFile = "events.jsonl"
	knownFile  = "expectations.yaml" // the list that the verdicts were computed with
)

// knownDeviations is a list with the text that it was read from.
type knownDeviations struct {
	file *expect.File
	text []byte
}

// readKnown reads the list at path, or, without a path, that of the manifest if it has one.
func readKnown(path string, m implementation.Manifest) (knownDeviations, error) {
	if path == "" && m.Expectations == "" {
		return knownDeviations{}, nil
	}
	if path == "" {
		path = filepath.Join(m.Dir, m.Expectations)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return knownDeviations{}, usage("list of known deviations: %w", err)
	}
	file, err := expect.Read(path, text)
	if err != nil {
		return knownDeviations{}, usage("%w", err)
	}
	return knownDeviations{file, text}, nil
}

// record is the journal of a run in its folder.
type record struct {
	dir     string
	file    *os.File
	journal *journal.Writer
}

// openRecord begins a new journal in dir and removes what an earlier run left beside it.
func openRecord(dir string, known knownDeviations) (*record, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, usage("--out: %w: name a folder that you may write", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, "sandbox-*.log"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, path := range append(old, filepath.Join(dir, knownFile)) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, usage("--out: %w", err)
		}
	}
	if known.text != nil {
		if err := os.WriteFile(filepath.Join(dir, knownFile), known.text, 0o644); err != nil {
			return nil, usage("--out: %w", err)
		}
	}
	file, err := os.Create(filepath.Join(dir, eventsFile))
	if err != nil {
		return nil, usage("--out: %w: name a folder that you may write", err)
	}
	return &record{dir: dir, file: file, journal: journal.NewWriter(file, nil)}, nil
}

func (r *record) close() { r.file.Close() }

// keep stores what a sandbox wrote to standard error, made visible. It is an addition to the journal: without it the report is whole.
func (r *record) keep(number int, text string) {
	_ = os.WriteFile(filepath.Join(r.dir, run.DiagnosticsName(number)), []byte(visible.Text(text)), 0o644)
}

func newConsole(out io.Writer, all suite, known knownDeviations) *console.Console {
	var screen console.Screen
	out = raw(out)
	if f, is := out.(*os.File); is {
		screen = console.Detect(f, os.Getenv)
	}
	return console.New(out, console.Options{Screen: screen, Catalogue: all.catalogue, Index: all.index, Known: known.file})
}

// render computes the verdicts of what journals hold, writes all reports into dir, prints the summary, and returns the exit code.
func render(dir string, held *verdict.Record, all suite, known knownDeviations, profile catalogue.Profile, screen *console.Console) (int, error) {
	model := verdict.Build(all.catalogue, all.index, held, known.file, time.Now())
	paths, err := reports.Write(dir, model)
	if err != nil {
		return 0, err
	}
	return screen.Finish(model, profile, paths.HTML), nil
}

// readJournal reads the journal in dir.
func readJournal(dir string) (*verdict.Record, error) {
	f, err := os.Open(filepath.Join(dir, eventsFile))
	if err != nil {
		return nil, usage("read the journal of a run: %w", err)
	}
	defer f.Close()
	in := journal.NewReader(f)
	held := verdict.Collate(in.Events())
	return held, in.Err()
}
