package escape

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// calls32 is keyctl(KEYCTL_GET_KEYRING_ID, session keyring) by the interrupt of 32-bit programs, whose filter is another. The
// program ends with 0 if the call was made, else with its error number.
func calls32(Outside) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %s", errAbsent, runtime.GOARCH)
	}
	path := temporary("32")
	if err := os.WriteFile(path, program32(), 0o700); err != nil {
		return err
	}
	defer os.Remove(path)
	err := exec.Command(path).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return fmt.Errorf("keyctl of 32 bit: %w", syscall.Errno(exit.ExitCode()))
	case errors.As(err, &exit):
		return fmt.Errorf("%w: keyctl of 32 bit: %w", errRefused, err)
	}
	return fmt.Errorf("%w: %w", errAbsent, err) // a kernel without 32 bit
}

// program32 is a static ELF program for i386.
func program32() []byte {
	const base = 0x08048000
	code := []byte{
		0xb8, 0x20, 0x01, 0x00, 0x00, // mov eax, 288: keyctl
		0x31, 0xdb, // xor ebx, ebx: KEYCTL_GET_KEYRING_ID
		0xb9, 0xfb, 0xff, 0xff, 0xff, // mov ecx, -5: KEY_SPEC_USER_SESSION_KEYRING
		0x31, 0xd2, // xor edx, edx
		0xcd, 0x80, // int 0x80
		0x31, 0xdb, // xor ebx, ebx
		0x85, 0xc0, // test eax, eax
		0x79, 0x04, // jns +4
		0xf7, 0xd8, // neg eax
		0x89, 0xc3, // mov ebx, eax
		0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1: exit
		0xcd, 0x80, // int 0x80
	}
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
