//go:build engine

package docker

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// asOuter, set to a folder with helper commands, makes this test binary an outer command that
// starts a sandbox and waits to be killed.
const asOuter = "UNDERSTUDY_TEST_OUTER"

func TestMain(m *testing.M) {
	if bin := os.Getenv(asOuter); bin != "" {
		outer(bin)
		return
	}
	if os.Getenv("UNDERSTUDY_ENGINE") != "1" {
		fmt.Println("these tests use a Docker engine: set UNDERSTUDY_ENGINE=1")
		os.Exit(1)
	}
	code := m.Run()
	if dir, err := helperCommands(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// helperCommands are built once for all tests.
var helperCommands = sync.OnceValues(func() (string, error) {
	checkout, err := commands.Checkout()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "understudy-engine-test-")
	if err != nil {
		return "", err
	}
	return dir, commands.Build(context.Background(), checkout, dir, "", func(string) {})
})

func reference(t testing.TB) implementation.Manifest {
	t.Helper()
	m, err := implementation.Load("../../../images/reference")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func prepared(t testing.TB) *Backend {
	t.Helper()
	bin, err := helperCommands()
	if err != nil {
		t.Fatal(err)
	}
	b := New(Options{Commands: bin, Manifest: reference(t), RunID: "engine-test-" + t.Name(), Log: t.Output()})
	if err := b.Prepare(t.Context(), func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// planLine is a plan with the first case of each role that the reference plays, and the answers to a worker that asks for them.
func planLine(t testing.TB, b *Backend) []byte {
	t.Helper()
	text, err := exec.Command(filepath.Join(b.options.Commands, "understudy-worker"), "index").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []plan.Case
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var cases []plan.Case
	for _, r := range b.options.Manifest.Plays() {
		i := slices.IndexFunc(all, func(c plan.Case) bool { return c.Role == r })
		if i < 0 {
			t.Fatalf("no case with role %s in %d cases", r, len(all))
		}
		cases = append(cases, all[i])
	}
	line, err := json.Marshal(plan.Plan{
		Schema: journal.Schema, RunID: b.options.RunID, Attempt: 1, Manifest: b.options.Manifest, Cases: cases,
		Bin: sandbox.Bin, Implementation: sandbox.Implementation, Sandbox: b.Name(),
	})
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, '\n')
	for _, c := range cases {
		line = append(line, plan.Next(c.ID)...)
	}
	return append(line, plan.Next("")...)
}

func started(t *testing.T, b *Backend, line []byte) *process {
	t.Helper()
	p, err := b.Start(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*process)
}

// drained reads the events to their end in the background.
func drained(p *process) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, p.Events())
	}()
	return done
}

func mustBeGone(t *testing.T, b *Backend, id string) {
	t.Helper()
	if _, err := b.engine.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("inspect of container %.12s after its end: %v, want: not found", id, err)
	}
}

func TestReferenceHoldsItsControlsAndItsFirstCases(t *testing.T) {
	b := prepared(t)
	line := planLine(t, b)
	before := time.Now()
	p := started(t, b, line)
	t.Logf("started after %s", time.Since(before))
	events, err := journal.ReadAll(p.Events())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("Wait: %v\n%s", err, p.Diagnostics())
	}
	t.Logf("ended after %s; diagnostics: %q", time.Since(before), p.Diagnostics())
	var got []string
	for _, e := range events {
		switch {
		case e.Control != nil:
			got = append(got, fmt.Sprintf("%s %s %s", e.Kind(), e.Control.Role, e.Control.Observation.Outcome))
			t.Log(e.Control)
		case e.CaseEnd != nil:
			got = append(got, fmt.Sprintf("%s %s %s", e.Kind(), strings.Split(e.Case, "/")[1], e.CaseEnd.Outcome))
			t.Log(e.Case, e.CaseEnd)
		case e.SandboxEnd != nil:
			got = append(got, string(e.Kind()))
		}
	}
	slices.Sort(got) // the worker plays in the order of its scenario tree
	want := []string{
		"case-end runner held", "case-end supervisor held", "case-end worker held",
		"control runner held", "control supervisor held", "control worker held", "sandbox-end",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	mustBeGone(t, b, p.id)
	for _, fact := range []string{"kernel", "engine", "storage-driver", "image", "image-id", "base"} {
		if b.Environment()[fact] == "" {
			t.Errorf("the environment lacks %s: %v", fact, b.Environment())
		}
	}
}

