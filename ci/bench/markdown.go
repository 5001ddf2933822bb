package main

import (
	"fmt"
	"io"
	"strings"
)

// writeMarkdown renders results for people. Where a goal is missed it says where
// the time goes.
func writeMarkdown(w io.Writer, r Results) error {
	var text strings.Builder
	m := r.Machine
	fmt.Fprintf(&text, "# Benchmarks\n\n")
	fmt.Fprintf(&text, "Written by `go run ./ci/bench`; README.md beside this file says what each line measures.\n\n")
	fmt.Fprintf(&text, "Begun %s on %d cores (%s), %s, Linux %s, %s, %s, load before %.2f, %s.\n\n",
		r.Begun.Format("2006-01-02 15:04 UTC"), m.Cores, m.Processor, m.Memory, m.Kernel, m.Sudo, m.Go, m.LoadBefore, m.Scheduling)
	fmt.Fprintf(&text, "| line | goal | median | quartiles | min to max | pairs | measured | floor | |\n")
	fmt.Fprintf(&text, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, l := range r.Lines {
		subject, floor := "", ""
		if l.Times != nil {
			subject, floor = figure(l.Times.Subject.Median)+" ms", figure(l.Times.Floor.Median)+" ms"
		}
		fmt.Fprintf(&text, "| %s | %s %s | **%s** | %s to %s | %s to %s | %d | %s | %s | %s |\n",
			l.Name, l.Goal, l.Unit, figure(l.Value.Median), figure(l.Value.Q1), figure(l.Value.Q3), figure(l.Value.Min), figure(l.Value.Max),
			l.Pairs, subject, floor, verdict(l))
	}
	for _, l := range r.Lines {
		fmt.Fprintf(&text, "\n## %s: %s\n\n%s.", l.Name, verdict(l), l.Subject)
		if l.Floor != "" {
			fmt.Fprintf(&text, " Compared with: %s.", l.Floor)
		}
		fmt.Fprintln(&text)
		for _, f := range l.Facts {
			fmt.Fprintf(&text, "\n* %s: %s", f.Name, f.Text)
		}
		if len(l.Facts) > 0 {
			fmt.Fprintln(&text)
		}
		table(&text, "where the time goes", l.Phases)
		table(&text, "programs by themselves, from start to end", l.Parts)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

func table(text *strings.Builder, title string, phases []Phase) {
	if len(phases) == 0 {
		return
	}
	fmt.Fprintf(text, "\n| %s | median ms | quartiles | max |\n| --- | --- | --- | --- |\n", title)
	for _, p := range phases {
		fmt.Fprintf(text, "| %s | %s | %s to %s | %s |\n", p.Name, figure(p.Time.Median), figure(p.Time.Q1), figure(p.Time.Q3), figure(p.Time.Max))
	}
}

func verdict(l Line) string {
	if l.Met {
		return "met"
	}
	return "**missed**"
}

// figure shows three digits that count.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
