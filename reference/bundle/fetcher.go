package bundle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits bound what one version may hold.
type Limits struct {
	Entries int   // files, links, directories and submodules; 0 means 500,000
	Bytes   int64 // of all files together; 0 means 8 GiB
	Depth   int   // directories inside one another; 0 means 100
}

// Bounds are how long and how much a version may take.
type Bounds struct {
	LockTimeout time.Duration // longest wait for whoever prepares the same bundle; 0 means 10 minutes
	Timeout     time.Duration // longest single connection to an upstream repository; 0 means 5 minutes
	RetryAfter  time.Duration // pause before the one retry of a failed connection; 0 means 1 second
	Limits      Limits
}

// WithDefaults fills in what is zero.
func (b Bounds) WithDefaults() Bounds {
	return Bounds{
		LockTimeout: cmp.Or(b.LockTimeout, 10*time.Minute),
		Timeout:     cmp.Or(b.Timeout, 5*time.Minute),
		RetryAfter:  cmp.Or(b.RetryAfter, time.Second),
		Limits: Limits{
			Entries: cmp.Or(b.Limits.Entries, 500_000),
			Bytes:   cmp.Or(b.Limits.Bytes, 8<<30),
			Depth:   cmp.Or(b.Limits.Depth, 100),
		},
	}
}

// Request asks for one version of a git bundle. Durations are nanoseconds in JSON.
type Request struct {
	Root    string        // storage directory
	Name    string        // of the bundle
	Git     Git           // with the credentials that repo_url may have
	Version string        // commit; "" for the one that tracking_ref names
	Asked   time.Duration // when the version was asked for, on BootTime
	Bounds                // with defaults
}

// Fetched tells which version is in the store now.
type Fetched struct {
	Version string
	Skipped []string // submodules that were left out, by path, the first 100; if this call wrote the tree
}

// Answer is what a fetching program prints: Fetched, or why there is none.
type Answer struct {
	Fetched
	Error string
}

// Fetcher brings a version into the store unless it is there.
type Fetcher func(context.Context, Request) (Fetched, error)

// BootTime is a clock that all processes of this machine share and nobody sets.
func BootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// How much a fetching program may say, in octets, and how long it may take: longer than all
// bounds of a request together.
const (
	maxAnswer    = 1 << 20
	maxComplaint = 2 << 10
	maxLife      = time.Hour
)

// Program is the Fetcher that runs a program for each request (understudy-fetcher, see
// package fetch). What a repository makes git's library do, a crash or much memory, ends
// one request and not this process; and this process does not link that library, whose
// initialisation would cost each start of a task 2 ms.
//
// The program prints an empty line when no other process of its user can look into it
// any more, then gets the request as a line of JSON on standard input, which stays open:
// its end means that nobody wants an answer. It prints an [Answer] as JSON. If it is ended
// by a signal that asks for an end, it is started once more: whoever signals a whole
// group means this process, which decides for itself.
func Program(path string, environ []string) Fetcher {
	return func(ctx context.Context, r Request) (Fetched, error) {
		ctx, cancel := context.WithTimeout(ctx, maxLife)
		defer cancel()
		request, err := json.Marshal(r)
		if err != nil {
			return Fetched{}, fmt.Errorf("encode request for %s: %w", path, err)
		}
		request = append(request, '\n')
		fetched, err := exchange(ctx, path, environ, request)
		if askedToEnd(err) {
			fetched, err = exchange(ctx, path, environ, request)
		}
		return fetched, err
	}
}

// exchange runs the program once.
func exchange(ctx context.Context, path string, environ []string, request []byte) (Fetched, error) {
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = environ
	cmd.WaitDelay = time.Second // a helper of the transport may keep the channels open
	output, complaint := newLimited(maxAnswer), newLimited(maxComplaint)
	cmd.Stdout, cmd.Stderr = output, complaint
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return Fetched{}, fmt.Errorf("start the program that fetches git bundles: %w", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- cmd.Wait() }()
	select {
	case <-output.begun:
		_, _ = input.Write(request) // if it does not read, its end says why
		err = <-waited
	case err = <-waited:
	}
	if ctx.Err() != nil {
		return Fetched{}, ctx.Err()
	}
	var answer Answer
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // all that it said itself is there
		answer, err = output.answer()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if said := bytes.TrimSpace(complaint.kept); len(said) > 0 {
			err = fmt.Errorf("%w\n%s", err, said)
		}
		return Fetched{}, err
	}
	if answer.Error != "" {
		return Fetched{}, errors.New(answer.Error)
	}
	return answer.Fetched, nil
}

func askedToEnd(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}, status.Signal())
}

// limited keeps what is written to it up to a length, and notes whether there was more.
type limited struct {
	max   int
	kept  []byte
	more  bool
	begun chan struct{} // closed when something was written
}

func newLimited(max int) *limited { return &limited{max: max, begun: make(chan struct{})} }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.kept) == 0 && len(p) > 0 {
		close(l.begun)
	}
	room := min(len(p), l.max-len(l.kept))
	l.kept = append(l.kept, p[:room]...)
	l.more = l.more || room < len(p)
	return len(p), nil
}

func (l *limited) answer() (a Answer, err error) {
	if l.more {
		return a, fmt.Errorf("its answer has more than %d octets", l.max)
	}
	if err := json.Unmarshal(l.kept, &a); err != nil {
		return a, fmt.Errorf("its answer is not understood: %w", err)
	}
	return a, nil
}
