package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is one of the accounts of the sandbox.
type account struct {
	name     string
	uid, gid int
}

// allIDs is what idsOf says of a process that is the user and nobody else.
func (a account) allIDs() string { return fmt.Sprintf("%[1]d %[1]d %[1]d %[1]d", a.uid) }

// workerName is the account that runs supervisors, as everywhere in the suite.
const workerName = "airflow"

// crowdNames are the users of the lines with many tasks. Those that the sandbox
// lacks are added to it.
var crowdNames = []string{"alice", "bob", "carol", "randomuser", "airflowuser", "bench1", "bench2", "bench3"}

const (
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

	// processBudget bounds each single process: far above what a slow machine
	// needs, so that a process that hangs is a failure and not a long wait.
	processBudget = 2 * time.Minute
)

// site is the machine on which tasks are measured: the inside of a sandbox.
type site struct {
	dir    string // dags, logs, workloads, ...
	bin    string // the reference commands
	worker account
	crowd  []account
	api    *api
	stderr *os.File // of every process that is started
}

// newSite makes folders, accounts and the Execution API. It needs root in a
// sandbox that has the account airflow with sudo rights.
func newSite(bin string) (*site, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("the measurements need root in a sandbox, this is uid %d", os.Geteuid())
	}
	s := &site{bin: bin}
	var err error
	if s.worker, err = find(workerName); err != nil {
		return nil, fmt.Errorf("this is no sandbox of the suite: %w", err)
	}
	for i, name := range crowdNames {
		a, err := find(name)
		if err != nil {
			if a, err = add(name, 61201+i); err != nil {
				return nil, err
			}
		}
		s.crowd = append(s.crowd, a)
	}
	if s.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	if s.stderr, err = os.OpenFile(filepath.Join(s.dir, "stderr"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("make file for standard error: %w", err)
	}
	s.api, err = openAPI()
	return s, err
}

func (s *site) close() {
	s.api.close()
	s.stderr.Close()
	os.RemoveAll(s.dir)
}

// fill makes the folders and the Dag of the reference.
func (s *site) fill() error {
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	for _, name := range []string{"dags", "workloads", "home", "logs", "bundles", "run"} {
		path := filepath.Join(s.dir, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if name == "dags" || name == "workloads" {
			continue
		}
		if err := os.Chown(path, s.worker.uid, s.worker.gid); err != nil {
			return fmt.Errorf("give folder to %s: %w", s.worker.name, err)
		}
	}
	var dag strings.Builder
	dag.WriteString("dag_id: probe\ntasks:\n")
	for _, a := range s.crowd {
		fmt.Fprintf(&dag, "  - {id: probe_%s, run_as_user: %s}\n", a.name, a.name)
	}
	return s.write("dags/probe.yaml", dag.String(), 0o644)
}

func (s *site) write(name, text string, mode os.FileMode) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Chown(path, 0, s.worker.gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, s.worker.name, err)
	}
	return nil
}

func find(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("find account: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("account %s: uid: %w", name, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("account %s: gid: %w", name, err)
	}
	return account{name, uid, gid}, nil
}

// add writes an account into the databases of the sandbox.
func add(name string, id int) (account, error) {
	for path, line := range map[string]string{
		"/etc/passwd": fmt.Sprintf("%s:x:%d:%d::/nonexistent:/bin/sh\n", name, id, id),
		"/etc/group":  fmt.Sprintf("%s:x:%d:\n", name, id),
		"/etc/shadow": fmt.Sprintf("%s:*:20000:0:99999:7:::\n", name),
	} {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return account{}, fmt.Errorf("add account %s: %w", name, err)
		}
		_, err = file.WriteString(line)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return account{}, fmt.Errorf("add account %s: %w", name, err)
		}
	}
	return find(name)
}

// environment is what a supervisor is started with: settings under Airflow's
// names, all others at their defaults.
func (s *site) environment(more ...string) []string {
	return append([]string{
		"PATH=" + searchPath, "LANG=C.UTF-8", "SHELL=/bin/sh",
		"HOME=/home/" + s.worker.name, "USER=" + s.worker.name, "LOGNAME=" + s.worker.name,
		"AIRFLOW_HOME=" + filepath.Join(s.dir, "home"),
		"AIRFLOW__CORE__LOAD_EXAMPLES=False",
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=" + s.api.url,
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=" + filepath.Join(s.dir, "logs"),
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=" + filepath.Join(s.dir, "bundles"),
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=" + fmt.Sprintf(
			`[{"name":"dags","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":%q}}]`,
			filepath.Join(s.dir, "dags")),
	}, more...)
}

// command is a process of the worker account, for both sides of a pair alike:
// nothing on standard input and output, diagnostics into one file.
func (s *site) command(ctx context.Context, argv []string, environ []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = "/", environ, s.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: &syscall.Credential{Uid: uint32(s.worker.uid), Gid: uint32(s.worker.gid)},
	}
	return cmd
}

// timed runs a command to its end, which has to be exit code 0.
func (s *site) timed(ctx context.Context, argv []string, environ []string) (begin, end time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, processBudget)
	defer cancel()
	cmd := s.command(ctx, argv, environ)
	begin = time.Now()
	err = cmd.Run()
	end = time.Now()
	if err != nil {
		return begin, end, fmt.Errorf("%s: %w%s", strings.Join(argv, " "), err, s.said())
	}
	return begin, end, nil
}

// sudo is the floor: sudo's price for a process of another user.
func (s *site) sudo(u account) []string { return []string{"sudo", "-n", "-u", u.name, "true"} }

// said is the end of what processes wrote to standard error.
func (s *site) said() string {
	const most = 2000
	text, err := io.ReadAll(io.NewSectionReader(s.stderr, 0, 1<<20))
	text = bytes.TrimSpace(text[max(0, len(text)-most):])
	if err != nil || len(text) == 0 {
		return ""
	}
	return "; standard error ends with:\n" + string(text)
}
