package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
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
	LockTimeout time.Duration // longest wait for another process that prepares the same bundle; 0 means 10 minutes
	Timeout     time.Duration // longest single connection to an upstream repository; 0 means 5 minutes
	RetryAfter  time.Duration // pause before the one retry of a failed connection; 0 means 1 second
	Limits      Limits        // zero fields mean the defaults
}

// Request asks for one version of a git bundle. Durations are nanoseconds in JSON.
type Request struct {
	Root    string        // storage directory
	Name    string        // of the bundle
	Git     Git           // with the credentials that repo_url may have
	Version string        // commit; "" for the one that tracking_ref names
	Asked   time.Duration // when the version was asked for, on BootTime
	Bounds
}

// Fetched tells which version is in the store now.
type Fetched struct {
	Version string
	Skipped []string // submodules that were left out, by path, if this call wrote the tree
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

// Bounds of what a fetching program may say, in octets. The paths of submodules are
// what makes an answer long.
const (
	maxAnswer    = 64 << 20
	maxComplaint = 2 << 10
)

// Program is the Fetcher that runs a program for each request (understudy-fetcher, see
// package fetch). The program gets the request as a line of JSON on standard input, which
// stays open: its end means that nobody wants an answer any more. It prints an
// [Answer] as JSON. What a repository makes git's library do, a crash or much
// memory, ends one request and not this process; and this process does not link
// that library, whose initialisation would cost each start of a task 2 ms.
func Program(path string, environ []string) Fetcher {
	return func(ctx context.Context, r Request) (Fetched, error) {
		request, err := json.Marshal(r)
		if err != nil {
			return Fetched{}, fmt.Errorf("encode request for %s: %w", path, err)
		}
		cmd := exec.CommandContext(ctx, path)
		cmd.Env = environ
		cmd.WaitDelay = time.Second // a helper of the transport may keep the channels open
		output, complaint := &limited{max: maxAnswer}, &limited{max: maxComplaint}
		cmd.Stdout, cmd.Stderr = output, complaint
		input, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return Fetched{}, fmt.Errorf("start the program that fetches git bundles: %w", err)
		}
		_, sent := input.Write(append(request, '\n')) // if it does not read, the end says why
		ended := cmd.Wait()
		if ctx.Err() != nil {
			return Fetched{}, ctx.Err()
		}
		var answer Answer
		if ended == nil && sent == nil {
			ended = json.Unmarshal(output.kept, &answer)
		}
		if err := errors.Join(ended, sent); err != nil {
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
}

// limited keeps what is written to it up to a length, and forgets the rest.
type limited struct {
	kept []byte
	max  int
}

func (l *limited) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(len(p), l.max-len(l.kept))]...)
	return len(p), nil
}
