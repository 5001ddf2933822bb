// Package covered lets commands that are built with -cover and the tag "covered"
// leave their counters where ci/coverage finds them. It is in no other build.
//
// A command built with -cover writes counters, at its normal end, into the folder
// that GOCOVERDIR names at the moment between the initialisation of its packages
// and main's init functions. The environment of a task is an allow-list, and
// scenarios look at it, so the variable can neither arrive nor stay: this
// package sets it, and main's init takes it back by Restore.
package covered

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const variable = "GOCOVERDIR"

// folder is given to the linker (-X). Everybody may write there.
var folder string

var outer, stderr = begin()

// begin runs before the runtime looks at the variable. Without a folder the runtime would
// complain where a task's log is expected, so it is not heard.
func begin() (string, *os.File) {
	outer, stderr := os.Getenv(variable), os.Stderr
	own, err := note()
	if err != nil {
		own, os.Stderr = "", nil
	}
	os.Setenv(variable, own)
	return outer, stderr
}

// Restore makes environment and standard error what they were.
func Restore() {
	os.Stderr = stderr
	os.Unsetenv(variable)
	if outer != "" {
		os.Setenv(variable, outer)
	}
}

// note makes the folder of this pid namespace, in which a pid means one process at a
// time, and in it the file "began.PID.NANOSECONDS.COMMAND-VERB": a process that is
// killed, or becomes another program, leaves nothing else.
func note() (string, error) {
	if folder == "" {
		return "", errors.New("the linker was given no folder")
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", err
	}
	own := filepath.Join(folder, filepath.Base(space))
	if err := os.Mkdir(own, 0o700); err == nil {
		os.Chmod(own, 0o777) // not sticky: each command puts its description of the code anew in its place
	}
	verb := "task"
	if len(os.Args) > 1 {
		verb = strings.Map(letter, os.Args[1])
	}
	name := fmt.Sprintf("began.%d.%d.%s-%.20s", os.Getpid(), time.Now().UnixNano(), filepath.Base(os.Args[0]), verb)
	return own, os.WriteFile(filepath.Join(own, name), nil, 0o600)
}

// letter drops what does not belong into the name of a file.
func letter(r rune) rune {
	if r < 'a' || r > 'z' {
		return -1
	}
	return r
}
