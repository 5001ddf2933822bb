package stage

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/world/executionapi"
)

// apiServer is the Execution API of one case.
type apiServer struct {
	listener net.Listener
	server   *http.Server
}

// url is the value of [core] execution_api_server_url.
func (a *apiServer) url() string { return "http://" + a.listener.Addr().String() + "/execution/" }

// openAPI starts the Execution API, once a case, on a port of the loopback device.
func (s *Stage) openAPI() error {
	if s.api != nil {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the Execution API: %w", err)
	}
	s.api = &apiServer{listener: listener, server: executionapi.NewServer(s.World, s.exchanged)}
	go s.api.server.Serve(listener) // ends by Close
	return nil
}

// exchanged journals one request.
func (s *Stage) exchanged(e executionapi.Exchange) {
	label := ""
	for _, r := range s.allRuns() {
		if r.ti == e.Task {
			label = r.label
			r.heard(fmt.Sprintf("%s %s %d", e.Method, e.Path, e.Status))
		}
	}
	s.record.exchange(journal.Event{Run: label, HTTP: &journal.HTTP{
		Method: e.Method, Path: "/" + e.Path, Status: e.Status, Body: e.Body, Size: e.Size,
	}})
}

func (s *Stage) workloadPath(r *Run) string { return s.Path("workload-" + r.label + ".json") }

// startWorker writes the workload and starts cmd as a worker.
func (s *Stage) startWorker(r *Run, cmd *exec.Cmd, worker account.Account) error {
	ti := r.TI()
	logPath := r.label + ".log"
	r.taskLog = filepath.Join("logs", logPath)
	if r.task.PlantLog != nil {
		s.must(r.task.PlantLog(s.Path(r.taskLog)))
	}
	var version any
	if r.task.BundleVersion != "" {
		version = r.task.BundleVersion
	}
	workload, err := json.Marshal(map[string]any{
		"type": "ExecuteTask", "token": ti.Token, "dag_rel_path": s.dagFile(r.task), "log_path": logPath,
		"bundle_info": map[string]any{"name": bundleName(r.task), "version": version},
		"ti": map[string]any{
			"id": ti.ID, "task_id": ti.Task, "dag_id": ti.Dag, "run_id": ti.Run, "try_number": ti.Try,
			"dag_version_id": ti.DagVersionID, "map_index": -1, "pool_slots": 1, "priority_weight": 1, "queue": "default",
		},
	})
	if err != nil {
		return fmt.Errorf("encode workload: %w", err)
	}
	// It holds the token: for the worker account and nobody else.
	owner := account.Account{Name: worker.Name, GID: worker.GID}
	if err := owner.WriteFile(s.workloadPath(r), string(workload), 0o640); err != nil {
		return err
	}
	var ends []*os.File
	for _, channel := range []struct {
		name string
		into *output
	}{{"stdout", &r.stdout}, {"stderr", &r.stderr}} {
		read, write, err := os.Pipe()
		if err != nil {
			closeFiles(ends)
			return fmt.Errorf("make pipe for %s: %w", channel.name, err)
		}
		ends = append(ends, write)
		r.read(read, channel.name, channel.into)
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[1]
	go r.drain()
	return r.begin(cmd, ends...)
}
