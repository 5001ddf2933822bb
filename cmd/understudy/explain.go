package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/nearest"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a requirement or a case",
		Long: `Prints of a requirement what must hold and why, its level and profile, the
evidence, and the cases that verify it; of a case what it does and what it
verifies. Either way: how to run it.`,
		Example: `  understudy explain IMP-003
  understudy explain IMP-003/runner/own-user-without-sudo`,
		Args: arguments(1, 1, "the id of a requirement or case"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			all, err := loadSuite()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return all.ids(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := loadSuite()
			if err != nil {
				return err
			}
			return all.explain(cmd.OutOrStdout(), args[0])
		},
	}
}

func (s suite) ids() []string {
	var ids []string
	for _, r := range s.catalogue.All() {
		ids = append(ids, r.ID)
	}
	for _, c := range s.index {
		ids = append(ids, c.ID)
	}
	return ids
}

func (s suite) explain(out io.Writer, id string) error {
	for _, r := range s.catalogue.All() {
		if strings.EqualFold(r.ID, id) {
			s.explainRequirement(out, r)
			return nil
		}
	}
	for _, c := range s.index {
		if strings.EqualFold(c.ID, id) {
			s.explainCase(out, c)
			return nil
		}
	}
	if near := nearest.Words(id, s.ids()); len(near) > 0 {
		return usage("no requirement and no case is %q: did you mean %s?", id, strings.Join(near, " or "))
	}
	return usage("no requirement and no case is %q: \"understudy list\" and \"understudy list --requirements\" show all", id)
}

func (s suite) explainRequirement(out io.Writer, r *catalogue.Requirement) {
	fmt.Fprintf(out, "%s  %s, %s, seen in role %s\n\n", r.ID, r.Level, r.Profile, role.Join(r.Roles, ", "))
	paragraph(out, "", r.Sentence)
	paragraph(out, "Why", r.Why)
	for _, e := range r.Evidence {
		paragraph(out, "Evidence", strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Ref, e.URL)))
	}
	paragraph(out, "Airflow", r.Airflow.String())
	paragraph(out, "Untestable", r.Untestable)
	paragraph(out, "Notes", r.Notes)
	cases := verifying(r.ID, s.index)
	if len(r.Clauses) > 1 {
		for _, c := range r.Clauses {
			text := c.ID + ": " + c.Says
			if len(checking(c.ID, cases)) == 0 {
				text += " (no case checks it)"
			}
			paragraph(out, "Clause", text)
		}
	}
	for _, c := range cases {
		paragraph(out, "Case", c.ID+": "+c.Says)
	}
	if len(cases) == 0 {
		paragraph(out, "Case", "none verifies it")
		return
	}
	paragraph(out, "Run", "understudy run --filter "+r.ID)
}

func (s suite) explainCase(out io.Writer, c plan.Case) {
	fmt.Fprintf(out, "%s  role %s, area %s, at most %s\n\n", c.ID, c.Role, c.Area, time.Duration(c.BudgetMS)*time.Millisecond)
	paragraph(out, "", c.Says)
	for _, id := range c.Clauses() {
		text := id
		if r, clause, known := s.catalogue.Clause(id); known {
			text = fmt.Sprintf("%s (%s, %s): %s", id, r.Level, r.Profile, clause.Says)
		}
		paragraph(out, "Verifies", text)
	}
	paragraph(out, "Needs", strings.Join(c.Needs, ", "))
	paragraph(out, "Airflow", c.Airflow.String())
	paragraph(out, "Run", "understudy run --filter "+c.ID)
}

// paragraph prints wrapped text with a title in the margin; nothing for an empty text.
// It breaks at blanks only, so that addresses and options can be copied.
func paragraph(out io.Writer, title, text string) {
	const margin, width = 12, 88
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && ansi.StringWidth(line+" "+word) > width-margin {
			fmt.Fprintf(out, "%-*s%s\n", margin, title, line)
			title, line = "", ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	fmt.Fprintf(out, "%-*s%s\n", margin, title, line)
}
