package escape

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
)

// calls32 is keyctl(KEYCTL_GET_KEYRING_ID, user session keyring) by the interrupt of 32-bit programs, whose filter is another.
func calls32(Outside) error {
	return run32("keyctl", []byte{
		0xb8, 0x20, 0x01, 0x00, 0x00, // mov eax, 288: keyctl
		0x31, 0xdb, // xor ebx, ebx: KEYCTL_GET_KEYRING_ID
		0xb9, 0xfb, 0xff, 0xff, 0xff, // mov ecx, -5: KEY_SPEC_USER_SESSION_KEYRING
		0x31, 0xd2, // xor edx, edx
	})
}

// vsock32 is socket(AF_VSOCK, SOCK_STREAM, 0) by socketcall, whose arguments lie in memory.
func vsock32(Outside) error {
	return run32("socketcall", []byte{
		0x6a, 0x00, // push 0
		0x6a, 0x01, // push 1: SOCK_STREAM
		0x6a, 0x28, // push 40: AF_VSOCK
		0x89, 0xe1, // mov ecx, esp
		0xbb, 0x01, 0x00, 0x00, 0x00, // mov ebx, 1: SYS_SOCKET
		0xb8, 0x66, 0x00, 0x00, 0x00, // mov eax, 102: socketcall
	})
}

// run32 makes one call by a program of 32 bit, which ends with 0 if it was made, else with its error number.
func run32(name string, registers []byte) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %s", errAbsent, runtime.GOARCH)
	}
	path := temporary(name)
	if err := os.WriteFile(path, program32(registers), 0o700); err != nil {
		return err
	}
	defer os.Remove(path)
	err := exec.Command(path).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return fmt.Errorf("%s of 32 bit: %w", name, syscall.Errno(exit.ExitCode()))
	case errors.As(err, &exit):
		return fmt.Errorf("%w: %s of 32 bit: %w", errRefused, name, err)
	}
	return fmt.Errorf("%w: %w", errAbsent, err) // a kernel without 32 bit
}

// program32 is a static ELF program for i386.
func program32(registers []byte) []byte {
	const base = 0x08048000
	code := slices.Concat(registers, []byte{
		0xcd, 0x80, // int 0x80
		0x31, 0xdb, // xor ebx, ebx
		0x85, 0xc0, // test eax, eax
		0x79, 0x04, // jns +4
		0xf7, 0xd8, // neg eax
		0x89, 0xc3, // mov ebx, eax
		0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1: exit
		0xcd, 0x80, // int 0x80
	})
	const head = 52 + 32
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	word := func(values ...uint32) {
		for _, v := range values {
			b.Write([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
		}
	}
	word(2|3<<16, 1, base+head, 52, 0, 0, 52|32<<16, 1, 0) // executable, i386, one program header
	size := uint32(head + len(code))
	word(1, 0, base, base, size, size, 5, 0x1000)
	b.Write(code)
	return b.Bytes()
}
