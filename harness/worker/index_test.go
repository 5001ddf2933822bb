package worker

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/protocol/release"
	suite "github.com/understudy-conformance/understudy/scenarios"
)

func good() stage.Spec {
	return stage.Spec{
		Slug: "a-slug", Says: "something holds", Verifies: []string{"IMP-004", "IMP-001"},
		Roles: []role.Role{role.Worker, role.Runner}, Needs: []string{"git-bundles"}, Budget: time.Minute, Run: func(*stage.Stage) {},
	}
}

// indexOf is the index of an area that has these scenarios.
func indexOf(t *testing.T, area string, scenarios ...stage.Spec) ([]plan.Case, error) {
	t.Helper()
	requirements, err := catalogue.Read(suite.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return index([]stage.Area{{Name: area, Scenarios: scenarios}}, uncut(requirements))
}

// uncut leaves every sentence whole but one: how they are cut is for one test only.
func uncut(requirements *catalogue.Catalogue) *catalogue.Catalogue {
	for _, r := range requirements.All() {
		if r.ID != "IMP-011" {
			r.Clauses = []catalogue.Clause{{ID: r.ID, Says: r.Sentence, Roles: r.Roles}}
		}
	}
	return requirements
}

func TestTheIndexHasOneCaseARoleSortedByID(t *testing.T) {
	other := good()
	other.Verifies = []string{"IMP-002"}
	got, err := indexOf(t, "impersonation", good(), other)
	if err != nil {
		t.Fatal(err)
	}
	since, err := release.ParseRange(">=3.0.3")
	if err != nil {
		t.Fatal(err)
	}
	kase := func(id string, as role.Role, verifies ...string) plan.Case {
		return plan.Case{
			ID: id, Role: as, Area: "impersonation", Says: "something holds", Verifies: verifies,
			Needs: []string{"git-bundles"}, BudgetMS: 60_000, Airflow: since,
		}
	}
	want := []plan.Case{
		kase("IMP-002/runner/a-slug", role.Runner, "IMP-002"),
		kase("IMP-002/worker/a-slug", role.Worker, "IMP-002"),
		kase("IMP-004/runner/a-slug", role.Runner, "IMP-004", "IMP-001"),
		kase("IMP-004/worker/a-slug", role.Worker, "IMP-004", "IMP-001"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheIndexRefusesFaultyScenarios(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*stage.Spec)
		fault  string
	}{
		"slug":                  {func(s *stage.Spec) { s.Slug = "A Slug" }, "lower case words"},
		"sentence":              {func(s *stage.Spec) { s.Says = "" }, "does not say"},
		"no requirement":        {func(s *stage.Spec) { s.Verifies = nil }, "verifies no requirement"},
		"unknown requirement":   {func(s *stage.Spec) { s.Verifies = []string{"XXX-001"} }, `no requirement "XXX-001"`},
		"role of a requirement": {func(s *stage.Spec) { s.Verifies = []string{"IMP-001", "LOG-011"} }, "role runner, in which LOG-011 is not seen"},
		"doubled requirement":   {func(s *stage.Spec) { s.Verifies = []string{"IMP-001", "IMP-001"} }, "IMP-001 stands there twice"},
		"cut requirement":       {func(s *stage.Spec) { s.Verifies = []string{"IMP-011"} }, `no clause "IMP-011": IMP-011 is cut into IMP-011.home, `},
		"unknown clause":        {func(s *stage.Spec) { s.Verifies = []string{"IMP-011.hoem"} }, `no clause "IMP-011.hoem"`},
		"clause of a whole":     {func(s *stage.Spec) { s.Verifies = []string{"IMP-001.x"} }, "the sentence of IMP-001 is one clause, so write IMP-001"},
		"no role":               {func(s *stage.Spec) { s.Roles = nil }, "no role"},
		"unknown role":          {func(s *stage.Spec) { s.Roles = []role.Role{"wroker"} }, `unknown role "wroker"`},
		"doubled role":          {func(s *stage.Spec) { s.Roles = []role.Role{role.Runner, role.Runner} }, "role runner stands there twice"},
		"nothing to run":        {func(s *stage.Spec) { s.Run = nil }, "nothing to run"},
		"roles twice":           {func(s *stage.Spec) { s.Alone = runner.Script(func(*runner.Stage) {}) }, "Roles or Run as well"},
		"budget":                {func(s *stage.Spec) { s.Budget = -1 }, "below 0"},
	} {
		spec := good()
		test.change(&spec)
		_, err := indexOf(t, "impersonation", spec)
		if err == nil || !strings.Contains(err.Error(), test.fault) || !strings.Contains(err.Error(), fmt.Sprintf("area impersonation: scenario %q: ", spec.Slug)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := indexOf(t, "impersonation", good(), good()); err == nil || !strings.Contains(err.Error(), "area impersonation has a case IMP-004/runner/a-slug already") {
		t.Errorf("doubled case: %v", err)
	}
}

func TestACaseHoldsForTheReleasesOfAllItsRequirements(t *testing.T) {
	edited := func(more string) fs.FS {
		folder := fstest.MapFS{}
		entries, err := fs.ReadDir(suite.Catalogue(), ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := fs.ReadFile(suite.Catalogue(), e.Name())
			if err != nil {
				t.Fatal(err)
			}
			if e.Name() == "impersonation.yaml" { // its first two requirements
				text = bytes.Replace(text, []byte(`airflow: ">=3.0.3"`), []byte(`airflow: ">=3.2"`), 1)
				text = bytes.Replace(text, []byte(`airflow: ">=3.0.3"`), []byte(`airflow: "`+more+`"`), 1)
			}
			folder[e.Name()] = &fstest.MapFile{Data: text}
		}
		return folder
	}
	spec := good()
	spec.Verifies = []string{"IMP-001", "IMP-002"}
	for more, want := range map[string]string{
		">=3.0.3,<3.4": ">=3.2,<3.4",
		">=3.3":        ">=3.3",
		">=3.0.3,<3.2": `scenario "a-slug": there is no release of Airflow for which all of IMP-001, IMP-002 hold`,
	} {
		requirements, err := catalogue.Read(edited(more))
		if err != nil {
			t.Fatal(err)
		}
		cases, err := index([]stage.Area{{Name: "impersonation", Scenarios: []stage.Spec{spec}}}, uncut(requirements))
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v", more, err)
		case err == nil && cases[0].Airflow.String() != want:
			t.Errorf("with %s the case holds for %s, want %s", more, cases[0].Airflow, want)
		}
	}
}

func TestAScenarioOfOneRoleHasOneCase(t *testing.T) {
	alone := good()
	alone.Roles, alone.Run, alone.Alone = nil, nil, runner.Script(func(*runner.Stage) {})
	cases, err := indexOf(t, "impersonation", alone)
	if err != nil || len(cases) != 1 || cases[0].ID != "IMP-004/runner/a-slug" {
		t.Errorf("%v, %v", cases, err)
	}
}

func TestTheIndexRefusesAnAreaThatTheCatalogueDoesNotKnow(t *testing.T) {
	if _, err := indexOf(t, "strange", good()); err == nil || !strings.Contains(err.Error(), `area "strange" is not in the catalogue`) {
		t.Error(err)
	}
}

func TestAScenarioWithoutABudgetHasTheDefault(t *testing.T) {
	spec := good()
	spec.Budget = 0
	cases, err := indexOf(t, "impersonation", spec)
	if err != nil || cases[0].Budget() != stage.DefaultBudget {
		t.Errorf("%v, %v", cases, err)
	}
}
