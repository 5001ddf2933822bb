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

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// Index writes the case index as JSON, sorted by id. The folder holds the catalogue
// of requirements. Faults in scenarios are errors, all of them at once.
func Index(to io.Writer, folder fs.FS) error {
	requirements, err := catalogue.Read(folder)
	if err != nil {
		return err
	}
	cases, err := index(stage.Specs(), func(id string) error {
		_, err := requirements.Find(id)
		return err
	})
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

// index returns the cases of all scenarios, sorted by id. known says whether the
// catalogue has a requirement.
func index(specs []stage.Spec, known func(id string) error) ([]plan.Case, error) {
	var faults []error
	cases := []plan.Case{}
	where := map[string]string{}
	for _, spec := range specs {
		for _, fault := range check(spec, known) {
			faults = append(faults, fmt.Errorf("%s: scenario %q: %w", spec.Where, spec.Slug, fault))
		}
		for _, c := range spec.Cases() {
			if other, doubled := where[c.ID]; doubled {
				faults = append(faults, fmt.Errorf("%s: case %s is registered at %s already", spec.Where, c.ID, other))
			}
			where[c.ID] = spec.Where
			cases = append(cases, c)
		}
	}
	slices.SortFunc(cases, func(a, b plan.Case) int { return cmp.Compare(a.ID, b.ID) })
	return cases, errors.Join(faults...)
}

// check names what is wrong with one scenario.
func check(spec stage.Spec, known func(id string) error) []error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!slugPattern.MatchString(spec.Slug), "the slug is not lower case words joined by '-'")
	fault(spec.Says == "", "it does not say what it is about")
	fault(len(spec.Verifies) == 0, "it verifies no requirement")
	fault(len(spec.Roles) == 0, "it has no role")
	fault(spec.Run == nil, "it has nothing to run")
	fault(spec.Budget < 0, "its budget is below 0")
	for i, r := range spec.Roles {
		fault(!r.Known(), "unknown role %q", r)
		fault(slices.Contains(spec.Roles[:i], r), "role %s stands there twice", r)
	}
	for i, id := range spec.Verifies {
		if err := known(id); err != nil {
			faults = append(faults, err)
		}
		fault(slices.Contains(spec.Verifies[:i], id), "requirement %s stands there twice", id)
	}
	return faults
}
