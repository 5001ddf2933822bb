package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// bench is the half that runs inside a sandbox.
type bench struct {
	site    *site
	pairs   int
	python  string // with Airflow
	profile bool
}

// place is a sandbox in which lines are measured.
type place struct {
	implementation string // folder below images/
	lines          []string
}

// places lists all lines, by sandbox, in the order of the report.
var places = []place{
	{"reference", []string{nameRun, nameServe, nameCrowd, nameMemory, nameRoundTrip, nameLarge}},
	{"airflow", []string{nameAirflow}},
}

// measures maps the lines to what measures them.
var measures = map[string]func(*bench, context.Context) (Line, error){
	nameRun:       (*bench).measureRun,
	nameServe:     (*bench).measureServe,
	nameCrowd:     (*bench).measureCrowd,
	nameMemory:    (*bench).measureMemory,
	nameRoundTrip: (*bench).measureRoundTrip,
	nameLarge:     (*bench).measureLarge,
	nameAirflow:   (*bench).measureAirflow,
}

func allLines() []string {
	var names []string
	for _, p := range places {
		names = append(names, p.lines...)
	}
	return names
}

// inside measures lines and writes them to stdout as Results.
func inside(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("inside", flag.ContinueOnError)
	flags.SetOutput(stderr)
	lines := flags.String("lines", "", "names of lines, by commas")
	pairs := flags.Int("pairs", 30, "measurements of each line")
	bin := flags.String("bin", "/understudy/bin", "folder of the reference commands")
	dag := flags.String("dag", "", "Airflow's Dag file")
	python := flags.String("python", "/opt/airflow/bin/python", "interpreter with Airflow")
	profile := flags.Bool("profile", false, "take CPU profiles of lines without processes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.Setenv("PATH", searchPath); err != nil {
		return fmt.Errorf("set PATH: %w", err)
	}
	r := Results{Schema: 1, Begun: time.Now().UTC().Truncate(time.Second)}
	var err error
	if r.Machine, err = machineFacts(ctx); err != nil {
		return err
	}
	s, err := newSite(*bin)
	if err != nil {
		return err
	}
	defer s.close()
	if *dag != "" {
		text, err := os.ReadFile(*dag)
		if err != nil {
			return fmt.Errorf("read Dag file: %w", err)
		}
		if err := s.write(filepath.Join("dags", "probe.py"), string(text), 0o644); err != nil {
			return err
		}
	}
	b := &bench{site: s, pairs: *pairs, python: *python, profile: *profile}
	for name := range strings.SplitSeq(*lines, ",") {
		if !slices.Contains(allLines(), name) {
			return fmt.Errorf("no line %q", name)
		}
		begin := time.Now()
		line, err := measures[name](b, ctx)
		if err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		r.Lines = append(r.Lines, line)
		fmt.Fprintf(stderr, "%-12s %8.3f %s (goal %s), %.0f s\n", name, line.Value.Median, line.Unit, line.Goal, time.Since(begin).Seconds())
	}
	return writeJSON(stdout, r)
}

// profiled measures, with a CPU profile of this process where one is wanted.
func (b *bench) profiled(name string, measure func() ([]pair, error)) ([]pair, map[string][]byte, error) {
	if !b.profile {
		pairs, err := measure()
		return pairs, nil, err
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return nil, nil, fmt.Errorf("start CPU profile: %w", err)
	}
	pairs, err := measure()
	pprof.StopCPUProfile()
	return pairs, map[string][]byte{name + ".pprof": profile.Bytes()}, err
}
