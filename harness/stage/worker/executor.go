package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// executor is what the stage plays to one task: the executor that hands it over, and the
// Execution API.
type executor struct {
	*stage.Conversation
	door   *Door
	log    *taskLog
	server *server // that takes the task; nil where the manifest has none
}

// Settings name the stage's Execution API.
func (c *executor) Settings() map[string]string {
	return map[string]string{"core.execution_api_server_url": c.door.url()}
}

// Words name the API, the file that an executor hands over, and the folder of the server
// that takes the task.
func (c *executor) Words() map[string]string {
	words := map[string]string{"{api_url}": c.door.url(), "{workload}": c.workloadPath()}
	if c.server != nil {
		words["{serve_dir}"] = c.server.dir
	}
	return words
}

func (c *executor) Log() stage.TaskLog { return c.log }

// Problem says that the server is gone, and what lies in the place of the task log.
func (c *executor) Problem() string {
	var problems []string
	if c.server != nil {
		problems = append(problems, c.server.trouble(c.Conversation))
	}
	if c.Ended() {
		problems = append(problems, c.log.unlessPlanted())
	}
	return strings.Join(slices.DeleteFunc(problems, func(text string) bool { return text == "" }), "\n")
}

// Succeeded wants nothing but success told to the server, any number of times.
func (c *executor) Succeeded(e stage.End) (string, bool) {
	other := slices.ContainsFunc(e.Terminals, func(t stage.Terminal) bool { return t.State != "success" })
	return "success and nothing else is told to the server", len(e.Terminals) > 0 && !other
}

// Failed wants such a state at the server.
func (c *executor) Failed(e stage.End) bool { return e.Told("failed", "up_for_retry") }

func (c *executor) workloadPath() string {
	return c.Backstage().Path("workload-" + c.Label() + ".json")
}

// Start writes the workload and starts a worker.
func (c *executor) Start(cmd *exec.Cmd) error {
	if c.log.plant != nil {
		c.Backstage().Must(c.log.plant(c.log.path()))
	}
	text, err := json.Marshal(workload(c.Conversation, c.log.name))
	if err != nil {
		return fmt.Errorf("encode workload: %w", err)
	}
	// It holds the token: for the worker account and nobody else.
	worker, err := account.Find(c.Task().Worker)
	if err != nil {
		return err
	}
	owner := account.Account{Name: worker.Name, GID: worker.GID}
	if err := owner.WriteFile(c.workloadPath(), string(text), 0o640); err != nil {
		return err
	}
	if c.server != nil {
		if err := c.server.take(c); err != nil {
			return err
		}
	}
	return begin(c.Conversation, cmd)
}

// begin starts cmd with a pipe for each of stdout and stderr.
func begin(c *stage.Conversation, cmd *exec.Cmd) error {
	var ends []*os.File
	for _, channel := range []string{"stdout", "stderr"} {
		read, write, err := os.Pipe()
		if err != nil {
			for _, end := range ends {
				end.Close()
			}
			return fmt.Errorf("make pipe for %s: %w", channel, err)
		}
		ends = append(ends, write)
		c.Read(read, channel)
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[1]
	return c.Begin(cmd, ends...)
}

// workload is what Airflow's executors hand over.
func workload(c *stage.Conversation, logPath string) map[string]any {
	task, ti := c.Task(), c.TI()
	var version any
	if task.BundleVersion != "" {
		version = task.BundleVersion
	}
	return map[string]any{
		"type": "ExecuteTask", "token": ti.Token, "dag_rel_path": task.DagFile, "log_path": logPath,
		"bundle_info": map[string]any{"name": task.BundleName, "version": version},
		"ti": map[string]any{
			"id": ti.ID, "task_id": ti.Task, "dag_id": ti.Dag, "run_id": ti.Run, "try_number": ti.Try,
			"dag_version_id": ti.DagVersionID, "map_index": ti.Map, "pool_slots": 1, "priority_weight": 1, "queue": "default",
		},
	}
}
