package wall

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// namespaceFlags are the bits of clone and unshare that make namespaces.
const namespaceFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// refused are system calls that fail with EPERM whatever their arguments: keyrings, which no namespace separates, and what a
// capability in a namespace of one's own, or the lack of a check, would open.
var refused = []string{
	"add_key", "keyctl", "request_key",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"mount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root",
	"setns", "open_by_handle_at", "quotactl", "acct", "swapon", "swapoff", "nfsservctl", "lookup_dcookie",
	"init_module", "finit_module", "delete_module", "kexec_load", "reboot", "syslog", "vhangup",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
	"process_vm_readv", "process_vm_writev", "kcmp",
}

// refusedSome are refused, too, and exist on some architectures only.
var refusedSome = []string{"kexec_file_load", "iopl", "ioperm", "create_module", "get_kernel_syms", "query_module", "uselib", "ustat", "sysfs", "_sysctl"}

// policy is the filter in the words of the library.
func policy(here *arch.Info) seccomp.Policy {
	some := slices.DeleteFunc(slices.Clone(refusedSome), func(name string) bool {
		_, is := here.SyscallNames[name]
		return !is
	})
	when := func(name string, argument uint32, operation seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: operation, Value: value}}}
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{
			// Its flags lie in memory, where a filter cannot look: callers fall back to clone.
			{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
			{Names: slices.Concat(refused, some), Action: seccomp.ActionErrno, NamesWithCondtions: []seccomp.NameWithConditions{
				when("clone", 0, seccomp.BitsSet, namespaceFlags),
				when("unshare", 0, seccomp.BitsSet, namespaceFlags),
			}},
		},
	}
}

// refusedFamilies are those of sockets: AF_VSOCK reaches the machine that runs this virtual one, AF_ALG has the kernel's ciphers
// and a history of holes.
var refusedFamilies = []uint32{unix.AF_VSOCK, unix.AF_ALG}

// Where a filter finds what a call is: struct seccomp_data.
const (
	offsetOfNumber = 0
	offsetOfArch   = 4
	offsetOfFirst  = 16 // the lower half of the first argument, on machines of either size; all here are little-endian
)

// sockets refuses families. The kernel looks at 32 bits of the argument, where the library compares 64.
func sockets(number int) []bpf.Instruction {
	rules := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetOfNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(number), SkipTrue: uint8(2*len(refusedFamilies) + 1)},
		bpf.LoadAbsolute{Off: offsetOfFirst, Size: 4},
	}
	for _, family := range refusedFamilies {
		rules = append(rules,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: family, SkipTrue: 1},
			bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | uint32(unix.EPERM)})
	}
	return rules
}

// program is the filter for one architecture. Programs of another (32 bit) have other numbers for the same calls, which the
// library lets through: they can make no call at all.
func program(goarch string) ([]bpf.RawInstruction, error) {
	here, err := arch.GetInfo(goarch)
	if err != nil {
		return nil, fmt.Errorf("system calls of %s: %w", goarch, err)
	}
	p := policy(here)
	rest, err := p.Assemble()
	if err != nil {
		return nil, fmt.Errorf("assemble the filter of system calls: %w", err)
	}
	raw, err := bpf.Assemble(slices.Concat([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetOfArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(here.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | uint32(unix.ENOSYS)},
	}, sockets(here.SyscallNames["socket"]), rest))
	if err != nil {
		return nil, fmt.Errorf("assemble the filter of system calls: %w", err)
	}
	return raw, nil
}

// refuse installs the filter for all threads.
func refuse() error {
	raw, err := program(runtime.GOARCH)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	load := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&load))); errno != 0 {
		return fmt.Errorf("install the filter of system calls: %w", errno)
	}
	return nil
}
