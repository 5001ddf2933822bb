package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/role"
)

func TestTheHelpOfRoleNamesWhatCasesPlay(t *testing.T) {
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	played := all.played()
	cmd := &cobra.Command{}
	new(selection).flags(cmd)
	last := len(played) - 1
	want := "role under test: " + role.Join(played[:last], ", ") + " or " + string(played[last]) + " ("
	if help := cmd.Flag("role").Usage; !strings.HasPrefix(help, want) {
		t.Errorf("help is %q, want it to begin with %q", help, want)
	}
}
