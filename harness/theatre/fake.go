package theatre

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// fake is a runner of a hundred lines: no switch, and only the verbs below.
type fake struct {
	*channel.Runner
	log     *os.File
	details *message.StartupDetails
}

func fakeRunner() int {
	f, err := openFake()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	fmt.Println("fake runner: started")
	if words := os.Getenv("FAKE_WORDS"); words != "" {
		if err := f.push("words", words); err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			return 1
		}
	}
	var conf struct {
		Verbs      []map[string]any `json:"verbs"`
		BarrierDir string           `json:"barrier_dir"`
	}
	text, _ := f.details.TIContext.DagRun.Conf.MarshalJSON()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_ = decoder.Decode(&conf)
	for _, verb := range conf.Verbs {
		code, err := f.follow(verb, conf.BarrierDir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			return max(code, 1)
		}
		if code >= 0 {
			return code
		}
	}
	if _, err := f.Ask(&message.SucceedTask{EndDate: message.At(time.Now())}); err != nil {
		return 1
	}
	return 0
}

// openFake takes the startup message and the log channel.
func openFake() (*fake, error) {
	runner, err := channel.Open(0)
	if err != nil {
		return nil, err
	}
	details, err := runner.Startup()
	if err != nil {
		return nil, err
	}
	if os.Getenv("FAKE_LOG") == "3" { // as runners of Airflow 3.4 do
		return &fake{runner, os.NewFile(3, "log"), details}, nil
	}
	log, err := runner.AskLog()
	return &fake{runner, log, details}, err
}

func (f *fake) push(key string, value any) error {
	raw, err := message.RawOf(value)
	if err != nil {
		return err
	}
	ti := f.details.TI
	_, err = f.Ask(&message.SetXCom{Key: key, Value: raw, DagID: ti.DagID, RunID: ti.RunID, TaskID: ti.TaskID})
	return err
}

// follow does one verb; a code of 0 or more ends the process.
func (f *fake) follow(verb map[string]any, barriers string) (code int, err error) {
	switch verb["do"] {
	case "push_xcom":
		return -1, f.push(verb["key"].(string), verb["value"])
	case "wait_for":
		name := verb["name"].(string)
		fifo, err := os.Open(filepath.Join(barriers, name))
		if err != nil {
			return 1, err
		}
		defer fifo.Close()
		if err := f.push("at_"+name, true); err != nil {
			return 1, err
		}
		_, err = fifo.Read(make([]byte, 1))
		return -1, err
	case "log":
		line, _ := json.Marshal(map[string]any{"level": "info", "event": verb["message"]})
		_, err := fmt.Fprintf(f.log, "%s\n", line)
		return -1, err
	case "spawn":
		return -1, exec.Command("sleep", "1000").Start()
	case "sleep":
		// A runner that waits must notice the end of its channel (IMP-029).
		_, err := f.Receive()
		return 7, err
	case "fail":
		_, err := f.Ask(&message.TaskState{State: message.StateFailed})
		return 1, err
	case "exit":
		code, err := verb["code"].(json.Number).Int64()
		return int(code), err
	case "signal_self":
		return 1, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return 1, fmt.Errorf("unknown verb %v", verb["do"])
}

// client is what a fake worker or supervisor knows of its task, and speaks to the server for it.
type client struct {
	Token   string `json:"token"`
	LogPath string `json:"log_path"`
	TI      struct {
		ID     string `json:"id"`
		TaskID string `json:"task_id"`
		DagID  string `json:"dag_id"`
		RunID  string `json:"run_id"`
	} `json:"ti"`
}

func newClient(workload string) (*client, error) {
	text, err := os.ReadFile(workload)
	if err != nil {
		return nil, err
	}
	c := new(client)
	return c, json.Unmarshal(text, c)
}

// ask sends a request and returns the body of the answer.
func (c *client) ask(method, path, body string) ([]byte, error) {
	request, err := http.NewRequest(method, os.Getenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL")+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if token := response.Header.Get("Refreshed-API-Token"); token != "" {
		c.Token = token
	}
	return io.ReadAll(response.Body)
}

func (c *client) instance(call string) string { return "task-instances/" + c.TI.ID + "/" + call }

func (c *client) begin(pid int) ([]byte, error) {
	return c.ask("PATCH", c.instance("run"), fmt.Sprintf(`{"state":"running","unixname":"airflow","start_date":"2026-01-02T03:04:05Z","hostname":"h","pid":%d}`, pid))
}

func (c *client) push(key, value string) error {
	_, err := c.ask("POST", fmt.Sprintf("xcoms/%s/%s/%s/%s", c.TI.DagID, c.TI.RunID, c.TI.TaskID, key), value)
	return err
}

// pushWords pushes what the manifest's words were replaced by.
func (c *client) pushWords() error {
	words := os.Getenv("FAKE_WORDS")
	if words == "" {
		return nil
	}
	return c.push("words", fmt.Sprintf("%q", words))
}

func (c *client) succeed() error {
	_, err := c.ask("PATCH", c.instance("state"), `{"state":"success","end_date":"2026-01-02T03:04:05Z"}`)
	return err
}

func (c *client) logFile() string {
	return filepath.Join(os.Getenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER"), c.LogPath)
}

// fakeWorker returns the exit code of a worker.
func fakeWorker(workload string) int {
	if err := work(workload); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	return 0
}

// work reports the start, two heartbeats, an XCom and success.
func work(workload string) error {
	c, err := newClient(workload)
	if err != nil {
		return err
	}
	if says := os.Getenv("FAKE_SAYS"); says != "" {
		fmt.Fprintln(os.Stderr, "fake:", says)
	}
	if os.Getenv("FAKE_WAITS") != "" {
		select {}
	}
	if _, err := c.begin(os.Getpid()); err != nil {
		return err
	}
	if _, err := c.ask("PUT", c.instance("heartbeat"), fmt.Sprintf(`{"hostname":"h","pid":%d}`, os.Getpid())); err != nil {
		return err
	}
	if err := c.push("uid", fmt.Sprint(os.Getuid())); err != nil {
		return err
	}
	if err := c.pushWords(); err != nil {
		return err
	}
	if err := fakeLog(os.Getenv("FAKE_LOG"), c.logFile()); err != nil {
		return err
	}
	return c.succeed()
}

// fakeLog leaves a task log, or something else in its place.
func fakeLog(what, path string) error {
	write := func(path string) error {
		return os.WriteFile(path, []byte(`{"event":"written by the worker"}`+"\n"), 0o644)
	}
	switch what {
	case "nothing":
		return nil
	case "elsewhere":
		return errors.Join(os.Mkdir(filepath.Dir(path)+"/wrong", 0o755), write(filepath.Dir(path)+"/wrong/place.log"))
	case "link":
		return os.Symlink("/etc/shadow", path)
	case "FIFO":
		return syscall.Mkfifo(path, 0o644)
	case "folder":
		return os.Mkdir(path, 0o755)
	case "two names":
		return errors.Join(write(path), os.Link(path, path+"-too"))
	case "exchanged folder":
		return errors.Join(os.Rename(filepath.Dir(path), filepath.Dir(path)+"-too"), os.Symlink("/etc", filepath.Dir(path)))
	}
	return write(path)
}
