//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Places inside the sandbox.
const (
	python = "/opt/airflow/bin/python"
	bin    = "/understudy/bin"
	given  = "/understudy/implementation" // images/airflow
	root   = "/srv/interop"
	dags   = root + "/dags"
	home   = root + "/home"
	logs   = root + "/logs"
	base   = home + "/airflow.db"
)

// secret signs the tokens of the server. It guards nothing but this sandbox.
const secret = "interop-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Tokens of the server live so long, and not a second more: a task that takes longer
// shows that the supervisor uses those that it is given with heartbeats. The server
// gives them in the last 30 seconds, so that a machine may be busy for as long.
const tokenLife = 40 * time.Second

//go:embed site.py
var sitePy string

//go:embed states.py
var statesPy string

// api is the address of the server of this test run.
var api string

func TestMain(m *testing.M) {
	code, err := inSite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		code = 1
	}
	os.Exit(code)
}

func inSite(m *testing.M) (int, error) {
	if os.Getuid() != 0 || exec.Command(python, "-V").Run() != nil {
		return 1, errors.New("this runs as root in a sandbox of Airflow; see the package comment")
	}
	if err := lay(); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // one of our own listener
	listener.Close()
	api = "http://127.0.0.1:" + port + "/execution/"
	settings := server(port)

	filled, err := fill(settings)
	if err != nil {
		return 1, err
	}
	// The server starts while Dags are read and runs are made: both take seconds.
	ended, err := serve(ctx, settings)
	if err != nil {
		return 1, err
	}
	if err := <-filled; err != nil {
		return 1, err
	}
	if err := healthy(ctx, ended); err != nil {
		return 1, err
	}
	code := m.Run()
	cancel()
	<-ended
	return code, nil
}

// lay makes the folders and files.
func lay() error {
	worker, err := credential("airflow")
	if err != nil {
		return err
	}
	for _, dir := range []string{root, dags, home, logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chown(dir, int(worker.Uid), int(worker.Gid)); err != nil {
			return err
		}
	}
	text := map[string]string{"states.py": statesPy, "../site.py": sitePy}
	for _, name := range []string{"probe.py", "probe.yaml"} {
		content, err := os.ReadFile(filepath.Join(given, name))
		if err != nil {
			return err
		}
		text[name] = string(content)
	}
	for name, content := range text {
		if err := os.WriteFile(filepath.Join(dags, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	wanted, err := json.Marshal(runs())
	if err != nil {
		return err
	}
	return os.WriteFile(root+"/runs.json", wanted, 0o644)
}

// common are the settings of server and supervisor.
func common() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/airflow", "USER=airflow", "LOGNAME=airflow",
		"SHELL=/bin/sh", "LANG=C.UTF-8", "AIRFLOW_HOME=" + home, "AIRFLOW__CORE__LOAD_EXAMPLES=False",
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=" + api,
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=" + logs,
		`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":"` + dags + `"}}]`,
	}
}

func server(port string) []string {
	return append(common(),
		"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:///"+base,
		"AIRFLOW__API_AUTH__JWT_SECRET="+secret,
		"AIRFLOW__API_AUTH__JWT_LEEWAY=0",
		fmt.Sprintf("AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME=%d", tokenLife/time.Second),
		"AIRFLOW__API__HOST=127.0.0.1", "AIRFLOW__API__PORT="+port, "AIRFLOW__API__WORKERS=1",
		"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True", "AIRFLOW__CORE__EXECUTOR=LocalExecutor",
	)
}

// asWorker prepares a command of the worker account.
func asWorker(ctx context.Context, environ []string, argv ...string) (*exec.Cmd, error) {
	worker, err := credential("airflow")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", environ, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: worker, Setpgid: true}
	return cmd, nil
}

func credential(name string) (*syscall.Credential, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}}, err
}

// fill starts site.py and returns once the schema is there. The channel tells how the rest went.
func fill(environ []string) (<-chan error, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	cmd, err := asWorker(ctx, environ, python, root+"/site.py", root+"/runs.json")
	if err != nil {
		cancel()
		return nil, err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	migrated := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		defer cancel()
		announced := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			if lines.Text() == "migrated" && !announced {
				announced = true
				close(migrated)
			}
		}
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("site.py: %w\n%s", err, said.String())
		}
		done <- err
	}()
	select {
	case <-migrated:
		return done, nil
	case err := <-done:
		return nil, errors.Join(err, errors.New("site.py ended before the schema was there"))
	}
}

// serve starts the API server; the channel is closed when it has ended.
func serve(ctx context.Context, environ []string) (<-chan struct{}, error) {
	cmd, err := asWorker(ctx, environ, "/opt/airflow/bin/airflow", "api-server", "--apps", "execution")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(root + "/api-server.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed at the end; before it, healthy tells
	}()
	return ended, nil
}

// healthy waits until the server answers.
func healthy(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"health", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("the API server ended: %s", tail(root+"/api-server.log"))
		case <-ctx.Done():
			return fmt.Errorf("the API server is not healthy: %s", tail(root+"/api-server.log"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
