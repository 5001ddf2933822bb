package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check MANIFEST",
		Short: "Check a manifest without starting anything",
		Long: `Reads an implementation.yaml and its list of known deviations as "run" would,
prints what it understood, and reports every mistake with line and remedy.
Exit code 2 when the manifest cannot be used, 1 when a known deviation is in
force no longer, as a run would end.`,
		Example: `  understudy check my/implementation.yaml
  understudy check images/airflow`,
		Args: arguments(1, 1, "the path of an implementation.yaml or its folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cached, err := cacheFolder(progressOn(cmd))
			if err != nil {
				return err
			}
			defer cached.Close()
			m, err := loadImplementation(cmd.Context(), args[0], cached)
			if err != nil {
				return err
			}
			known, err := readKnown("", m)
			if err != nil {
				return err
			}
			all, err := loadSuite()
			if err != nil {
				return err
			}
			if err := covering(known, all.index); err != nil {
				return err
			}
			describe(cmd.OutOrStdout(), m, known, all)
			return inForce(known, time.Now())
		},
	}
}

// covering refuses known deviations that cover no case: every run would call them stale.
func covering(known knownDeviations, index []plan.Case) error {
	if known.file == nil {
		return nil
	}
	var wrong []error
	for _, e := range known.file.Entries {
		if !slices.ContainsFunc(index, e.Covers) {
			wrong = append(wrong, usage("%s:%d: %s covers no case of this suite: \"understudy list\" shows all cases", known.file.Path, e.Line, cmp.Or(e.Case, e.Requirement)))
		}
	}
	return errors.Join(wrong...)
}

// inForce reports known deviations that hold no longer: every run would call them stale, and
// end with that code at least.
func inForce(known knownDeviations, now time.Time) error {
	if known.file == nil {
		return nil
	}
	var past []error
	for _, e := range known.file.Entries {
		if e.Expired(now) {
			past = append(past, fmt.Errorf("%s:%d: %s held until %s and is in force no longer: remove it, or give it a later day", known.file.Path, e.Line, e.Target(), e.Until))
		}
	}
	if len(past) == 0 {
		return nil
	}
	return &exitError{code: verdict.ExitViolated, err: errors.Join(past...)}
}

// describe prints what a run would make of the manifest.
func describe(out io.Writer, m implementation.Manifest, known knownDeviations, all suite) {
	paragraph(out, m.Slug, m.Name)
	paragraph(out, "version", strings.Join(m.Version, " "))
	as := m.Airflow.Version()
	switch {
	case len(m.Airflow.Command) > 0:
		paragraph(out, "judged as", "what this prints: "+strings.Join(m.Airflow.Command, " "))
	case as.IsZero():
		as = shape.Default()
		paragraph(out, "judged as", shape.Of(as).String()+", since the manifest names no release")
	default:
		paragraph(out, "judged as", shape.Of(as).String())
	}
	where := "namespace (root: " + m.Sandbox.Root + ")"
	if m.Sandbox.Dockerfile != "" {
		where += ", docker (" + m.Sandbox.Dockerfile + ")"
	}
	paragraph(out, "sandboxes", where)
	for _, r := range m.Plays() {
		how := m.Roles[r]
		cases := slices.DeleteFunc(slices.Clone(all.index), func(c plan.Case) bool { return c.Role != r })
		applicable := slices.DeleteFunc(slices.Clone(cases), func(c plan.Case) bool {
			return slices.ContainsFunc(c.Needs, func(need string) bool { return !m.Has(need) }) || !as.IsZero() && !c.Airflow.Holds(as)
		})
		started := strings.Join(how.Argv, " ")
		if len(how.Serve) > 0 {
			started += "; to the server " + strings.Join(how.Serve, " ")
		}
		paragraph(out, string(r), fmt.Sprintf("%s; channel %s, switch by %s; %d of %d cases apply",
			started, how.Channel, how.Switch, len(applicable), len(cases)))
	}
	paragraph(out, "can", strings.Join(m.Capabilities, ", "))
	for _, capability := range slices.Sorted(maps.Keys(m.Lacks)) {
		paragraph(out, "lacks", capability+": "+m.Lacks[capability])
	}
	if known.file != nil {
		paragraph(out, "known", fmt.Sprintf("%s: %d listed", m.Expectations, len(known.file.Entries)))
	}
	paragraph(out, "", "the manifest can be used")
}
