package role_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/role"
)

func TestTheListIsTheCallersOwn(t *testing.T) {
	all := role.All()
	all[0] = "changed"
	if want := []role.Role{role.Runner, role.Supervisor, role.Worker}; !slices.Equal(role.All(), want) {
		t.Errorf("all roles are %v, want %v", role.All(), want)
	}
}

func TestOtherTextIsNoRole(t *testing.T) {
	for _, r := range role.All() {
		if !r.Known() {
			t.Errorf("%s is not known", r)
		}
	}
	for _, r := range []role.Role{"", "Runner", "runner ", "executor"} {
		if r.Known() || r.UnderTest() != "" {
			t.Errorf("%q is known, and means %q", r, r.UnderTest())
		}
	}
}

func TestTheDocumentsSayTheSame(t *testing.T) {
	text, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "| role | under test | played by the stage | channel |\n| --- | --- | --- | --- |\n")
	table, _, ended := strings.Cut(after, "\n\n")
	if !found || !ended {
		t.Fatal("docs/design.md has no table of the roles")
	}
	rows := strings.Split(table, "\n")
	if len(rows) != len(role.All()) {
		t.Fatalf("docs/design.md lists %d roles, want %d", len(rows), len(role.All()))
	}
	for i, r := range role.All() {
		if want := "| " + string(r) + " | " + r.UnderTest() + " | "; !strings.HasPrefix(rows[i], want) {
			t.Errorf("row %d of the roles in docs/design.md is %q, want it to begin with %q", i+1, rows[i], want)
		}
	}
}

func TestNamesAreJoined(t *testing.T) {
	for want, list := range map[string][]role.Role{"": nil, "worker": {role.Worker}, "worker or runner": {role.Worker, role.Runner}} {
		if got := role.Join(list, " or "); got != want {
			t.Errorf("joined %v to %q, want %q", list, got, want)
		}
	}
}
