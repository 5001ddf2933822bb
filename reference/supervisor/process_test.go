package supervisor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
)

func TestTaskRunsAsItsUserAndTalks(t *testing.T) {
	s := newSite(t)
	s.api.connections["db"] = `{"conn_id":"db","conn_type":"pg","host":"h","schema":"s","login":"l","password":"pass-word-1","port":5432,"extra":"{\"a\": \"b\", \"api_key\": \"key-value-1\"}"}`
	code := s.run("probe_alice",
		verb{"do": "whoami", "save": "who"},
		verb{"do": "push_xcom", "key": "k", "value": map[string]any{"n": 9007199254740993, "s": "ä"}},
		verb{"do": "pull_xcom", "task_id": "probe_alice", "key": "k", "save": "back"},
		verb{"do": "get_connection", "conn_id": "db"},
		verb{"do": "put_variable", "key": "v", "value": "x"},
		verb{"do": "get_variable", "key": "v", "save": "variable"},
		verb{"do": "get_variable", "key": "absent", "catch": true, "save": "absent"},
		verb{"do": "setting", "section": "workers", "key": "min_heartbeat_interval", "save": "setting"},
		verb{"do": "list_environment", "save": "environment"},
		verb{"do": "log", "message": "the password is pass-word-1, the key key-value-1"},
		verb{"do": "log", "message": "on stdout: pass-word-1", "channel": "stdout"},
	)
	if code != 0 {
		t.Fatalf("exit code %d; log:\n%s", code, s.log())
	}
	s.want("success")
	var who struct {
		RUID, EUID, SUID, RGID, PID int
		Groups                      []int
	}
	if err := json.Unmarshal([]byte(s.api.xcom("probe_alice", "who")), &who); err != nil {
		t.Fatal(err)
	}
	slices.Sort(who.Groups)
	if who.RUID != aliceUID || who.EUID != aliceUID || who.SUID != aliceUID || who.RGID != aliceUID || !slices.Equal(who.Groups, []int{62902, 62910}) {
		t.Errorf("task ran as %+v", who)
	}
	for key, want := range map[string]string{
		"back": `{"n":9007199254740993,"s":"ä"}`, "variable": `"x"`, "setting": `"1"`,
	} {
		if got := s.api.xcom("probe_alice", key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if got := s.api.xcom("probe_alice", "absent"); !strings.Contains(got, "VARIABLE_NOT_FOUND") {
		t.Errorf("absent variable gives %s", got)
	}
	if got := s.api.xcom("probe_alice", "environment"); strings.Contains(got, "AIRFLOW") {
		t.Errorf("environment of the task: %s", got)
	}
	log := s.log()
	if strings.Contains(log, "pass-word-1") || strings.Contains(log, "key-value-1") || !strings.Contains(log, "the password is ***, the key ***") || !strings.Contains(log, "on stdout: ***") {
		t.Errorf("log is not masked:\n%s", log)
	}
	s.records()

	run := s.api.all(http.MethodPatch, "/run")
	beats := s.api.all(http.MethodPut, "/heartbeat")
	if len(run) != 1 || len(beats) == 0 {
		t.Fatalf("%d runs, %d heartbeats", len(run), len(beats))
	}
	if run[0].Token != "workload-token" || beats[0].Token != "execution-token" {
		t.Errorf("tokens: run %q, then %q", run[0].Token, beats[0].Token)
	}
	if run[0].Body["unixname"] != "root" || run[0].Body["pid"] != beats[0].Body["pid"] || run[0].Body["hostname"] != beats[0].Body["hostname"] {
		t.Errorf("run %v, heartbeat %v", run[0].Body, beats[0].Body)
	}
	if run[0].Body["pid"] != float64(who.PID) {
		t.Errorf("server knows pid %v, the task is %d", run[0].Body["pid"], who.PID)
	}
}

func TestTaskThatCannotStartIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		task  string
		setUp func(s *site)
		log   []string
	}{
		"unknown user": {"probe_ghost", nil, []string{`\"ghost\"`, "unknown user"}},
		"bundle closed": {"probe_alice", func(s *site) {
			if err := os.Chmod(s.dags, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{`\"alice\"`, "/dags", "read and search permission"}},
		"bundle missing": {"probe_alice", func(s *site) {
			if err := os.Rename(s.dags, s.dags+"2"); err != nil {
				t.Fatal(err)
			}
		}, []string{`prepare bundle \"dags\"`, "no such file"}},
		"bundle unknown": {"probe_alice", func(s *site) {
			s.env = append(s.env, `AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[]`)
		}, []string{`bundle \"dags\": not configured`}},
		"Dag file leads out": {"probe_alice", func(s *site) {
			file := filepath.Join(s.dags, "probe.yaml")
			if err := os.Rename(file, filepath.Join(s.dir, "probe.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(s.dir, "probe.yaml"), file); err != nil {
				t.Fatal(err)
			}
		}, []string{"leads out of its bundle"}},
		"Dag file no YAML": {"probe_alice", func(s *site) {
			if err := os.WriteFile(filepath.Join(s.dags, "probe.yaml"), []byte("tasks: 5"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"read Dag file"}},
	} {
		for _, retry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, retry %v", name, retry), func(t *testing.T) {
				s := newSite(t)
				s.api.shouldRetry = retry
				if c.setUp != nil {
					c.setUp(s)
				}
				code := s.run(c.task, verb{"do": "push_xcom", "key": "ran", "value": true})
				want := map[bool]string{false: "failed", true: "up_for_retry"}[retry]
				s.want(want)
				if code != 0 {
					t.Errorf("exit code %d", code)
				}
				for _, text := range c.log {
					if !strings.Contains(s.log(), text) {
						t.Errorf("log lacks %s:\n%s", text, s.log())
					}
				}
				if got := s.api.all(http.MethodPost, ""); len(got) > 0 {
					t.Errorf("user code ran: %v", got)
				}
				s.records()
			})
		}
	}
}

func TestEndWithoutStateIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		verb  verb
		retry bool
		state string
		log   string
	}{
		"exit 0":             {verb{"do": "exit", "code": 0}, true, "failed", "exit code 0"},
		"exit 3":             {verb{"do": "exit", "code": 3}, false, "failed", "exit code 3"},
		"exit 3 with retry":  {verb{"do": "exit", "code": 3}, true, "up_for_retry", "exit code 3"},
		"SIGKILL":            {verb{"do": "signal_self", "signal": "SIGKILL"}, false, "failed", "SIGKILL (9). If nobody killed it, the machine may have run out of memory (OOM)"},
		"SIGKILL with retry": {verb{"do": "signal_self", "signal": "SIGKILL"}, true, "up_for_retry", "SIGKILL"},
		"raises":             {verb{"do": "fail", "message": "no"}, false, "failed", "no"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.api.shouldRetry = c.retry
			if code := s.run("probe_alice", c.verb); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.want(c.state)
			if !strings.Contains(s.log(), c.log) {
				t.Errorf("log lacks %q:\n%s", c.log, s.log())
			}
		})
	}
}

