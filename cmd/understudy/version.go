package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/reference"
)

// release is the version of the suite.
const release = reference.Version

// suiteVersion returns the version and the commit, "" when unknown: what the
// toolchain stamped, else what git says of the checkout.
func suiteVersion() (version, commit string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return release, s.Value
			}
		}
	}
	checkout, err := commands.Checkout()
	if err != nil {
		return release, ""
	}
	out, err := exec.Command("git", "-C", checkout, "rev-parse", "HEAD").Output()
	if err != nil {
		return release, ""
	}
	return release, strings.TrimSpace(string(out))
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of suite and catalogue",
		Example: "  understudy version",
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := loadSuite()
			if err != nil {
				return err
			}
			version, commit := suiteVersion()
			fmt.Fprintf(cmd.OutOrStdout(), "understudy %s\ncommit     %s\ncatalogue  %s, %d requirements, %d cases\ngo         %s %s/%s\n",
				version, orUnknown(commit), all.catalogue.Version(), len(all.catalogue.All()), len(all.index), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
