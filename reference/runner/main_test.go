package runner

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference"
)

func TestArguments(t *testing.T) {
	some := &registry{}
	some.add("b.c", nothing)
	some.add("a", nothing)
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"version"}, 0, reference.Version, ""},
		{[]string{"--help"}, 0, "[core] default_impersonation", ""},
		{[]string{"-h"}, 0, "kill SIGNAL PID", ""},
		{[]string{"schema"}, 0, message.Schema20261030, ""},
		{[]string{"tasks"}, 0, "a\nb.c\n", ""},
		{[]string{"tasks", "x"}, 2, "", "--help"},
		{[]string{"--comm=127.0.0.1:1"}, 2, "", "--logs is missing"},
		{[]string{"--logs", "127.0.0.1:1"}, 2, "", "--comm is missing"},
		{[]string{"--comm", "--logs=127.0.0.1:1"}, 2, "", "--comm: "},
		{[]string{"--comm"}, 2, "", "--comm: "},
		{[]string{"--comm=127.0.0.1:1", "--comm=127.0.0.1:1"}, 2, "", "twice"},
		{[]string{"--comm=127.0.0.1:1", "--logs=127.0.0.1:1", "--more"}, 2, "", `"--more"`},
		{[]string{"--comm=127.0.0.1:1", "--logs=192.0.2.1:1"}, 2, "", "no port of this machine"},
		{[]string{"--comm=127.0.0.1:1", "--logs=127.0.0.1:0"}, 2, "", "no port of this machine"},
		{[]string{"--comm=127.0.0.1:1", "--logs=example.org:1"}, 2, "", "example.org:1"},
		{[]string{"--comms=127.0.0.1:1", "--logs=127.0.0.1:2"}, 2, "", "--comms"},
		{[]string{"version", "x"}, 2, "", "--help"},
		{[]string{"resume", "x"}, 2, "", "--help"},
		{[]string{"kill"}, 2, "", "--help"},
		{[]string{"sockets"}, 2, "", "--help"},
		{[]string{"sockets", "x"}, 1, "", `"x" is not the id of a process`},
		{[]string{"execute", "x"}, 2, "", "--help"},
		{[]string{"kill", "KILL"}, 2, "", "--help"},
		{[]string{"kill", "KILL", "1"}, 1, "", `"1" is no pid`},
		{[]string{"hunt"}, 2, "", "--help"},
		{[]string{"hunt", "1"}, 1, "", `"1" is no pid`},
		{[]string{"kill", "NONE", "999999"}, 1, "", `"NONE"`},
	} {
		var stdout, stderr strings.Builder
		code := some.execute(test.args, &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%q: code %d, stdout %q, stderr %q", test.args, code, &stdout, &stderr)
		}
		if test.stdout == "" && stdout.Len() > 0 || test.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%q: stdout %q, stderr %q", test.args, &stdout, &stderr)
		}
	}
}

// TestUsageFollowsWrongPorts is LANG-002.
func TestUsageFollowsWrongPorts(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := (&registry{}).execute([]string{"--comm=127.0.0.1:1"}, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), "--comm=HOST:PORT --logs=HOST:PORT") {
		t.Errorf("code %d: %s", code, &stderr)
	}
}

func nothing(context.Context, *Task) error { return nil }

func TestRegistrationMistakesPanic(t *testing.T) {
	for name, mistake := range map[string]func(r *registry){
		"no name": func(r *registry) { r.add("", nothing) },
		"no body": func(r *registry) { r.add("a", nil) },
		"twice":   func(r *registry) { r.add("a", nothing); r.add("a", nothing) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.Contains(text, "runner.Register") {
					t.Errorf("recovered %v", text)
				}
			}()
			mistake(&registry{})
		})
	}
}

func TestTheNarrowestNameServes(t *testing.T) {
	for _, test := range []struct {
		names []string
		want  string
	}{
		{[]string{"*", "t", "d.t"}, "d.t"},
		{[]string{"*", "t", "x.t"}, "t"},
		{[]string{"*", "x"}, "*"},
		{[]string{"d", "T", "d.x", "t.d"}, ""},
		{nil, ""},
	} {
		r, got := &registry{}, ""
		for _, name := range test.names {
			r.add(name, func(context.Context, *Task) error { got = name; return nil })
		}
		if body := r.find(message.TaskInstance{DagID: "d", TaskID: "t"}); body != nil {
			if err := body(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
		if got != test.want {
			t.Errorf("of %q %q serves, want %q", test.names, got, test.want)
		}
	}
}
