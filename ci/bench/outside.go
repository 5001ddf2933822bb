package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// brought is where a sandbox shows the folder given by --bring.
const brought = "/understudy/brought"

// outside makes the sandboxes and gathers what was measured in them.
func outside(ctx context.Context, o options, stdout, stderr io.Writer) error {
	work, err := os.MkdirTemp("", "understudy-bench")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(work)
	bring := filepath.Join(work, "bring")
	if err := os.Mkdir(bring, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if o.bin == "" {
		o.bin = filepath.Join(work, "bin") + "/"
		if err := build(ctx, stderr, o.bin, "./cmd/..."); err != nil {
			return err
		}
	}
	if err := build(ctx, stderr, filepath.Join(bring, "bench"), "./ci/bench"); err != nil {
		return err
	}
	dag, err := os.ReadFile("images/airflow/probe.py")
	if err != nil {
		return fmt.Errorf("read Airflow's Dag file: %w", err)
	}
	if err := os.WriteFile(filepath.Join(bring, "probe.py"), dag, 0o644); err != nil {
		return fmt.Errorf("bring Airflow's Dag file: %w", err)
	}
	var all Results
	for _, p := range places {
		p.lines = slices.DeleteFunc(slices.Clone(p.lines), func(name string) bool { return !slices.Contains(o.lines, name) })
		if len(p.lines) == 0 {
			continue
		}
		r, err := p.measure(ctx, o, bring, stderr)
		if err != nil {
			return err
		}
		if all.Schema == 0 {
			all = r
			continue
		}
		all.Lines = append(all.Lines, r.Lines...)
	}
	if err := saveProfiles(o.profile, &all); err != nil {
		return err
	}
	if err := save(o.out, all); err != nil {
		return err
	}
	missed := all.Missed()
	for _, l := range missed {
		fmt.Fprintf(stdout, "missed: %s is %s %s, goal %s\n", l.Name, figure(l.Value.Median), l.Unit, l.Goal)
	}
	fmt.Fprintf(stdout, "%d lines measured, %d goals missed: %s\n", len(all.Lines), len(missed), filepath.Join(o.out, "results.md"))
	if o.strict && len(missed) > 0 {
		return errors.New("a goal is missed")
	}
	return nil
}

func build(ctx context.Context, stderr io.Writer, into, packages string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", into, packages)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", packages, err)
	}
	return nil
}

// measure runs this program inside a sandbox of the place.
func (p place) measure(ctx context.Context, o options, bring string, stderr io.Writer) (Results, error) {
	fmt.Fprintf(stderr, "sandbox of %s: %s\n", p.implementation, strings.Join(p.lines, ", "))
	args := []string{
		"shell", "--implementation", filepath.Join("images", p.implementation, "implementation.yaml"), "--sandbox", "namespace", "--bring", bring, "--ptrace", "--",
		brought + "/bench", "inside", "--lines", strings.Join(p.lines, ","), "--pairs", strconv.Itoa(o.pairs),
		"--dag", brought + "/probe.py", "--profile=" + strconv.FormatBool(o.profile != ""),
	}
	var stdout bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(o.bin, "understudy"), args...)
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Run(); err != nil {
		return Results{}, fmt.Errorf("measure in a sandbox of %s: %w", p.implementation, err)
	}
	var r Results
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return Results{}, fmt.Errorf("read what was measured in a sandbox of %s: %w", p.implementation, err)
	}
	var got []string
	for _, l := range r.Lines {
		got = append(got, l.Name)
	}
	if !slices.Equal(got, p.lines) {
		return Results{}, fmt.Errorf("the sandbox of %s measured %v, expected %v", p.implementation, got, p.lines)
	}
	return r, nil
}

// saveProfiles moves the profiles out of the results into files.
func saveProfiles(dir string, r *Results) error {
	for i := range r.Lines {
		for name, data := range r.Lines[i].Profile {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("make folder of profiles: %w", err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				return fmt.Errorf("write profile: %w", err)
			}
		}
		r.Lines[i].Profile = nil
	}
	return nil
}

// save writes both forms of the results.
func save(dir string, r Results) error {
	var text, data bytes.Buffer
	if err := errors.Join(writeMarkdown(&text, r), writeJSON(&data, r)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder of results: %w", err)
	}
	for name, content := range map[string][]byte{"results.md": text.Bytes(), "results.json": data.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}
