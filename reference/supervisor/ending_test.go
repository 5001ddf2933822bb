package supervisor

import (
	"errors"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/reference/supervisor/family"
)

func TestStateOfAnEnding(t *testing.T) {
	killed := family.Exit{Signal: syscall.SIGKILL}
	lost := family.Exit{Lost: errors.New("no child")}
	for _, c := range []struct {
		name string
		e    ending
		want string
	}{
		{"exit 0 in silence", ending{}, "failed"},
		{"exit 0 in silence, retries left", ending{shouldRetry: true}, "failed"},
		{"exit 1", ending{exit: family.Exit{Code: 1}}, "failed"},
		{"exit 1, retries left", ending{exit: family.Exit{Code: 1}, shouldRetry: true}, "up_for_retry"},
		{"killed", ending{exit: killed}, "failed"},
		{"killed, retries left", ending{exit: killed, shouldRetry: true}, "up_for_retry"},
		{"status taken by another", ending{exit: lost, shouldRetry: true}, "up_for_retry"},
		{"stopped, though it exits with 0", ending{stopped: true, shouldRetry: true}, "up_for_retry"},
		{"own word", ending{reported: "skipped"}, "skipped"},
		{"own word, then exit 1", ending{reported: "skipped", exit: family.Exit{Code: 1}, shouldRetry: true}, "skipped"},
		{"own word, then killed", ending{reported: "success", exit: killed, stopped: true, shouldRetry: true}, "success"},
		{"stopped by the server", ending{byServer: true, stopped: true, exit: killed, shouldRetry: true}, ""},
	} {
		if got := c.e.state(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
