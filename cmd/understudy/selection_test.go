package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/role"
)

func TestTheHelpOfRoleNamesWhatCasesPlayAndWhatNot(t *testing.T) {
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	played := all.played()
	others := slices.DeleteFunc(role.All(), func(r role.Role) bool { return slices.Contains(played, r) })
	cmd := &cobra.Command{}
	new(selection).flags(cmd)
	want := "role under test: " + role.Join(played, " or ") + "; no case plays " + role.Join(others, " or ") + " yet ("
	if help := cmd.Flag("role").Usage; !strings.HasPrefix(help, want) {
		t.Errorf("help is %q, want it to begin with %q", help, want)
	}
}
