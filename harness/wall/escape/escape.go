// Package escape is the list of what must not be possible in a sandbox, as attempts that are made for real: by
// "understudy-worker escape", as any account, at the start of every sandbox (the cheap ones) and by the tier "escape" of
// ci/test (all of them, in both kinds of sandbox, and without any wall, where each has to get through).
//
// No attempt does harm where it gets through: what would (clock, modules, sysrq) is only opened, or shown by the
// capability.
package escape

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Attempt is one row of the list.
type Attempt struct {
	Name  string // a word, unique
	Says  string // what would be possible: "read the keyring of the machine's root"
	Cheap bool   // takes well below a millisecond, and needs no Outside
	// try returns nil when it got through, errAbsent where there is nothing to try it on, otherwise what refused it.
	try func(Outside) error
}

// Outside is what the attempts look for: planted by a test where a sandbox must not reach. Empty at the start of
// a sandbox, which plants nothing.
type Outside struct {
	Canary    string   `json:"canary,omitempty"`    // in the caller's environment, in a descriptor of its, in the arguments of its processes
	Files     []string `json:"files,omitempty"`     // of the machine, and of another sandbox: they begin with Canary
	Port      int      `json:"port,omitempty"`      // of a listener on the machine's 127.0.0.1
	Abstract  string   `json:"abstract,omitempty"`  // name of a listener of the machine in the abstract unix name space
	Processes int      `json:"processes,omitempty"` // more than a sandbox may have
	Memory    int      `json:"memory,omitempty"`    // octets, more than a sandbox may have
	Tmpfs     int      `json:"tmpfs,omitempty"`     // octets, more than one folder may hold
}

// errRefused is wrapped where an attempt found nothing to get hold of, and no error of the kernel says so.
var errRefused = errors.New("nothing")

// refusals are the errors by which a kernel, a filter or a bound refuses. Any other says that the attempt was not made.
var refusals = []error{
	errRefused, unix.EPERM, unix.EACCES, unix.EROFS, unix.ENOSYS, unix.ENOSPC, unix.ENOMEM, unix.EAGAIN, unix.ECONNREFUSED,
}

// errAbsent is wrapped where an attempt has nothing to try: the kernel lacks the file or the call.
var errAbsent = errors.New("not here")

// Outcome says how an attempt ended.
type Outcome string

const (
	Refused Outcome = "refused"
	Through Outcome = "through" // there is no wall, or it has a hole
	Absent  Outcome = "absent"  // nothing to try it on
	Failed  Outcome = "failed"  // it could not be made: nothing is known
)

// Result is one line of output.
type Result struct {
	Name    string  `json:"name"`
	Says    string  `json:"says"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"` // what refused it
}

// Command is "understudy-worker escape": the cheap attempts, or with an Outside as JSON all of them.
func Command(args []string, to io.Writer) error {
	var outside Outside
	switch {
	case len(args) == 0:
		return run(to, false, outside)
	case len(args) == 2 && args[0] == hogArgument:
		octets, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("escape: %w", err)
		}
		return hog(octets)
	case len(args) == 1:
		if err := json.Unmarshal([]byte(args[0]), &outside); err != nil {
			return fmt.Errorf("escape: what is outside: %w", err)
		}
		return run(to, true, outside)
	}
	return fmt.Errorf("escape: %d arguments: at most one is expected", len(args))
}

// run makes the attempts, the cheap ones or all, and writes a Result a line.
func run(to io.Writer, all bool, outside Outside) error {
	out := json.NewEncoder(to)
	for _, a := range Attempts {
		if !a.Cheap && !all {
			continue
		}
		r := Result{Name: a.Name, Says: a.Says, Outcome: Through}
		if err := a.try(outside); errors.Is(err, errAbsent) {
			r.Outcome, r.Detail = Absent, err.Error()
		} else if slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(err, refusal) }) {
			r.Outcome, r.Detail = Refused, err.Error()
		} else if err != nil {
			r.Outcome, r.Detail = Failed, err.Error()
		}
		if err := out.Encode(r); err != nil {
			return fmt.Errorf("tell how %s ended: %w", a.Name, err)
		}
	}
	return nil
}

// Read reads what Command wrote, and wants the whole list: an attempt of which nothing is heard has not been refused.
func Read(from io.Reader, all bool) ([]Result, error) {
	var results []Result
	for in := json.NewDecoder(from); ; {
		var r Result
		err := in.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return results, fmt.Errorf("read the results of the attempts to escape: %w", err)
		}
		results = append(results, r)
	}
	for _, r := range results {
		if r.Outcome == Failed {
			return results, fmt.Errorf("the attempt to %s could not be made: %s", r.Says, r.Detail)
		}
	}
	for _, a := range Attempts {
		if (a.Cheap || all) && !slices.ContainsFunc(results, func(r Result) bool { return r.Name == a.Name }) {
			return results, fmt.Errorf("the attempt to escape %q did not end", a.Name)
		}
	}
	return results, nil
}
