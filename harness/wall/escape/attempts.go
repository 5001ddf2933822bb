package escape

import (
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Attempts is the list.
var Attempts = []Attempt{
	{"own-descriptors", "use a descriptor of whoever called understudy", true, ownDescriptors},
	{"descriptors-of-init", "open what the first process has open", true, opens(unix.O_RDONLY, "/proc/1/fd/*")},
	{"journal", "write to the journal, or to what names the next case", true, opens(unix.O_WRONLY, "/proc/1/fd/*")},
	{"memory-of-init", "read the memory of the first process", true, opens(unix.O_RDONLY, "/proc/1/mem")},
	{"environment-of-init", "read the environment of the first process", true, reads("/proc/1/environ")},
	{"root-of-init", "go through the root of the first process", true, opens(unix.O_RDONLY|unix.O_DIRECTORY, "/proc/1/root")},
	{"program-of-init", "open the program of the first process", true, opens(unix.O_RDONLY, "/proc/1/exe")},
	{"trace", "trace the first process", true, traceInit},
	{"trace-parent", "trace the process that started this one", true, traceParent},

	{"capabilities", "have more capabilities than Docker gives", true, capabilities()},
	{"clock", "set the clock of the machine (CAP_SYS_TIME)", true, capabilities(cap.SYS_TIME)},
	{"modules", "load kernel modules (CAP_SYS_MODULE)", true, capabilities(cap.SYS_MODULE)},
	{"device-node", "make a device node and open it", true, deviceNode},
	{"node-of-the-machine", "change a device node of the machine", true, nodeOfTheMachine},
	{"raw-io", "touch the ports of the machine", true, rawIO},

	{"mount", "mount a file system", true, mountTmpfs},
	{"mount-by-descriptor", "mount a file system by the calls of Linux 5.2", true, fsopen},
	{"unmount", "uncover what is masked", true, unmount},
	{"remount", "make a read-only mount writable", true, remount},
	{"handle", "open a file by its handle", true, handle},
	{"kernel-settings", "change a setting of the kernel", true, opens(unix.O_WRONLY, "/proc/sys/kernel/core_pattern")},
	{"sysrq", "open the trigger of sysrq", true, opens(unix.O_WRONLY, "/proc/sysrq-trigger")},
	{"interrupts", "move interrupts of the machine", true, opens(unix.O_WRONLY, "/proc/irq/default_smp_affinity")},
	{"sysfs", "change a device of the machine", true, opens(unix.O_WRONLY, "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state", "/sys/kernel/uevent_helper", "/sys/module/*/parameters/*")},
	{"memory-of-the-kernel", "read the memory of the kernel", true, reads("/proc/kcore")},
	{"list-of-keys", "read the list of keys", true, reads("/proc/keys")},
	{"list-of-timers", "read the timers of the machine", true, reads("/proc/timer_list")},
	{"firmware", "read the firmware of the machine", true, lists("/sys/firmware")},

	{"keyring", "look into a keyring", true, keyring},
	{"add-key", "add a key", true, addKey},
	{"request-key", "ask for a key", true, requestKey},
	{"bpf", "load a program into the kernel", true, bpf},
	{"perf", "count events of the machine", true, perf},
	{"userfaultfd", "handle page faults", true, userfault},
	{"io-uring", "make calls that no filter sees", true, ioUring},
	{"calls-of-32-bit", "make a call by its number for 32 bit", false, calls32},
	{"user-namespace", "make a user namespace", true, unshares(unix.CLONE_NEWUSER)},
	{"mount-namespace", "make a mount namespace", true, unshares(unix.CLONE_NEWNS)},
	{"child-namespace", "start a program in a user namespace", false, childNamespace},
	{"clone3", "make a namespace by a call that no filter can look into", true, clone3},
	{"join-namespace", "join the namespaces of another process", true, joinNamespace},
	{"vsock", "reach the machine that runs this virtual one", true, sockets(unix.AF_VSOCK, unix.SOCK_STREAM)},
	{"vsock-of-64-bit", "reach it with more bits than the kernel looks at", true, sockets(1<<32|unix.AF_VSOCK, unix.SOCK_STREAM)},
	{"vsock-of-32-bit", "reach it by a call of 32 bit", false, vsock32},
	{"ciphers", "use the ciphers of the kernel", true, sockets(unix.AF_ALG, unix.SOCK_SEQPACKET)},
	{"commands", "change the helper commands, which other sandboxes use", true, commands},

	{"files-read", "read a file of the machine or of another sandbox", false, filesRead},
	{"files-written", "write a file of the machine or of another sandbox", false, filesWritten},
	{"processes", "see a process of the machine or of another sandbox", false, processes},
	{"environment", "see the caller's environment", false, environment},
	{"descriptors", "read what any process has open", false, descriptors},
	{"network", "reach a listener of the machine", false, network},
	{"abstract-socket", "reach a listener of the machine by its abstract name", false, abstractSocket},
	{"fork-bomb", "have more processes than a sandbox may have", false, forkBomb},
	{"memory-hog", "have more memory than a sandbox may have", false, memoryHog},
	{"tmpfs-hog", "fill the memory with files", false, tmpfsHog},
}
