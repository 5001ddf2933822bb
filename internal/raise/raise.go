// Package raise sends signals to the own process as a program in any language would.
package raise

import (
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dumping are signals at which the runtime of Go writes a stack trace and exits with
// code 2, unless somebody catches them.
var dumping = []unix.Signal{unix.SIGABRT, unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS, unix.SIGQUIT}

// Self sends the signal of that name to this process, and returns where it does not
// end it. Who asks for SIGABRT gets SIGABRT: whatever the runtime of Go makes of such a
// signal is undone before, so that the kernel does what it does of itself.
//
// A signal may reach another thread than the one that goes on here: caught says
// whether the program lives on. Where it does not, Self waits for the end.
func Self(name string, caught func(unix.Signal) bool) error {
	number := unix.SignalNum(name)
	if number == 0 {
		return fmt.Errorf("no signal is called %q", name)
	}
	if slices.Contains(dumping, number) {
		if err := restoreDefault(number); err != nil {
			return fmt.Errorf("send %s to the own process: %w", name, err)
		}
	}
	if err := unix.Kill(os.Getpid(), number); err != nil {
		return fmt.Errorf("send %s to the own process: %w", name, err)
	}
	for ends(number) && !caught(number) {
		_ = unix.Pause() // with nothing but select{} the runtime may find a deadlock, and end the program in its own way
	}
	return nil
}

// ends says whether a signal that nobody catches or ignores ends a program in Go.
func ends(number unix.Signal) bool {
	return slices.Contains(dumping, number) || number == unix.SIGKILL || number == unix.SIGTERM || number == unix.SIGHUP || number == unix.SIGINT
}

// restoreDefault has the kernel do at a signal what it does of itself.
func restoreDefault(number unix.Signal) error {
	var action [4]uint64 // the kernel's struct sigaction, all of it zero: SIG_DFL
	const sizeOfSet = 8  // octets of the kernel's set of signals
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(&action)), 0, sizeOfSet, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
