package coordinator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
)

// maxBundle is the largest bundle, in bytes, that is executed: it is held in
// memory while the task runs.
const maxBundle = 1 << 30

// copyStep is how much is copied between two looks at the context.
const copyStep = 1 << 20

// Artifact is a bundle that was verified, ready to be executed.
type Artifact struct {
	Path     string   // where it was found
	Manifest Manifest // as it is in Memory
	Schema   Schema   // that the runtime speaks
	Memory   *os.File // the whole bundle, sealed: nobody can change it any more
}

// Close gives the memory free. Runtimes that were started keep theirs.
func (a *Artifact) Close() error { return a.Memory.Close() }

// Send hands the bundle to understudy-runner execute, which waits at the other end
// of conn to become it: with these arguments, after the name of the program, and
// this environment.
func (a *Artifact) Send(conn *net.UnixConn, arguments, environ []string) error {
	order := delegate.Order{Argv: append([]string{a.Path}, arguments...), Environ: environ}
	b, err := order.Encode()
	if err != nil {
		return err
	}
	n, _, err := conn.WriteMsgUnix(b, unix.UnixRights(int(a.Memory.Fd())), nil)
	if err == nil && n < len(b) {
		_, err = conn.Write(b[n:])
	}
	if err != nil {
		return fmt.Errorf("send bundle %s: %w", a.Path, err)
	}
	return nil
}

func verify(ctx context.Context, file io.ReaderAt, size int64) (_ *Artifact, err error) {
	if _, err := ReadFooter(file, size); err != nil {
		return nil, err // before anything is copied
	}
	memory, err := seal(ctx, file, size)
	if err != nil {
		return nil, fmt.Errorf("copy it into memory: %w", err)
	}
	defer func() {
		if err != nil {
			memory.Close()
		}
	}()
	footer, err := ReadFooter(memory, size)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, io.NewSectionReader(memory, 0, footer.SourceStart)); err != nil {
		return nil, fmt.Errorf("hash its binary: %w", err)
	}
	if actual := [32]byte(digest.Sum(nil)); actual != footer.Digest {
		return nil, fmt.Errorf("its binary has the SHA-256 %x, its footer says %x", actual, footer.Digest)
	}
	manifest, err := footer.ReadManifest(memory)
	if err != nil {
		return nil, err
	}
	schema, err := manifest.schema()
	if err != nil {
		return nil, err
	}
	return &Artifact{Manifest: manifest, Schema: schema, Memory: memory}, nil
}

// openExecutable opens a regular file that may be executed.
func openExecutable(path string) (*os.File, os.FileInfo, error) {
	// A FIFO in the place of the file would block for ever.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err == nil {
		err = executable(file, info)
	}
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("bundle %s: %w", path, err)
	}
	return file, info, nil
}

// executable applies to the file what the kernel would, had it to execute the file
// and not a copy.
func executable(file *os.File, info os.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Mode()&0o111 == 0:
		return errors.New("it is not executable: its mode has no x")
	case info.Size() > maxBundle:
		return fmt.Errorf("it is larger than %d bytes", maxBundle)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("it is not executable for uid %d: %w", os.Geteuid(), err)
	}
	return nil
}

// seal copies size bytes into memory that cannot be changed afterwards.
func seal(ctx context.Context, file io.ReaderAt, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("bundle", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 all of them are executable
		fd, err = unix.MemfdCreate("bundle", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	memory := os.NewFile(uintptr(fd), "bundle")
	if err := fill(ctx, memory, file, size); err != nil {
		memory.Close()
		return nil, err
	}
	return memory, nil
}

func fill(ctx context.Context, memory *os.File, file io.ReaderAt, size int64) error {
	for offset := int64(0); offset < size; offset += copyStep {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := min(copyStep, size-offset)
		n, err := io.Copy(io.NewOffsetWriter(memory, offset), io.NewSectionReader(file, offset, step))
		if err == nil && n < step {
			err = io.ErrUnexpectedEOF // somebody cut the file
		}
		if err != nil {
			return fmt.Errorf("at byte %d of %d: %w", offset+n, size, err)
		}
	}
	if _, err := unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, delegate.Seals); err != nil {
		return fmt.Errorf("seal memory: %w", err)
	}
	return nil
}
