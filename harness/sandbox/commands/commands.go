// Package commands finds the helper commands that run inside sandboxes, or
// builds them: installed, they lie beside the command that people type; in a
// checkout the go toolchain makes them.
package commands

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// Module is the module path that marks a checkout.
const Module = "github.com/understudy-conformance/understudy"

var (
	// ErrAbsent is wrapped where the helper commands can neither be found nor built.
	ErrAbsent = errors.New("helper commands are not here")
	// ErrBuild is wrapped where the go toolchain ran and failed.
	ErrBuild = errors.New("helper commands do not build")
)

// Provide returns a folder with all helper commands for linux: that of the
// running executable, or one in the cache that it builds from the checkout.
func Provide(ctx context.Context, cached *cache.Folder, progress sandbox.Progress) (string, error) {
	if dir, ok := beside(); ok {
		return dir, nil
	}
	checkout, err := Checkout()
	if err != nil {
		return "", err
	}
	return provide(ctx, cached, checkout, progress)
}

// provide builds the commands of a checkout in the cache.
func provide(ctx context.Context, cached *cache.Folder, checkout string, progress sandbox.Progress) (string, error) {
	sum := sha256.Sum256([]byte(checkout))
	entry := cached.Entry("bin/" + hex.EncodeToString(sum[:])[:16])
	err := entry.Refresh(ctx, "helper commands", func(dir string) error { return Build(ctx, checkout, dir, "", progress) })
	return entry.Path, err
}

// beside is the folder of the running executable when all helper commands lie there.
func beside() (string, bool) {
	self, err := os.Executable()
	if err != nil {
		return "", false
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", false
	}
	dir := filepath.Dir(self)
	for _, name := range sandbox.Commands {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return "", false
		}
	}
	return dir, true
}

// Checkout returns the root of the source tree that this command was built from,
// or that the working directory is in.
func Checkout() (string, error) {
	var starts []string
	if _, source, _, ok := runtime.Caller(0); ok && filepath.IsAbs(source) {
		starts = append(starts, filepath.Dir(source))
	}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	for _, dir := range starts {
		for {
			if isModule(filepath.Join(dir, "go.mod")) {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", fmt.Errorf("%w: neither %s beside this command, nor a checkout around the working directory. "+
		"Put the files of a release archive into one folder, or run \"go run ./cmd/understudy\" in a checkout", ErrAbsent, strings.Join(sandbox.Commands, ", "))
}

func isModule(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && bytes.Contains(text, []byte("module "+Module+"\n"))
}

// Build compiles the helper commands of a checkout for linux, static, into dest.
// overlay is the path of a JSON file for "go build -overlay", or "". Compiler messages are
// in the error.
func Build(ctx context.Context, checkout, dest, overlay string, progress sandbox.Progress) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("%w: a checkout needs the go command to build them: %w: install Go, or use a release archive", ErrAbsent, err)
	}
	// The flags leave compiled packages as "go run" and "go test" with CGO_ENABLED=0 make them.
	args := []string{"build", "-v", "-buildvcs=false", "-ldflags=-s -w", "-o", dest + string(filepath.Separator)}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	for _, name := range sandbox.Commands {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, goTool, args...)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("build helper commands: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build helper commands: start %s: %w", goTool, err)
	}
	var compiled atomic.Int64
	var said string
	stop := tick(func() {
		text := "building the helper commands"
		if n := compiled.Load(); n > 0 {
			text = fmt.Sprintf("%s: %d packages compiled (the first time takes minutes)", text, n)
		}
		if text != said { // linking takes a while
			progress(text)
			said = text
		}
	})
	messages := read(stderr, &compiled)
	err = cmd.Wait()
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("build helper commands: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%w in %s: %w\n%s", ErrBuild, checkout, err, messages)
	}
	return nil
}

// messagesLimit bounds what is kept of the compiler's messages, in lines.
const messagesLimit = 60

// read counts the names of packages, which -v prints, and returns every other line.
func read(stderr io.Reader, compiled *atomic.Int64) string {
	var kept []string
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case isPackage(line):
			compiled.Add(1)
		case len(kept) < messagesLimit:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// isPackage tells an import path from a message: messages have blanks or begin with #.
func isPackage(line string) bool {
	return line != "" && !strings.ContainsAny(line, " \t:#")
}

// tick calls f every few seconds until stop is called.
func tick(f func()) (stop func()) {
	done := make(chan struct{})
	ticker := time.NewTicker(3 * time.Second)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