func TestRunThatIsNotAcceptedRunsNothing(t *testing.T) {
	s := newSite(t)
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/run") {
			return 409, `{"detail":{"reason":"invalid_state","previous_state":"running"}}`
		}
		return 0, ""
	}
	if code := s.run("probe_alice", verb{"do": "push_xcom", "key": "ran", "value": true}); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	s.want()
	if n := len(s.api.requests); n != 1 {
		t.Errorf("%d requests, want 1: a 409 is final", n)
	}
	if !strings.Contains(s.log(), "invalid_state") {
		t.Errorf("log:\n%s", s.log())
	}
}

func TestServerStopsTask(t *testing.T) {
	for _, status := range []int{404, 409, 410} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			s := newSite(t)
			s.api.fault = func(method, path string, n int) (int, string) {
				if strings.HasSuffix(path, "/heartbeat") && n > 1 {
					return status, `{"detail":{"reason":"not_running"}}`
				}
				return 0, ""
			}
			code := s.run("probe_alice",
				verb{"do": "ignore_sigterm"},
				verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true},
				verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}},
				verb{"do": "sleep", "seconds": 600})
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.want()
			if !strings.Contains(s.log(), "none of its processes is left") {
				t.Errorf("log:\n%s", s.log())
			}
		})
	}
}

func TestFailingHeartbeatsStopTask(t *testing.T) {
	s := newSite(t)
	s.api.shouldRetry = true
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/heartbeat") && n != 3 { // one that succeeds starts the count anew
			return 503, ""
		}
		return 0, ""
	}
	if code := s.run("probe_alice", verb{"do": "sleep", "seconds": 600}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want("up_for_retry")
	if n := len(s.api.all(http.MethodPut, "/heartbeat")); n != 6 {
		t.Errorf("%d heartbeats, want 6: two failures, one success, three failures", n)
	}
}

