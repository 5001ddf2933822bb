package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// askTime bounds one question to a program of the sandbox. An implementation
// that starts a large runtime may need many seconds to tell its version.
const askTime = 60 * time.Second

// environment describes the sandbox for the record.
func environment(ctx context.Context, p plan.Plan, as release.Version) map[string]string {
	e := map[string]string{
		journal.AirflowKey: as.String(),
		"architecture":     runtime.GOARCH,
		"cpus":             fmt.Sprint(runtime.NumCPU()),
		"kernel":           strings.TrimSpace(readText("/proc/sys/kernel/osrelease")),
		"os":               osName(readText("/etc/os-release")),
		"sudo":             firstLine(told(ask(ctx, "root", "sudo", "--version"))),
		"git":              firstLine(told(ask(ctx, "root", "git", "--version"))),
		"sandbox":          p.Sandbox,
	}
	if len(p.Manifest.Version) > 0 {
		e["implementation"] = firstLine(told(ask(ctx, account.Worker, filled(p, p.Manifest.Version)...)))
	}
	return e
}

// airflow finds out as which release of Airflow the implementation is judged: it says so
// itself, by its manifest, or nothing does.
func airflow(ctx context.Context, p plan.Plan) (release.Version, error) {
	manifest := p.Manifest.Airflow
	switch {
	case len(manifest.Command) > 0:
		text, err := ask(ctx, account.Worker, filled(p, manifest.Command)...)
		if err != nil {
			return release.Version{}, fmt.Errorf("the manifest's command airflow does not tell the release: %w", err)
		}
		v, err := release.ParseJudged(firstLine(text))
		if err != nil {
			return release.Version{}, fmt.Errorf("the manifest's command airflow does not tell the release by what it prints: %w", err)
		}
		return v, nil
	case manifest.IsZero():
		return shape.Default(), nil
	}
	return manifest.Version(), nil
}

// filled is a command of the manifest with its words replaced.
func filled(p plan.Plan, argv []string) []string {
	replace := strings.NewReplacer("{bin}", p.Bin, "{implementation}", p.Implementation)
	list := make([]string, len(argv))
	for i, arg := range argv {
		list[i] = replace.Replace(arg)
	}
	return list
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

// told is an answer of ask, or, in brackets, why there is none.
func told(text string, err error) string {
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// ask runs a program as an account and returns what it wrote to stdout.
func ask(ctx context.Context, user string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stdout, stderr head
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := account.RunAs(cmd, user); err != nil {
		return "", err
	}
	if err := cmd.Run(); err != nil {
		return "", errors.New(strings.TrimSuffix(fmt.Sprintf("%v: %s", err, lastLine(stderr.text.String())), ": "))
	}
	return stdout.text.String(), nil
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
