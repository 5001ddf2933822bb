package theatre

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// fakeWorker reports the start, two heartbeats, an XCom and success.
func fakeWorker(workload string) int {
	text, err := os.ReadFile(workload)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	var w struct {
		Token   string `json:"token"`
		LogPath string `json:"log_path"`
		TI      struct {
			ID, Dag, Run, Task string
			TaskID             string `json:"task_id"`
			DagID              string `json:"dag_id"`
			RunID              string `json:"run_id"`
		} `json:"ti"`
	}
	if err := json.Unmarshal(text, &w); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	api := os.Getenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL")
	ask := func(method, path, body string) {
		request, _ := http.NewRequest(method, api+path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+w.Token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			os.Exit(1)
		}
		defer response.Body.Close()
		if token := response.Header.Get("Refreshed-API-Token"); token != "" {
			w.Token = token
		}
	}
	if says := os.Getenv("FAKE_SAYS"); says != "" {
		fmt.Fprintln(os.Stderr, "fake:", says)
	}
	if os.Getenv("FAKE_WAITS") != "" {
		select {}
	}
	process := fmt.Sprintf(`"hostname":"h","pid":%d`, os.Getpid())
	instance := "task-instances/" + w.TI.ID
	ask("PATCH", instance+"/run", `{"state":"running","unixname":"airflow","start_date":"2026-01-02T03:04:05Z",`+process+`}`)
	ask("PUT", instance+"/heartbeat", "{"+process+"}")
	ask("POST", fmt.Sprintf("xcoms/%s/%s/%s/uid", w.TI.DagID, w.TI.RunID, w.TI.TaskID), fmt.Sprint(os.Getuid()))
	if words := os.Getenv("FAKE_WORDS"); words != "" {
		ask("POST", fmt.Sprintf("xcoms/%s/%s/%s/words", w.TI.DagID, w.TI.RunID, w.TI.TaskID), fmt.Sprintf("%q", words))
	}
	logFile := filepath.Join(os.Getenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER"), w.LogPath)
	if err := fakeLog(os.Getenv("FAKE_LOG"), logFile); err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		return 1
	}
	ask("PATCH", instance+"/state", `{"state":"success","end_date":"2026-01-02T03:04:05Z"}`)
	return 0
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
