package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/scenarios"
)

// suite is the data that every command reads: requirements and cases.
type suite struct {
	catalogue *catalogue.Catalogue
	index     []plan.Case
}

func loadSuite() (suite, error) {
	c, err := catalogue.Read(scenarios.Catalogue())
	if err != nil {
		return suite{}, fmt.Errorf("read the embedded catalogue: %w", err)
	}
	index, err := plan.ReadIndex(scenarios.Index())
	if err != nil {
		return suite{}, err
	}
	return suite{c, index}, nil
}

// played lists the roles that cases play.
func (s suite) played() []role.Role {
	return slices.DeleteFunc(role.All(), func(r role.Role) bool {
		return !slices.ContainsFunc(s.index, func(c plan.Case) bool { return c.Role == r })
	})
}

// selection holds the flags that choose cases.
type selection struct {
	roles   []string
	profile string
	filter  string
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&s.roles, "role", nil, "role under test: runner, supervisor or worker (repeat, or separate by commas; default all)")
	cmd.Flags().StringVar(&s.profile, "profile", "all", "upstream, hardened, or all")
	cmd.Flags().StringVar(&s.filter, "filter", "", "comma list of prefixes or globs of case or requirement ids; ! excludes")
	completeBy(cmd, "role", completeRole)
	complete(cmd, "profile", append(texts(catalogue.Profiles()), "all"))
}

// shard is the flag that takes one part of what is selected.
type shard struct{ plan.Shard }

func (s *shard) Type() string { return "i/n" }

func (s *shard) Set(text string) (err error) {
	s.Shard, err = plan.ParseShard(text)
	return err
}

func texts[T ~string](values []T) []string {
	var list []string
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

// complete offers fixed words to shell completion.
func complete(cmd *cobra.Command, flag string, values []string) {
	completeBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completePath offers fixed words beside the files of the shell's own completion.
func completePath(cmd *cobra.Command, flag string, values []string) {
	completeBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveDefault))
}

func completeBy(cmd *cobra.Command, flag string, offer cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, offer); err != nil {
		panic(err) // only when the flag does not exist
	}
}

// completeRole offers the roles that cases play.
func completeRole(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := loadSuite()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return texts(all.played()), cobra.ShellCompDirectiveNoFileComp
}

// part says whether a flag chooses some of the cases.
func (s selection) part() bool {
	return s.filter != "" || len(s.roles) > 0 || s.profile != "all"
}

// chosen is the profile to be judged; verdict.Any for all.
func (s selection) chosen() (catalogue.Profile, error) {
	if s.profile == "all" {
		return verdict.Any, nil
	}
	if p := catalogue.Profile(s.profile); slices.Contains(catalogue.Profiles(), p) {
		return p, nil
	}
	return "", usage("--profile %s: use upstream, hardened or all", s.profile)
}

// chosenRoles checks the roles; offered, if any, are those that the implementation plays.
func (s selection) chosenRoles(offered []role.Role, name string) ([]role.Role, error) {
	var roles []role.Role
	for _, word := range s.roles {
		r := role.Role(strings.TrimSpace(word))
		if !r.Known() {
			return nil, usage("--role %s: use %s", word, role.Join(role.All(), ", "))
		}
		if len(offered) > 0 && !slices.Contains(offered, r) {
			return nil, usage("--role %s: %s plays %s only: see roles in its manifest", r, name, role.Join(offered, ", "))
		}
		if !slices.Contains(roles, r) {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		return offered, nil
	}
	return roles, nil
}

// cases returns what the flags select of the index.
func (s selection) cases(all suite, roles []role.Role) ([]plan.Case, error) {
	filter, err := plan.ParseFilter(s.filter)
	if err != nil {
		return nil, err
	}
	profile, err := s.chosen()
	if err != nil {
		return nil, err
	}
	chosen := plan.Selection{Filter: filter, Roles: roles}
	for _, r := range all.catalogue.All() {
		chosen.Requirements = append(chosen.Requirements, r.ID)
	}
	if profile != verdict.Any {
		chosen.Profile = func(id string) bool {
			r, known := all.catalogue.Get(id)
			return known && r.Profile == profile
		}
	}
	return chosen.Select(all.index)
}
