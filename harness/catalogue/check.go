package catalogue

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

var clauseName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

var wellFormed = regexp.MustCompile(`^([A-Z]+)-(\d{3})$`)

// before is the last release that switches no user.
var before = release.MustParse("3.0.2")

// check holds the rules of one requirement.
func check(r *Requirement, prefix string) error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{r.ID}, args...)...))
	}
	if m := wellFormed.FindStringSubmatch(r.ID); m == nil {
		return fmt.Errorf("id %q is not like %s-001", r.ID, prefix)
	} else if m[1] != prefix {
		problem("an id of this area begins with %s-", prefix)
	}
	if !slices.Contains([]Level{Must, Should, May}, r.Level) {
		problem("level %q is not MUST, SHOULD or MAY", r.Level)
	}
	if !slices.Contains(Profiles(), r.Profile) {
		problem("profile %q is not upstream or hardened", r.Profile)
	}
	if len(r.Roles) == 0 {
		problem("roles are missing")
	}
	for i, in := range r.Roles {
		if !in.Known() {
			problem("role %q is none of %s", in, role.Join(role.All(), ", "))
		}
		if slices.Contains(r.Roles[:i], in) {
			problem("role %s stands there twice", in)
		}
	}
	for name, text := range map[string]string{"sentence": r.Sentence, "why": r.Why} {
		switch {
		case text == "":
			problem("%s is missing", name)
		case text != strings.TrimSpace(text) || strings.Contains(text, "\n"):
			problem("%s is not one line of text (use >-)", name)
		case !strings.HasSuffix(text, "."):
			problem("%s is not a sentence that ends with a full stop", name)
		}
	}
	if r.Airflow.IsZero() {
		problem("airflow is missing: write since when the requirement holds, such as >=3.0.3 or >=3.0.3,<3.4")
	} else if r.Airflow.Holds(before) {
		problem("airflow %q holds %s, which knows no run_as_user: write since when, such as >=3.0.3 or >=3.0.3,<3.4", r.Airflow, before)
	}
	if len(r.Evidence) == 0 {
		problem("evidence is missing")
	}
	for _, e := range r.Evidence {
		if err := e.check(); err != nil {
			problem("%v", err)
		}
	}
	if len(r.Clauses) == 1 {
		problem("one clause is no cut: leave clauses out, or name every part")
	}
	for i, c := range r.Clauses {
		if !clauseName.MatchString(c.Name) {
			problem("clause %q: a name is lower case words joined by '-'", c.Name)
		}
		if slices.ContainsFunc(r.Clauses[:i], func(other Clause) bool { return other.Name == c.Name }) {
			problem("clause %s stands there twice", c.Name)
		}
		if c.Says == "" || c.Says != strings.TrimSpace(c.Says) || strings.Contains(c.Says, "\n") {
			problem("clause %s: says is missing, or not one line of text", c.Name)
		}
		for _, in := range c.Roles {
			if !slices.Contains(r.Roles, in) {
				problem("clause %s: role %q is none of the requirement's", c.Name, in)
			}
		}
	}
	return errors.Join(problems...)
}

// cut gives the clauses their ids and roles, and a sentence that nothing cuts its one clause.
func (r *Requirement) cut() {
	if len(r.Clauses) == 0 {
		r.Clauses = []Clause{{ID: r.ID, Says: r.Sentence}}
	}
	for i := range r.Clauses {
		c := &r.Clauses[i]
		if c.Name != "" {
			c.ID = r.ID + "." + c.Name
		}
		if len(c.Roles) == 0 {
			c.Roles = r.Roles
		}
	}
}

func (e Evidence) check() error {
	switch e.Kind {
	case Issue, Pull:
		if e.URL == "" {
			return fmt.Errorf("evidence %s: an %s needs its url", e.Ref, e.Kind)
		}
	case Document, Finding, Experiment:
	default:
		return fmt.Errorf("evidence %s: unknown kind %q", e.Ref, e.Kind)
	}
	if e.Ref == "" {
		return errors.New("evidence without ref")
	}
	if e.URL != "" && !strings.HasPrefix(e.URL, "https://") {
		return fmt.Errorf("evidence %s: url %q is not https", e.Ref, e.URL)
	}
	return nil
}
