package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
)

func listCommand() *cobra.Command {
	var s selection
	var requirements bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List cases, or requirements",
		Long: `Lists the cases that "run" would play with the same --role, --profile and
--filter; with --requirements the requirements, with the number of cases that
verify each, and of its clauses that they check.`,
		Example: `  understudy list --filter IMP --role worker
  understudy list --requirements --profile hardened`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := loadSuite()
			if err != nil {
				return err
			}
			roles, err := s.chosenRoles(nil, "")
			if err != nil {
				return err
			}
			if requirements {
				return s.listRequirements(cmd.OutOrStdout(), all, roles)
			}
			cases, err := s.cases(all, roles)
			if err != nil {
				return err
			}
			return listCases(cmd.OutOrStdout(), cases)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&requirements, "requirements", false, "list requirements in place of cases")
	return cmd
}

func listCases(out io.Writer, cases []plan.Case) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range cases {
		fmt.Fprintf(table, "%s\t%s\n", c.ID, c.Says)
	}
	return table.Flush()
}

// listRequirements applies the same flags to requirements: the filter to their ids, the roles to where they can be seen.
func (s selection) listRequirements(out io.Writer, all suite, roles []role.Role) error {
	filter, err := plan.ParseFilter(s.filter)
	if err != nil {
		return err
	}
	profile, err := s.chosen()
	if err != nil {
		return err
	}
	var rows []plan.Case
	for _, r := range all.catalogue.All() {
		rows = append(rows, plan.Case{ID: r.ID})
	}
	selected, err := plan.Selection{Filter: filter}.Select(rows)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	shown := 0
	for _, row := range selected {
		r, _ := all.catalogue.Get(row.ID)
		if profile != verdict.Any && r.Profile != profile || !seenIn(r, roles) {
			continue
		}
		shown++
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Level, r.Profile, coverage(r, all.index), r.Sentence)
	}
	if shown == 0 {
		return fmt.Errorf("%w: no requirement is left of filter, role and profile together: widen one of them", plan.ErrSelection)
	}
	return table.Flush()
}

func seenIn(r *catalogue.Requirement, roles []role.Role) bool {
	return len(roles) == 0 || slices.ContainsFunc(roles, func(in role.Role) bool { return slices.Contains(r.Roles, in) })
}

// coverage says how many cases verify the requirement.
func coverage(r *catalogue.Requirement, index []plan.Case) string {
	cases := verifying(r.ID, index)
	if len(cases) == 0 && r.Untestable != "" {
		return "untestable"
	}
	text := human.Count(len(cases), "case")
	if len(r.Clauses) > 1 {
		tested := slices.DeleteFunc(slices.Clone(r.Clauses), func(c catalogue.Clause) bool { return len(checking(c.ID, cases)) == 0 })
		text += fmt.Sprintf(", %d of %d clauses", len(tested), len(r.Clauses))
	}
	return text
}

// checking leaves those cases that check the clause.
func checking(clause string, cases []plan.Case) []plan.Case {
	return slices.DeleteFunc(slices.Clone(cases), func(c plan.Case) bool { return !slices.Contains(c.Clauses(), clause) })
}

func verifying(id string, index []plan.Case) []plan.Case {
	return slices.DeleteFunc(slices.Clone(index), func(c plan.Case) bool { return !slices.Contains(c.Verifies, id) })
}
