package part

import (
	"bytes"
	"errors"
	"testing"

	"github.com/understudy-conformance/understudy/reference"
)

func TestRun(t *testing.T) {
	const usage = "how to use it\n"
	for name, c := range map[string]struct {
		args           []string
		started        bool
		fault          error
		code           int
		stdout, stderr string
	}{
		"version":         {args: []string{"version"}, stdout: reference.Version + "\n"},
		"--help":          {args: []string{"--help"}, stdout: usage},
		"-h":              {args: []string{"-h"}, stdout: usage},
		"help":            {args: []string{"help"}, stdout: usage},
		"unknown":         {args: []string{"fetch"}, started: true, code: 2, stderr: "the-part: cannot make sense of the arguments [\"fetch\"]\n" + usage},
		"more than asked": {args: []string{"version", "x"}, started: true, code: 2, stderr: "the-part: cannot make sense of the arguments [\"version\" \"x\"]\n" + usage},
		"by hand":         {code: 2, stderr: usage},
		"well":            {started: true, stdout: "main\n"},
		"failed":          {started: true, fault: errors.New("no luck"), code: 1, stdout: "main\n", stderr: "the-part: no luck\n"},
	} {
		var stdout, stderr bytes.Buffer
		p := Program{Name: "the-part", Usage: usage, Started: func() bool { return c.started }, Main: func() error {
			stdout.WriteString("main\n")
			return c.fault
		}}
		if code := p.Run(c.args, &stdout, &stderr); code != c.code || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%s: code %d, %q, %q, want %d, %q, %q", name, code, &stdout, &stderr, c.code, c.stdout, c.stderr)
		}
	}
}
