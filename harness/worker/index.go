package worker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Index writes the case index as JSON, sorted by id. The folder holds the catalogue
// of requirements. Faults in areas and scenarios are errors, all of them at once.
func Index(to io.Writer, folder fs.FS, areas []stage.Area) error {
	requirements, err := catalogue.Read(folder)
	if err != nil {
		return err
	}
	cases, err := index(areas, requirements)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(cases); err != nil {
		return fmt.Errorf("encode case index: %w", err)
	}
	_, err = to.Write(out.Bytes())
	return err
}

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// index returns the cases of all scenarios, sorted by id.
func index(areas []stage.Area, requirements *catalogue.Catalogue) ([]plan.Case, error) {
	var faults []error
	cases := []plan.Case{}
	taken := map[string]string{} // area of each case
	for _, area := range areas {
		if _, known := requirements.Area(area.Name); !known {
			faults = append(faults, fmt.Errorf("area %q is not in the catalogue: correct the name in the package's Area, or add it to areas in harness/catalogue/catalogue.go", area.Name))
		}
		for _, spec := range area.Scenarios {
			for _, fault := range check(spec, requirements) {
				faults = append(faults, fmt.Errorf("area %s: scenario %q: %w", area.Name, spec.Slug, fault))
			}
			span, some := releases(spec, requirements)
			if !some {
				faults = append(faults, fmt.Errorf("area %s: scenario %q: there is no release of Airflow for which all of %s hold", area.Name, spec.Slug, strings.Join(spec.Verifies, ", ")))
			}
			for _, c := range spec.Cases(area.Name) {
				c.Airflow = span
				if other, doubled := taken[c.ID]; doubled {
					faults = append(faults, fmt.Errorf("area %s: area %s has a case %s already", area.Name, other, c.ID))
				}
				taken[c.ID] = area.Name
				cases = append(cases, c)
			}
		}
	}
	slices.SortFunc(cases, func(a, b plan.Case) int { return cmp.Compare(a.ID, b.ID) })
	return cases, errors.Join(faults...)
}

// releases are those for which all requirements of a scenario hold, and whether there are any.
func releases(spec stage.Spec, requirements *catalogue.Catalogue) (span release.Range, some bool) {
	some = true
	for _, clause := range spec.Verifies {
		if r, known := requirements.Get(catalogue.Of(clause)); known && some {
			span, some = span.And(r.Airflow)
		}
	}
	return span, some
}

// check names what is wrong with one scenario.
func check(spec stage.Spec, requirements *catalogue.Catalogue) []error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!slugPattern.MatchString(spec.Slug), "the slug is not lower case words joined by '-'")
	fault(spec.Says == "", "it does not say what it is about")
	fault(len(spec.Verifies) == 0, "it verifies no requirement")
	fault(len(spec.In()) == 0, "it has no role")
	fault(spec.Run == nil && spec.Alone == nil, "it has nothing to run")
	fault(spec.Alone != nil && (spec.Run != nil || spec.Roles != nil), "it has Alone, which says role and what to run, and Roles or Run as well")
	fault(spec.Budget < 0, "its budget is below 0")
	for i, r := range spec.In() {
		fault(!r.Known(), "unknown role %q", r)
		fault(slices.Contains(spec.In()[:i], r), "role %s stands there twice", r)
	}
	for i, id := range spec.Verifies {
		requirement, err := requirements.Find(catalogue.Of(id))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		_, clause, known := requirements.Clause(id)
		fault(!known, "no clause %q: %s", id, cut(requirement))
		for _, r := range spec.In() {
			fault(known && r.Known() && !slices.Contains(clause.Roles, r),
				"role %s, in which %s is not seen: remove the role here, or add it in scenarios/catalogue/%s.yaml", r, id, requirement.Area)
		}
		fault(slices.Contains(spec.Verifies[:i], id), "%s stands there twice", id)
	}
	return faults
}

// cut says of which clauses a requirement consists.
func cut(r *catalogue.Requirement) string {
	var ids []string
	for _, c := range r.Clauses {
		ids = append(ids, c.ID)
	}
	if len(ids) == 1 {
		return "the sentence of " + ids[0] + " is one clause, so write " + ids[0]
	}
	return r.ID + " is cut into " + strings.Join(ids, ", ")
}
