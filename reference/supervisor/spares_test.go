package supervisor

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// pidOf is the process that the API was told of for task n.
func (v *serving) pidOf(n int) int {
	v.t.Helper()
	runs := v.api.all(http.MethodPatch, ti(n)+"/run")
	if len(runs) != 1 {
		v.t.Fatalf("%d runs of task %d", len(runs), n)
	}
	return int(runs[0].Body["pid"].(float64))
}

// spare waits for the only process of alice and returns its pid.
func (v *serving) spare() (pid int) {
	v.t.Helper()
	v.waitUntil("a process waits for the next task", func() bool {
		found := processesOf(aliceUID)
		if len(found) != 1 || !strings.HasSuffix(found[0], "understudy-runn") {
			return false
		}
		number, _, _ := strings.Cut(found[0], " ")
		pid, _ = strconv.Atoi(number)
		return true
	})
	return pid
}

func TestSpareServesTheNextTaskOfItsUser(t *testing.T) {
	s := newSite(t)
	s.env = append(s.env, "AIRFLOW__UNDERSTUDY__SERVE_SPARE=30")
	v := s.serve()
	run := func(n int, task string) {
		t.Helper()
		o, err := v.submit(n, task, verb{"do": "whoami", "save": fmt.Sprint("who", n)}, verb{"do": "log", "message": fmt.Sprint("this is task ", n)})
		if err != nil || o.State != "success" {
			t.Errorf("task %d: %v, %v\n%s", n, o, err, v.logOf(n))
		}
		if log := v.logOf(n); strings.Count(log, "this is task") != 1 {
			t.Errorf("log of task %d:\n%s", n, log)
		}
	}
	run(1, "probe_alice")
	spare := v.spare()
	run(2, "probe_bob")
	run(3, "probe") // needs no switch
	if got := v.pidOf(2); got == spare || !strings.Contains(v.api.xcom("probe_bob", "who2"), `"ruid":`+strconv.Itoa(bobUID)) {
		t.Errorf("bob's task ran in process %d as %s", got, v.api.xcom("probe_bob", "who2"))
	}
	run(4, "probe_alice")
	if got := v.pidOf(4); got != spare || !strings.Contains(v.api.xcom("probe_alice", "who4"), `"ruid":`+strconv.Itoa(aliceUID)) {
		t.Errorf("alice's task ran in process %d, want %d, as %s", got, spare, v.api.xcom("probe_alice", "who4"))
	}
	next := v.spare()
	if next == spare {
		t.Error("one process for two tasks")
	}
	if err := syscall.Kill(next, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.waitUntil("it is gone", func() bool { return len(processesOf(aliceUID)) == 0 })
	run(5, "probe_alice")
	v.spare() // that the end of the server leaves nothing is checked by serve
}

func TestSpareIsNotKeptForLong(t *testing.T) {
	s := newSite(t)
	s.env = append(s.env, "AIRFLOW__UNDERSTUDY__SERVE_SPARE=1")
	v := s.serve()
	for n := range 3 {
		if o, err := v.submit(n, "probe_alice"); err != nil || o.State != "success" {
			t.Errorf("%v, %v", o, err)
		}
		v.spare()
		v.waitUntil("it ends", func() bool { return len(processesOf(aliceUID)) == 0 })
	}
	if text := v.stderr.String(); strings.Contains(text, "no task used") {
		t.Error(text)
	}
}
