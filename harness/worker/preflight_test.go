package worker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A step that is taken out lets what a sandbox lacks pass for a fault of the implementation.
func TestEverythingThatTheStageNeedsIsLookedAtBeforeTheCases(t *testing.T) {
	var got []string
	for _, step := range steps {
		got = append(got, step.name)
	}
	want := []string{"root", "capabilities", "accounts", "walls", "sudo file", "sudo policy", "sudo", "look inside", "FIFOs", "loopback only"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps of preflight (-want +got):\n%s", diff)
	}
}

func TestMissingCapabilitiesAreNamedWithTheirUse(t *testing.T) {
	const all = "Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\n"
	for name, test := range map[string]struct{ status, fault string }{
		"everything":        {all, ""},
		"ours in Docker":    {"CapEff:\t00000000a80c25fb\nCapBnd:\t00000000a80425fb\n", ""},
		"Docker's default":  {"CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n", "lacks capabilities: SYS_PTRACE (the worker looks at"},
		"no new":            {strings.Replace(all, "NoNewPrivs:\t0", "NoNewPrivs:\t1", 1), "no_new_privs is set"},
		"nothing":           {"NoNewPrivs:\t0\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n", "SETUID (sudo becomes another user), SETGID"},
		"no word of them":   {"", "the status has none"},
		"setuid not bound":  {"CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffff7f\n", "lacks capabilities: SETUID (sudo becomes another user)"},
		"setuid not in use": {"CapEff:\t000001ffffffff7f\nCapBnd:\t000001ffffffffff\n", "lacks capabilities: SETUID (sudo becomes another user)"},
		"no number":         {"CapEff:\tmany\n", "read the capabilities CapEff"},
	} {
		err := capable(test.status)
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesOfTheEnvironment(t *testing.T) {
	got := []string{
		osName("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"), osName("NAME=x\n"),
		firstLine("\n Sudo version 1.9\nmore\n"), firstLine(""), lastLine("a\nb\n"), lastLine(""),
	}
	want := []string{"Debian GNU/Linux 13 (trixie)", "", "Sudo version 1.9", "", "b", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyTheHeadOfAnAnswerIsKept(t *testing.T) {
	var h head
	for _, p := range []string{"first\n", strings.Repeat("x", maxHead), "more"} {
		if n, err := h.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("wrote %d of %d octets: %v", n, len(p), err)
		}
	}
	if got := h.text.String(); len(got) != maxHead || !strings.HasPrefix(got, "first\nxx") {
		t.Errorf("%d octets are kept, from %.10q on", len(got), got)
	}
}