func TestLeftoversAreEndedAndDoNotDelay(t *testing.T) {
	s := newSite(t)
	begin := time.Now()
	code := s.run("probe_alice",
		verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true},
		verb{"do": "exit", "code": 5})
	if code != 0 || time.Since(begin) > patience.Limit {
		t.Errorf("exit code %d after %v", code, time.Since(begin))
	}
	s.want("failed")
}

func TestWarmShutdown(t *testing.T) {
	s := newSite(t)
	r := s.start("probe_alice", verb{"do": "push_xcom", "key": "here", "value": 1}, verb{"do": "sleep", "seconds": 1.5}, verb{"do": "push_xcom", "key": "end", "value": 1})
	s.waitFor(http.MethodPost, "/here", 1)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := r.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if code := s.finish(r); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want("success")
	if !strings.Contains(s.log(), "SIGTERM: it waits for the task") {
		t.Errorf("log:\n%s", s.log())
	}
}

func TestTerminalCallIsRepeatedAfterTheEnd(t *testing.T) {
	s := newSite(t)
	s.env = append(s.env, "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=2")
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/state") && n < 3 {
			return 503, ""
		}
		return 0, ""
	}
	if code := s.run("probe_alice"); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want("success", "success", "success")
	bodies := s.api.all(http.MethodPatch, "/state")
	if bodies[0].Raw != bodies[2].Raw {
		t.Errorf("replay differs: %s, %s", bodies[0].Raw, bodies[2].Raw)
	}
}

func TestStateThatCannotBeDeliveredIsExitCode1(t *testing.T) {
	s := newSite(t)
	s.env = append(s.env, "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=2")
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/state") {
			return 503, ""
		}
		return 0, ""
	}
	if code := s.run("probe_alice"); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if states := s.api.states(); slices.ContainsFunc(states, func(state string) bool { return state != "success" }) {
		t.Errorf("states %v", states)
	}
}

func TestLogIsCompleteAtASuddenEnd(t *testing.T) {
	s := newSite(t)
	const lines = 20000
	s.run("probe_alice",
		verb{"do": "log", "message": "chan", "count": lines},
		verb{"do": "log", "message": "out", "count": lines, "channel": "stdout"},
		verb{"do": "log", "message": "err", "count": lines, "channel": "stderr"},
		verb{"do": "signal_self", "signal": "SIGKILL"})
	next := map[string]int{}
	for _, r := range s.records() {
		kind, number, ok := strings.Cut(fmt.Sprint(r["event"]), " ")
		if !ok || kind != "chan" && kind != "out" && kind != "err" {
			continue
		}
		if number != strconv.Itoa(next[kind]) {
			t.Fatalf("%s: got line %s, want %d", kind, number, next[kind])
		}
		next[kind]++
	}
	for _, kind := range []string{"chan", "out", "err"} {
		if next[kind] != lines {
			t.Errorf("%s: %d lines of %d", kind, next[kind], lines)
		}
	}
}

func TestBadSettingsStartNothing(t *testing.T) {
	for setting, want := range map[string]string{
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=ftp://h/":   "execution_api_server_url",
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http:///x":  "execution_api_server_url",
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=":           "execution_api_server_url",
		"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=often":     "min_heartbeat_interval",
		"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=0":         "min_heartbeat_interval",
		"AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=0":          "max_failed_heartbeats",
		"AIRFLOW__CORE__TASK_SUCCESS_OVERTIME=x":             "task_success_overtime",
		"AIRFLOW__UNDERSTUDY__MAX_FRAME_BYTES=-1":            "max_frame_bytes",
		"AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT=never":      "execution_api_timeout",
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{]": "dag_bundle_config_list",
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=relative":         "base_log_folder",
	} {
		s := newSite(t)
		s.env = append(s.env, setting)
		r := s.start("probe_alice")
		if code := s.finish(r); code != 2 {
			t.Errorf("%s: exit code %d, want 2", setting, code)
		}
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("%s: %s", setting, r.stderr)
		}
		if len(s.api.requests) > 0 {
			t.Errorf("%s: the server was asked", setting)
		}
	}
}
