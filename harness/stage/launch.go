package stage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// join makes what every run has.
func (s *Stage) join(r *Run) *Run {
	r.ended, r.drained, r.over = make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.said = map[string]*record.Output{"stdout": {}, "stderr": {}, "log": {}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, r)
	return r
}

// newRun makes the task instance, its barriers and its name.
func (s *Stage) newRun(task Task) *Run {
	task.BundleName = cmp.Or(task.BundleName, "dags")
	task.DagFile = cmp.Or(task.DagFile, filepath.Base(s.session.Plan.Manifest.Probe))
	task.Worker = cmp.Or(task.Worker, account.Worker)
	r := &Run{stage: s, task: task, dagID: "probe", taskID: "probe", barriers: map[string]*barrier{}}
	if task.As != "" {
		r.taskID = "probe_" + task.As
	}
	r.label = s.label(task)
	r.runID = s.runID(task, r.taskID)
	s.World.AddSecret(task.Secrets...)

	dir := s.Path("barrier", r.label)
	s.must(account.Root().MakeDir(dir, 0o755))
	for _, verb := range task.Verbs {
		name, _ := verb["name"].(string)
		if verb["do"] != "wait_for" || r.barriers[name] != nil {
			continue
		}
		b, err := newBarrier(dir, name)
		s.must(err)
		r.barriers[name] = b
	}

	verbs := make([]any, len(task.Verbs))
	for i, verb := range task.Verbs {
		verbs[i] = world.Canonical(map[string]any(verb))
	}
	conf := map[string]any{"verbs": verbs, "barrier_dir": dir}
	for key, value := range task.Conf {
		conf[key] = world.Canonical(value)
	}
	r.ti = uuid.NewString()
	s.World.AddTask(world.TaskInstance{
		ID: r.ti, Dag: r.dagID, Run: r.runID, Task: r.taskID, Map: task.mapIndex(), Try: 1, DagVersionID: uuid.NewString(),
		ShouldRetry: task.ShouldRetry, MaxTries: map[bool]int{true: 2}[task.ShouldRetry], Conf: conf,
		LogicalDate: s.begun.UTC().Truncate(time.Microsecond),
		Token:       "workload-" + s.Nonce(), Refreshed: "execution-" + s.Nonce(),
	})
	return s.join(r)
}

// label is the name of the run in the journal: unique within the case.
func (s *Stage) label(task Task) string {
	name := task.Name
	if name == "" {
		name = task.As
	}
	if name == "" {
		name = "plain"
	}
	name = strings.ReplaceAll(name, "/", "-")
	label := name
	for n := 2; slices.ContainsFunc(s.allRuns(), func(r *Run) bool { return r.label == label }); n++ {
		label = fmt.Sprintf("%s-%d", name, n)
	}
	return label
}

// runID puts the task into the Dag run of the case, or, where that task is in
// it already, into the next one.
func (s *Stage) runID(task Task, taskID string) string {
	if task.RunID != "" {
		return task.RunID
	}
	for n := 1; ; n++ {
		id := fmt.Sprintf("understudy__%d_%d", s.number, n)
		if !slices.ContainsFunc(s.allRuns(), func(r *Run) bool {
			return r.runID == id && r.taskID == taskID && r.task.mapIndex() == task.mapIndex()
		}) {
			return id
		}
	}
}

func (s *Stage) allRuns() []*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.runs)
}