func TestHelperCommandsBelongToRoot(t *testing.T) {
	b := prepared(t)
	p := started(t, b, planLine(t, b))
	done := drained(p)
	copied, err := b.engine.CopyFromContainer(t.Context(), p.id, client.CopyFromContainerOptions{SourcePath: "/understudy"})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Content.Close()
	got := map[string]string{}
	for archive := tar.NewReader(copied.Content); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[strings.TrimSuffix(header.Name, "/")] = fmt.Sprintf("%o %d:%d", header.FileInfo().Mode().Perm(), header.Uid, header.Gid)
	}
	want := map[string]string{
		"understudy": "755 0:0", "understudy/bin": "755 0:0", "understudy/implementation": "755 0:0",
		"understudy/bin/understudy-worker": "755 0:0", "understudy/bin/understudy-supervisor": "755 0:0", "understudy/bin/understudy-runner": "755 0:0",
		"understudy/bin/understudy-fetcher":             "755 0:0",
		"understudy/bin/understudy-keeper":              "755 0:0",
		"understudy/bin/understudy-puppet":              "755 0:0",
		"understudy/implementation/implementation.yaml": "644 0:0", "understudy/implementation/probe.yaml": "644 0:0",
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/understudy (-want +got):\n%s", diff)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	<-done
	if err := p.Wait(); err == nil {
		t.Error("Wait after Kill returned no error")
	}
}

func TestEndOfTheLifeLineEndsTheSandbox(t *testing.T) {
	b := prepared(t)
	p := started(t, b, planLine(t, b))
	done := drained(p)
	if err := p.End(); err != nil {
		t.Error(err)
	}
	<-done
	if err := p.Wait(); err == nil || err.Error() != "exit status 143" {
		t.Errorf("Wait: %v, want exit status 143", err)
	}
	mustBeGone(t, b, p.id)
	if err := errors.Join(p.End(), p.Kill()); err != nil {
		t.Errorf("End and Kill of what has ended: %v", err)
	}
}

func TestKillRemovesTheContainer(t *testing.T) {
	b := prepared(t)
	p := started(t, b, planLine(t, b))
	done := drained(p)
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	<-done
	if err := p.Wait(); err == nil || err.Error() != "exit status 137" {
		t.Errorf("Wait: %v, want exit status 137", err)
	}
	mustBeGone(t, b, p.id)
}

func TestCloseKillsWhatRuns(t *testing.T) {
	b := prepared(t)
	p := started(t, b, planLine(t, b))
	engine, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	b.engine = engine // for mustBeGone and the second Close
	mustBeGone(t, b, p.id)
}

func TestDiagnosticsSayWhyAPlanIsNone(t *testing.T) {
	b := prepared(t)
	p := started(t, b, []byte("no plan\n"))
	<-drained(p)
	if err := p.Wait(); err == nil || err.Error() != "exit status 1" {
		t.Errorf("Wait: %v, want exit status 1", err)
	}
	if !strings.Contains(p.Diagnostics(), "read plan") {
		t.Errorf("diagnostics %q, want what was wrong with the plan", p.Diagnostics())
	}
}

