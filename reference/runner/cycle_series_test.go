//go:build sudo

package runner

import (
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/reference/internal/leftover"
)

// TestSeriesCycles is the promise that a runner which switches through sudo leaves
// nothing on the machine, however often it is run. UNDERSTUDY_SERIES says how
// often: a number, 5 without it, "full" for 1,000.
func TestSeriesCycles(t *testing.T) {
	from, _ := accounts(t)
	n := 5
	switch text := os.Getenv("UNDERSTUDY_SERIES"); text {
	case "":
	case "full":
		n = 1000
	default:
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("UNDERSTUDY_SERIES=%s is neither a number nor full", text)
		}
	}
	const policy = "/etc/sudoers.d/zz-understudy-test"
	if err := os.WriteFile(policy, []byte("airflow ALL=(alice) NOPASSWD: "+command+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(policy) })
	cycle := func(t *testing.T) {
		startAs(t, from, script{verbs: `[{"do":"spawn","argv":["/bin/sleep","600"],"daemonise":true},{"do":"log","message":"x"}]`}).
			ends(0, resend, resend, "SucceedTask")
	}
	list := func() map[string][]string {
		found, err := leftover.List()
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Run("first", cycle) // it makes sudo's folders
	before := list()
	for i := range n {
		t.Run(strconv.Itoa(i), cycle)
	}
	if diff := cmp.Diff(before, list()); diff != "" {
		t.Errorf("what %d runs left (-before +after):\n%s", n, diff)
	}
	t.Logf("%d runs", n)
}
