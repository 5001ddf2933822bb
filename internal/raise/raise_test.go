package raise_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/raise"
)

const asked = "RAISE_TEST_SIGNAL"

func TestMain(m *testing.M) {
	if name := os.Getenv(asked); name != "" {
		if err := raise.Self(name, signalled); err != nil {
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(apart.Run(m.Run))
}

func signalled(number unix.Signal) bool { return signal.Ignored(number) }

func TestASignalEndsTheProcessAsTheKernelDoes(t *testing.T) {
	for _, name := range []string{"SIGABRT", "SIGSEGV", "SIGTERM", "SIGKILL", "SIGHUP"} {
		if signal.Ignored(unix.SignalNum(name)) {
			continue // whoever started the tests said so, nohup for one, and a child has it from him
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asked+"="+name)
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) {
			t.Errorf("%s: %v, want an end by the signal", name, err)
			continue
		}
		if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != unix.SignalNum(name) {
			t.Errorf("%s: %v", name, exit)
		}
	}
}

func TestASignalThatDoesNotEndTheProcessLetsItGoOn(t *testing.T) {
	signal.Ignore(unix.SIGHUP)
	defer signal.Reset(unix.SIGHUP)
	if err := raise.Self("SIGHUP", signalled); err != nil {
		t.Error(err)
	}
	if err := raise.Self("SIGNOTHING", signalled); err == nil {
		t.Error("a signal that is none was sent")
	}
}
