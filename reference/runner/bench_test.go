package runner

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	fd0 "github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// BenchmarkNoOpTask is the process of one task, from its start to its end, after
// a supervisor's switch. BenchmarkTrue is the floor: a process that
// does nothing.
func BenchmarkNoOpTask(b *testing.B) {
	dir, err := os.MkdirTemp("", "understudy-runner-bench")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "probe.yaml"), []byte(dagFile), 0o644); err != nil {
		b.Fatal(err)
	}
	details := someDetails(b)
	details.TI.DagID, details.TI.TaskID, details.BundleInfo.Name = "probe", "probe", "dags"
	details.TIContext.DagRun.Conf = nil
	groups, err := os.Getgroups()
	if err != nil {
		b.Fatal(err)
	}
	target := &impersonate.Account{Name: "me", UID: os.Getuid(), GID: os.Getgid(), Groups: groups, Home: "/", Shell: "/bin/sh"}
	payload, err := EncodeStartup(details, &Handed{Switched: true, Target: target, Bundle: dir, Settings: map[string]string{
		"understudy.allow_root": "False", "understudy.kill_step": "5", "understudy.max_frame_bytes": "67108864",
		"understudy.pass_environment": "", "understudy.terminal_timeout": "2", "understudy.umask": "0022",
		"workers.missing_dag_retries": "3", "workers.missing_dag_retry_delay": "60", "core.default_impersonation": "",
		"dag_processor.dag_bundle_config_list": fmt.Sprintf(`[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, dir),
	}})
	if err != nil {
		b.Fatal(err)
	}
	measure(b, func() *exec.Cmd { return exec.Command(command) }, func(conn *net.UnixConn) error { return serveNoOp(conn, payload) })
}

// measure starts one process after the other, with a channel as descriptor 0, and
// reports the processor time of each beside the time that passes.
func measure(b *testing.B, make func() *exec.Cmd, serve func(conn *net.UnixConn) error) {
	var cpu time.Duration
	for b.Loop() {
		conn, child, err := fd0.Pair()
		if err != nil {
			b.Fatal(err)
		}
		cmd := make()
		cmd.Stdin = child
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		child.Close()
		if err := serve(conn); err != nil {
			b.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
		conn.Close()
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// serveNoOp answers what one task asks, which needs nothing.
func serveNoOp(conn *net.UnixConn, startup []byte) error {
	return fd0.Serve(conn, 0, startup, func(w *fd0.Writer, payload []byte) error {
		request, err := message.DecodeRequest(payload)
		if err != nil {
			return err
		}
		answer, err := message.EncodeResponse(message.Response{ID: request.ID})
		if err != nil {
			return err
		}
		if _, asks := request.Body.(*message.ResendLoggingFD); asks {
			return w.WriteWith(answer, os.Stderr)
		}
		return w.Write(answer)
	})
}

func BenchmarkTrue(b *testing.B) {
	measure(b, func() *exec.Cmd { return exec.Command("/bin/true") }, func(*net.UnixConn) error { return nil })
}

// BenchmarkVersion is what every start of the program costs, whatever it does.
func BenchmarkVersion(b *testing.B) {
	measure(b, func() *exec.Cmd { return exec.Command(command, "version") }, func(*net.UnixConn) error { return nil })
}
