package probe

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/raise"
)

func whoami(context.Context, *attempt, arguments) (any, error) {
	ruid, euid, suid := unix.Getresuid()
	rgid, egid, sgid := unix.Getresgid()
	groups, err := unix.Getgroups()
	if err != nil {
		return nil, fmt.Errorf("getgroups: %w", err)
	}
	slices.Sort(groups)
	list := make([]any, len(groups))
	for i, gid := range groups {
		list[i] = gid
	}
	return map[string]any{
		"ruid": ruid, "euid": euid, "suid": suid, "rgid": rgid, "egid": egid, "sgid": sgid,
		"groups": list, "pid": os.Getpid(),
	}, nil
}

func listEnvironment(context.Context, *attempt, arguments) (any, error) {
	names := []string{}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func sleep(ctx context.Context, _ *attempt, args arguments) (any, error) {
	duration, err := args.seconds("seconds")
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// exit ends the process at once: no terminal message, nothing is cleaned up.
func exit(_ context.Context, _ *attempt, args arguments) (any, error) {
	code, err := args.count("code", 0, 255)
	if err != nil {
		return nil, err
	}
	os.Exit(code)
	return nil, nil
}

func signalSelf(_ context.Context, _ *attempt, args arguments) (any, error) {
	name, err := args.text("signal")
	if err != nil {
		return nil, err
	}
	return nil, raise.Self(name, func(number unix.Signal) bool {
		return signal.Ignored(number) || number == unix.SIGTERM || number == unix.SIGINT // the runner catches these
	})
}

func ignoreSIGTERM(context.Context, *attempt, arguments) (any, error) {
	signal.Ignore(syscall.SIGTERM)
	return nil, nil
}
