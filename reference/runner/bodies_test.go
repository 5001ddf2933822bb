package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/config"
)

// bodiesVariable makes this test program a runner with the tasks below.
const bodiesVariable = "UNDERSTUDY_TEST_BODIES"

const bodiesFile = `dag_id: probe
tasks:
  - {id: succeed}
  - {id: fail}
  - {id: for_good}
  - {id: again}
  - {id: skip}
  - {id: later}
  - {id: defer}
  - {id: panic}
  - {id: goexit}
  - {id: cancelled}
  - {id: commands}
  - {id: together}
  - {id: unregistered}
`

var errBody = errors.New("the body says no")

func registerBodies() {
	for name, body := range map[string]Func{
		"succeed":        func(context.Context, *Task) error { return nil },
		"fail":           func(context.Context, *Task) error { return errBody },
		"for_good":       func(context.Context, *Task) error { return fmt.Errorf("wrapped: %w", Fail(errBody)) },
		"again":          func(context.Context, *Task) error { return Retry(errBody, time.Minute) },
		"skip":           func(context.Context, *Task) error { return Skip("nothing to do") },
		"later":          func(context.Context, *Task) error { return Reschedule(time.Unix(4e9, 0)) },
		"defer":          deferring,
		"panic":          func(context.Context, *Task) error { panic("at the disco") },
		"goexit":         func(context.Context, *Task) error { runtime.Goexit(); return nil },
		"probe.commands": commands,
		"together":       together,
		"probe_alice":    commandAs,
		"cancelled": func(ctx context.Context, t *Task) error {
			if err := t.Push(ctx, "at_gate", true); err != nil && ctx.Err() == nil {
				return err // the signal may come before the answer
			}
			<-ctx.Done()
			return Skip(context.Cause(ctx).Error())
		},
	} {
		Register(name, body)
	}
}

func deferring(ctx context.Context, t *Task) error {
	if method := message.Or(t.Context.NextMethod, ""); method != "" {
		return t.Push(ctx, "resumed", method)
	}
	return Defer(Deferral{Trigger: "a.B", Method: "done"})
}