func TestManySandboxesAtOnce(t *testing.T) {
	b := prepared(t)
	line := planLine(t, b)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			p, err := b.Start(t.Context(), line)
			if err != nil {
				t.Error(err)
				return
			}
			events, err := journal.ReadAll(p.Events())
			if err != nil || len(events) == 0 || events[len(events)-1].SandboxEnd == nil {
				t.Errorf("%d events, error %v; want an exit record last", len(events), err)
			}
			if err := p.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// outer starts a sandbox, prints its container, and waits for its own death.
func outer(bin string) {
	m, err := implementation.Load("../../../images/reference")
	if err != nil {
		panic(err)
	}
	b := New(Options{Commands: bin, Manifest: m, RunID: "engine-test-outer"})
	if err := b.Prepare(context.Background(), func(string) {}); err != nil {
		panic(err)
	}
	p, err := b.Start(context.Background(), nil) // no plan yet: init waits for it
	if err != nil {
		panic(err)
	}
	fmt.Println(p.(*process).id)
	select {}
}

func TestSandboxDiesWithItsOuterCommand(t *testing.T) {
	b := prepared(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asOuter+"="+b.options.Commands)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(id)
	gone := b.engine.ContainerWait(t.Context(), id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	before := time.Now()
	if err := errors.Join(cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	select {
	case <-gone.Result:
		t.Logf("container gone %s after its outer command was killed", time.Since(before))
	case err := <-gone.Error:
		t.Error(err)
	case <-time.After(patience.Limit):
		t.Error("the container still runs long after its outer command was killed")
	}
	mustBeGone(t, b, id)
}

func TestSweepRemovesOnlyWhatDeadRunsLeft(t *testing.T) {
	b := prepared(t)
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	create := func(pid int) string {
		marks := labels("engine-test-sweep")
		marks[pidLabel] = fmt.Sprint(pid)
		c, err := b.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{
			Config: &container.Config{Image: b.image, Labels: marks, Entrypoint: []string{"true"}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { remove(context.Background(), b.engine, c.ID) })
		return c.ID
	}
	living, dead := create(os.Getpid()), create(ended.Process.Pid)
	removed, err := Sweep(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	of := func(id string) bool {
		return slices.ContainsFunc(removed, func(r Removed) bool { return r.Container == id })
	}
	if of(living) || !of(dead) {
		t.Errorf("removed %v, want %s and not %s", removed, dead, living)
	}
	mustBeGone(t, b, dead)
	if _, err := b.engine.ContainerInspect(t.Context(), living, client.ContainerInspectOptions{}); err != nil {
		t.Errorf("the container of a living run: %v", err)
	}
}

func TestInterruptedStartLeavesNoContainer(t *testing.T) {
	b := prepared(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Start(ctx, planLine(t, b)); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want context canceled", err)
	}
	left, err := b.engine.ContainerList(t.Context(), client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", runLabel+"="+b.options.RunID)})
	if err != nil {
		t.Fatal(err)
	}
	if len(left.Items) > 0 {
		t.Errorf("%d containers are left", len(left.Items))
	}
}

func TestImageIsBuiltOnceAndFailuresShowTheirLastWords(t *testing.T) {
	bin, err := helperCommands()
	if err != nil {
		t.Fatal(err)
	}
	m := reference(t)
	m.Slug, m.Dir = "engine-test", t.TempDir()
	nonce := time.Now().String() // an image that is not there yet
	write := func(provision string) {
		t.Helper()
		for name, text := range map[string]string{
			"Dockerfile":   "ARG BASE=debian:trixie-slim\nFROM $BASE\nCOPY provision.sh /\nRUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt bash /provision.sh\n",
			"provision.sh": provision,
		} {
			if err := os.WriteFile(filepath.Join(m.Dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	prepare := func() (told []string, log string, b *Backend, err error) {
		var out bytes.Buffer
		b = New(Options{Commands: bin, Manifest: m, RunID: "engine-test-image", Log: &out})
		t.Cleanup(func() { b.Close() })
		err = b.Prepare(t.Context(), func(text string) { told = append(told, text) })
		return told, out.String(), b, err
	}

	write("# " + nonce + "\necho some last words; exit 3\n")
	_, log, _, err := prepare()
	if !errors.Is(err, ErrBuild) || !strings.Contains(err.Error(), "some last words") {
		t.Errorf("a provision.sh that fails: %v, want ErrBuild with its output", err)
	}
	if !strings.Contains(log, "some last words") {
		t.Errorf("the log lacks the output:\n%s", log)
	}

	write("# " + nonce + "\necho '[1/1] hello from the script'\n")
	there, err := New(Options{Manifest: m}).ImageThere(t.Context())
	if err != nil || there {
		t.Errorf("ImageThere before the build: %t, %v", there, err)
	}
	if err := New(Options{Manifest: m}).Obtainable(t.Context()); err != nil {
		t.Errorf("Obtainable before the build: %v", err)
	}
	told, log, b, err := prepare()
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		engine, err := connect(context.Background())
		if err != nil {
			t.Error(err)
			return
		}
		defer engine.Close()
		if _, err := engine.ImageRemove(context.Background(), b.image, client.ImageRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	if !slices.Contains(told, "[1/1] hello from the script") {
		t.Errorf("progress %q, want the script's step; log:\n%s", told, log)
	}
	there, err = New(Options{Manifest: m}).ImageThere(t.Context())
	if err != nil || !there {
		t.Errorf("ImageThere after the build: %t, %v", there, err)
	}
	told, log, _, err = prepare()
	if err != nil || len(told) != 0 || log != "" {
		t.Errorf("the second Prepare: progress %q, log %q, error %v; want none", told, log, err)
	}
}

func BenchmarkStart(b *testing.B) {
	backend := prepared(b)
	for b.Loop() {
		p, err := backend.Start(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := p.Kill(); err != nil {
			b.Fatal(err)
		}
		p.Wait()
		b.StartTimer()
	}
}
