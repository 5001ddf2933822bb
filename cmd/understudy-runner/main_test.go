package main

import (
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference"
)

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"version"}, 0, reference.Version, ""},
		{[]string{"--help"}, 0, "[core] default_impersonation", ""},
		{[]string{"-h"}, 0, "kill SIGNAL PID", ""},
		{[]string{"--comm=127.0.0.1:1"}, 2, "", "--comm=127.0.0.1:1"},
		{[]string{"version", "x"}, 2, "", "--help"},
		{[]string{"resume", "x"}, 2, "", "--help"},
		{[]string{"kill"}, 2, "", "--help"},
		{[]string{"kill", "KILL"}, 2, "", "--help"},
		{[]string{"kill", "KILL", "1"}, 1, "", `"1" is no pid`},
		{[]string{"kill", "NONE", "999999"}, 1, "", `"NONE"`},
	} {
		var stdout, stderr strings.Builder
		code := run(test.args, &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%q: code %d, stdout %q, stderr %q", test.args, code, &stdout, &stderr)
		}
		if test.stdout == "" && stdout.Len() > 0 || test.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%q: stdout %q, stderr %q", test.args, &stdout, &stderr)
		}
	}
}
