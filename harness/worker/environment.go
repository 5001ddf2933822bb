package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// askTime bounds one question to a program of the sandbox. An implementation
// that starts a large runtime may need many seconds to tell its version.
const askTime = 60 * time.Second

// environment describes the sandbox for the record.
func environment(ctx context.Context, p plan.Plan) map[string]string {
	e := map[string]string{
		"architecture": runtime.GOARCH,
		"cpus":         fmt.Sprint(runtime.NumCPU()),
		"kernel":       strings.TrimSpace(readText("/proc/sys/kernel/osrelease")),
		"os":           osName(readText("/etc/os-release")),
		"sudo":         firstLine(ask(ctx, "root", "sudo", "--version")),
		"git":          firstLine(ask(ctx, "root", "git", "--version")),
		"sandbox":      p.Sandbox,
	}
	if len(p.Manifest.Version) > 0 {
		replace := strings.NewReplacer("{bin}", p.Bin, "{implementation}", p.Implementation)
		argv := make([]string, len(p.Manifest.Version))
		for i, arg := range p.Manifest.Version {
			argv[i] = replace.Replace(arg)
		}
		e["implementation"] = firstLine(ask(ctx, account.Worker, argv...))
	}
	return e
}

func readText(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// osName is PRETTY_NAME of an os-release file.
func osName(text string) string {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}

// ask runs a program as an account and returns what it wrote to stdout, or, in
// brackets, why it did not.
func ask(ctx context.Context, user string, argv ...string) string {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stdout, stderr head
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := account.RunAs(cmd, user); err != nil {
		return "(" + err.Error() + ")"
	}
	if err := cmd.Run(); err != nil {
		return strings.TrimSpace(fmt.Sprintf("(%v) %s", err, lastLine(stderr.text.String())))
	}
	return stdout.text.String()
}

// head keeps the beginning of what is written to it: a program under test may
// write without end.
type head struct{ text bytes.Buffer }

const maxHead = 16 << 10

func (h *head) Write(p []byte) (int, error) {
	h.text.Write(p[:min(len(p), maxHead-h.text.Len())])
	return len(p), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	const limit = 200
	return strings.ToValidUTF8(line[:min(len(line), limit)], "\uFFFD")
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