// commands starts many processes by os/exec beside orphans, whose ends must not be mixed up.
func commands(context.Context, *Task) error {
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for i := range 100 {
		wg.Go(func() {
			err := exec.Command("sh", "-c", fmt.Sprintf("(sleep 0.01 &); exit %d", i)).Run()
			if exit, ok := err.(*exec.ExitError); i > 0 && (!ok || exit.ExitCode() != i) || i == 0 && err != nil {
				failed <- fmt.Errorf("command %d: %w", i, err)
			}
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}

// together asks for 50 variables at once.
func together(ctx context.Context, t *Task) error {
	var wg sync.WaitGroup
	var failed error
	var once sync.Once
	for i := range 50 {
		wg.Go(func() {
			key := fmt.Sprint("k", i)
			if value, err := t.Variable(ctx, key); err != nil || value != "value of "+key {
				once.Do(func() { failed = fmt.Errorf("%s is %q, %w", key, value, err) })
			}
		})
	}
	wg.Wait()
	return failed
}

// commandAs pushes who a command of the task runs as, and what is asked for.
func commandAs(ctx context.Context, t *Task) error {
	who, err := exec.CommandContext(ctx, "id", "-un").Output()
	if err != nil {
		return err
	}
	value, err := t.Variable(ctx, "v")
	if err != nil {
		return err
	}
	return t.Push(ctx, "who", []string{strings.TrimSpace(string(who)), value})
}

func variables(b message.Body) *message.Response {
	if get, ok := b.(*message.GetVariable); ok {
		return &message.Response{Body: variable(get.Key, "value of "+get.Key)}
	}
	return nil
}

// TestBodiesEndAsTheySay runs each as a process of its own, over fd 0.
func TestBodiesEndAsTheySay(t *testing.T) {
	for task, test := range map[string]struct {
		retry    bool
		requests []string // after ResendLoggingFD
		says     []string
	}{
		"succeed":   {false, []string{"SucceedTask"}, nil},
		"fail":      {false, []string{"TaskState failed"}, []string{"the body says no", `"level":"error"`, "errors.errorString"}},
		"fail ":     {true, []string{"RetryTask"}, []string{"the body says no"}},
		"for_good":  {true, []string{"TaskState failed"}, []string{"the body says no", "errors.errorString"}},
		"again":     {true, []string{"RetryTask"}, []string{"the body says no"}},
		"again ":    {false, []string{"TaskState failed"}, nil},
		"skip":      {true, []string{"TaskState skipped"}, []string{"nothing to do", `"level":"info"`}},
		"later":     {false, []string{"RescheduleTask"}, []string{"2096-10-02T07:06:40Z"}},
		"defer":     {false, []string{"DeferTask"}, []string{"deferred to a.B"}},
		"panic":     {false, []string{"TaskState failed"}, []string{"panic: at the disco", "goroutine"}},
		"panic ":    {true, []string{"RetryTask"}, nil},
		"goexit":    {false, []string{"TaskState failed"}, []string{"Goexit"}},
		"commands":  {false, []string{"SucceedTask"}, nil},
		"cancelled": {false, []string{"SetXCom", "TaskState skipped"}, []string{"stopped by terminated"}},
	} {
		t.Run(task, func(t *testing.T) {
			t.Parallel()
			a := start(t, script{bodies: true, file: bodiesFile, task: strings.TrimSpace(task), shouldRetry: test.retry})
			if task == "cancelled" {
				<-a.reach
				if err := a.cmd.Process.Signal(unix.SIGTERM); err != nil {
					t.Error(err)
				}
			}
			if code := a.wait(); code != 0 {
				t.Errorf("exit code %d: %s", code, &a.stderr)
			}
			var got []string
			for _, r := range a.requests {
				text := r.Body.MessageType()
				if state, ok := r.Body.(*message.TaskState); ok {
					text += " " + string(state.State)
				}
				got = append(got, text)
			}
			if want := append([]string{resend}, test.requests...); strings.Join(got, ", ") != strings.Join(want, ", ") {
				t.Errorf("got %v, want %v\n%s", got, want, &a.log)
			}
			a.says("log", &a.log, test.says...)
		})
	}
}

func TestBodiesAskTogether(t *testing.T) {
	a := start(t, script{bodies: true, file: bodiesFile, task: "together", answer: variables})
	if code := a.wait(); code != 0 || len(a.requests) != 52 {
		t.Errorf("exit code %d, %d requests\n%s", code, len(a.requests), &a.log)
	}
}

// etl returns the Dag file of the example, with another user than alice.
func etl(t *testing.T, user string) string {
	t.Helper()
	text, err := os.ReadFile("example/etl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "run_as_user: alice") {
		t.Fatal("the example has no task of alice")
	}
	return strings.ReplaceAll(string(text), "run_as_user: alice", "run_as_user: "+user)
}

// TestExample runs the tasks of the tutorial as it says.
func TestExample(t *testing.T) {
	program := filepath.Join(openDir(t), "example")
	if err := build(program, "./example"); err != nil {
		t.Fatal(err)
	}
	exampleArgv := func(string) []string { return []string{program} }
	const orders = `[{"number":1,"amount":2.5},{"number":2,"amount":4}]`
	a := start(t, script{dag: "etl", task: "extract", file: etl(t, "nobody"), argv: exampleArgv, conf: `{"orders":` + orders + `}`})
	a.ends(0, resend, "SetXCom", "SucceedTask")
	a.says("log", &a.log, `"event":"extracted"`, `"orders":2`)
	var pushed message.Raw
	if pushed = a.xcoms["orders"]; pushed == nil {
		t.Fatal("no orders were pushed")
	}
	a = start(t, script{dag: "etl", task: "extract", file: etl(t, "nobody"), argv: exampleArgv})
	a.ends(0, resend, "TaskState")

	asRoot(t)
	a = start(t, script{dag: "etl", task: "load", file: etl(t, "nobody"), argv: exampleArgv, answer: func(b message.Body) *message.Response {
		switch r := b.(type) {
		case *message.GetXCom:
			if r.TaskID != "extract" || r.Key != "orders" {
				t.Errorf("load pulls %+v", r)
			}
			return &message.Response{Body: &message.XComResult{Key: r.Key, Value: pushed}}
		case *message.GetVariable:
			return &message.Response{Body: &message.ErrorResponse{Error: message.VariableNotFound}}
		case *message.GetConnection:
			return &message.Response{Body: &message.ConnectionResult{ConnID: r.ConnID, ConnType: "postgres", Host: new("h")}}
		}
		return nil
	}})
	a.ends(0, resend, resend, "GetXCom", "GetVariable", "GetConnection", "SetXCom", "SucceedTask")
	var sum float64
	if a.result("sum", &sum); sum != 6.5 {
		t.Errorf("sum %v", sum)
	}
	a.says("log", &a.log, `"user":"nobody"`, `"currency":"EUR"`)
}

// TestWhatIsNotRegisteredMayYetCome is LIFE-024 for a program that lacks the task.
func TestWhatIsNotRegisteredMayYetCome(t *testing.T) {
	a := start(t, script{bodies: true, file: bodiesFile, task: "unregistered"})
	a.ends(0, resend, "RescheduleTask")
	a = start(t, script{bodies: true, file: bodiesFile, task: "unregistered", reschedules: 3})
	a.ends(1, resend)
	a.says("stderr", &a.stderr, "probe.unregistered", "not part of")
}

// handedSettings are those that a supervisor hands over, with a bundle of its own.
func handedSettings(t *testing.T) map[string]string {
	t.Helper()
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir, "probe.yaml"), []byte(dagFile), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load([]string{
		"AIRFLOW_HOME=/nonexistent",
		fmt.Sprintf(`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, dir),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.All()
}
