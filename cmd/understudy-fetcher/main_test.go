package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference"
)

func TestArguments(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"version"}, 0, reference.Version + "\n", ""},
		{[]string{"--help"}, 0, usage, ""},
		{[]string{"fetch"}, 2, "", `cannot make sense of the arguments ["fetch"]`},
		{nil, 2, "", "it is of no use by itself"}, // standard input is no pipe
	} {
		var stdout, stderr bytes.Buffer
		code := program(null, &stdout).Run(c.args, &stdout, &stderr)
		if code != c.code || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) || (c.code == 0) != (stderr.Len() == 0) {
			t.Errorf("%q: code %d\n%s%s", c.args, code, &stdout, &stderr)
		}
	}
}