// launch writes what the process needs and starts it.
func (s *Stage) launch(r *Run) error {
	how, ok := s.session.Plan.Manifest.Roles[s.role]
	if !ok || len(how.Argv) == 0 {
		return fmt.Errorf("the manifest has no role %s", s.role)
	}
	worker, err := account.Find(r.task.Worker)
	if err != nil {
		return err
	}
	for _, dir := range []string{"home", "logs", "bundles"} {
		err := worker.Own(s.Path(dir), 0o755)
		if errors.Is(err, safefile.ErrNotRegular) || errors.Is(err, fs.ErrNotExist) {
			s.exchangedFolder(dir, err)
		}
		if err != nil {
			return err
		}
	}
	file, settings := s.inFile(r.task, r.counterpart.Settings())
	if err := s.writeConfig(r.task, worker, file); err != nil {
		return err
	}
	replace := s.templates(r, worker)
	environment := s.environment(r.task, worker, settings, replaced(how.Env, replace))
	r.command = func(argv []string) (*exec.Cmd, error) {
		cmd := &exec.Cmd{
			Dir: "/", Env: slices.Clone(environment),
			SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Credential: worker.Credential()},
		}
		for _, arg := range argv {
			cmd.Args = append(cmd.Args, replace.Replace(arg))
		}
		cmd.Path, err = lookPath(cmd.Args[0])
		return cmd, err
	}
	cmd, err := r.command(how.Argv)
	if err != nil {
		return err
	}
	return r.counterpart.Start(cmd)
}

func (s *Stage) exchangedFolder(name string, err error) {
	s.unmet("a folder of the case was exchanged", name+" is still the folder that the implementation was given", err.Error())
}

func (s *Stage) writeConfig(task Task, worker account.Account, settings map[string]string) error {
	if task.File == nil {
		return nil
	}
	text := task.File.Text
	if text == "" {
		var err error
		if text, err = iniText(settings); err != nil {
			return err
		}
	}
	owner, mode := worker, task.File.Mode
	if task.File.Owner != "" {
		var err error
		if owner, err = account.Find(task.File.Owner); err != nil {
			return err
		}
	}
	if mode == 0 {
		mode = 0o644
	}
	return owner.WriteFile(s.ConfigPath(), text, mode)
}

// templates replaces what a manifest may use in argv and environment.
func (s *Stage) templates(r *Run, worker account.Account) *strings.Replacer {
	pairs := []string{
		"{bin}", s.session.Plan.Bin, "{implementation}", s.session.Plan.Implementation,
		"{user}", worker.Name, "{home}", worker.Home,
		"{log_dir}", s.Path("logs"), "{bundle_root}", s.Path("dags"), "{config}", s.ConfigPath(),
	}
	for word, meaning := range r.counterpart.Words() {
		pairs = append(pairs, word, meaning)
	}
	return strings.NewReplacer(pairs...)
}

func replaced(env map[string]string, replace *strings.Replacer) map[string]string {
	out := map[string]string{}
	for name, value := range env {
		out[name] = replace.Replace(value)
	}
	return out
}

// drain notices the end of all channels, and then that of the whole run.
func (r *Run) drain() {
	r.reading.Wait()
	close(r.drained)
	<-r.ended
	close(r.over)
}

// expendable lets the kernel kill the process, and what it starts, before init and worker where the sandbox has
// reached its bound of memory. Where that cannot be had the order is the kernel's.
func expendable(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
}

// finish notes the end of the process and tells everybody who waits for it. How
// it ended is known by now.
func (r *Run) finish() {
	r.stage.record.Put(journal.Event{Run: r.label, Step: &journal.Step{Who: "implementation", Text: r.outcome(true)}})
	close(r.ended)
}

// outcome says how the process ended, if it has.
func (r *Run) outcome(ended bool) string {
	switch {
	case !ended:
		return fmt.Sprintf("process %d still lives", r.root.PID)
	case r.unknown:
		return fmt.Sprintf("process %d ended", r.root.PID)
	case r.status.Signaled():
		return fmt.Sprintf("process %d was ended by %s", r.root.PID, signalName(r.status.Signal()))
	}
	return fmt.Sprintf("process %d ended with exit code %d", r.root.PID, r.status.ExitStatus())
}

// lookPath finds a command in the path that the implementation gets, not in the
// stage's own.
func lookPath(name string) (string, error) {
	if filepath.Base(name) != name {
		return name, nil
	}
	for _, dir := range filepath.SplitList(account.SearchPath) {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s in %s: %w", name, account.SearchPath, exec.ErrNotFound)
}

func closeFiles(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

func signalName(signal syscall.Signal) string {
	if name := unix.SignalName(signal); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(signal))
}
