package main

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/console"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// knownDeviations is a list with the text that it was read from.
type knownDeviations struct {
	file *expect.File
	text []byte
}

// maxKnown bounds a list of known deviations, in bytes.
const maxKnown = 16 << 20

// readKnown reads the list at path, or, without a path, that of the manifest if it has one.
func readKnown(path string, m implementation.Manifest) (knownDeviations, error) {
	if path == "" && m.Expectations == "" {
		return knownDeviations{}, nil
	}
	if path == "" {
		path = filepath.Join(m.Dir, m.Expectations)
	}
	text, err := safefile.Read(path, maxKnown)
	if err != nil {
		return knownDeviations{}, usage("list of known deviations: %w", err)
	}
	file, err := expect.Read(path, text)
	if err != nil {
		return knownDeviations{}, usage("%w", err)
	}
	return knownDeviations{file, text}, nil
}

// runJournal is the journal of a run in its folder.
type runJournal struct {
	to     *folder
	file   *os.File
	writer *journal.Writer
}

// begin makes a new journal in the folder, and removes what an earlier run left. First
// of all it replaces the reports by those of a run that has only begun: they are
// red, and stand until those of this run take their place, whatever happens to it.
func begin(to *folder, all suite, known knownDeviations, who journal.Identity) (*runJournal, error) {
	started := journal.Event{Time: time.Now(), RunStart: journal.Start(who)}
	unfinished := verdict.Build(all.catalogue, all.index, verdict.Collate(slices.Values([]journal.Event{started})), nil, started.Time)
	if err := to.publish(unfinished); err != nil {
		return nil, unfit("--out", err)
	}
	if err := to.clear(); err != nil {
		return nil, unfit("--out", err)
	}
	if known.text != nil {
		if err := to.Replace(knownFile, 0o644, textOf(known.text)); err != nil {
			return nil, unfit("--out", err)
		}
	}
	file, err := to.Create(eventsFile, 0o644)
	if err != nil {
		return nil, unfit("--out", err)
	}
	return &runJournal{to: to, file: file, writer: journal.NewWriter(file, nil)}, nil
}

func textOf(text []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
}

func (j *runJournal) close() { j.file.Close() }

// held reads back what was written, by the descriptor that wrote it.
func (j *runJournal) held() (*verdict.Runs, error) {
	return collate(io.NewSectionReader(j.file, 0, math.MaxInt64))
}

// keep stores what a sandbox wrote to standard error, made visible. It is an addition to the journal: without it the report is whole.
func (j *runJournal) keep(number int, text string) {
	_ = j.to.Replace(run.DiagnosticsName(number), 0o644, textOf([]byte(visible.Text(text))))
}

func newConsole(out io.Writer) *console.Console {
	var screen console.Screen
	out = raw(out)
	if f, is := out.(*os.File); is {
		screen = console.Detect(f, os.Getenv)
	}
	return console.New(out, screen, time.Now)
}

// render computes the verdicts of what journals hold, writes all reports into the folder, prints
// the summary, and returns the exit code. When the reports cannot be written the
// summary is printed all the same.
func render(to *folder, held *verdict.Runs, all suite, known knownDeviations, profile catalogue.Profile, screen *console.Console) (int, error) {
	model := verdict.Build(all.catalogue, all.index, held, known.file, time.Now())
	report := to.Path(reports.HTML)
	err := to.publish(model)
	if err != nil {
		report = ""
	}
	return screen.Finish(model, profile, report), err
}

// readJournal reads the journal in dir.
func readJournal(dir string) (*verdict.Runs, error) {
	f, err := safefile.Open(filepath.Join(dir, eventsFile))
	if err != nil {
		return nil, usage("read the journal of a run: %w: name the --out folder of a run", err)
	}
	defer f.Close()
	held, err := collate(f)
	if errors.Is(err, journal.ErrSchema) {
		return nil, usage("%s: %w", dir, err)
	}
	return held, err
}

func collate(from io.Reader) (*verdict.Runs, error) {
	in := journal.NewReader(from)
	held := verdict.Collate(in.Events())
	return held, in.Err()
}
