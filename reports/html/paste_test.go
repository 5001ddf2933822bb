package html

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// odd are characters, and a few texts, that a shell could take for something else.
func odd() []string {
	words := []string{"", "''", "it's", `\'`, "--", "-x", "~", "~root", "$HOME", "$(id)", "`id`", "${x}", "{a,b}", "[a-z]*", "#no", "a#b", "!IMP-0", "50%", "ümlaut", "a b  c", `\`, "a=b"}
	for r := ' '; r <= '~'; r++ {
		words = append(words, string(r))
	}
	return words
}

// pasted returns the words that sh starts when the text is pasted into it.
func pasted(t *testing.T, text string) []string {
	t.Helper()
	cmd := exec.Command("sh")
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader("understudy() { printf '%s\\0' understudy \"$@\"; }\n" + text + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestCommandsThatArePastedStartWhatWasRun(t *testing.T) {
	command := append([]string{"understudy", "run"}, odd()...)
	shown := viewOf(verdict.Model{Identity: journal.Identity{Command: command}}).Command
	if diff := cmp.Diff(command, pasted(t, shown)); diff != "" {
		t.Errorf("as the report shows it (-want +got):\n%s", diff)
	}
	// What has no shape of its own the report shows as an escape; as text it holds, too.
	command = append(command, "a\nb", "\n", "a\tb", "a\rb", "\x1b[31m", "\u202eabc", "\xff")
	if diff := cmp.Diff(command, pasted(t, verdict.Pasted(command))); diff != "" {
		t.Errorf("as text (-want +got):\n%s", diff)
	}
}
