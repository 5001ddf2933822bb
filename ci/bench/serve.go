package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is one understudy-supervisor serve of the worker account.
type server struct {
	site   *site
	cmd    *exec.Cmd
	pid    int
	socket string
}

const (
	// startBudget is how long the socket of a server may take to appear.
	startBudget = 10 * time.Second
	// lookEvery is the pause between two looks for the socket.
	lookEvery = 5 * time.Millisecond
)

// startServer starts a server and returns when it accepts connections.
func (s *site) startServer(ctx context.Context, more ...string) (*server, error) {
	v := &server{site: s, socket: filepath.Join(s.dir, "run", "supervisor.sock")}
	environ := s.environment(append(more, fmt.Sprintf("AIRFLOW__UNDERSTUDY__SERVE_MAX_TASKS=%d", 2*crowd))...)
	v.cmd = s.command(ctx, []string{
		filepath.Join(s.bin, "understudy-supervisor"), "serve", "--socket", v.socket,
		"--runner", filepath.Join(s.bin, "understudy-runner"),
	}, environ)
	if err := v.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start understudy-supervisor serve: %w", err)
	}
	v.pid = v.cmd.Process.Pid
	for deadline := time.Now().Add(startBudget); ; time.Sleep(lookEvery) {
		conn, err := net.Dial("unix", v.socket)
		if err == nil {
			conn.Close()
			return v, nil
		}
		if time.Now().After(deadline) {
			_ = v.cmd.Process.Kill()
			_ = v.cmd.Wait()
			return nil, fmt.Errorf("understudy-supervisor serve does not listen after %v: %w%s", startBudget, err, s.said())
		}
	}
}

// stop asks the server to end, which it has to do with exit code 0.
func (v *server) stop() error {
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end understudy-supervisor serve: %w", err)
	}
	if err := v.cmd.Wait(); err != nil {
		return fmt.Errorf("understudy-supervisor serve: %w%s", err, v.site.said())
	}
	return nil
}

// runTask hands one task to the server and returns when the server says that it
// has ended. It proves that the task ran.
func (v *server) runTask(ctx context.Context, u account) (sample, error) {
	t := v.site.newTrial(u)
	defer v.site.api.forget(t)
	request, err := json.Marshal(map[string]json.RawMessage{"workload": t.workload("probe.yaml")})
	if err != nil {
		return sample{}, fmt.Errorf("encode workload: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, processBudget)
	defer cancel()
	begin := time.Now()
	err = v.submit(ctx, append(request, '\n'))
	end := time.Now()
	if err == nil {
		err = t.proved()
	}
	if err != nil {
		return sample{}, fmt.Errorf("submit a task of %s: %w%s", u.name, err, v.site.said())
	}
	return sample{end.Sub(begin), t.timeline(begin, end)}, nil
}

// submit sends one request and reads what the server says until the task ended.
func (v *server) submit(ctx context.Context, request []byte) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", v.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var said struct {
			Event, State, Error string
		}
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			return fmt.Errorf("the server said %.200q: %w", lines.Bytes(), err)
		}
		switch {
		case said.Error != "":
			return fmt.Errorf("the server said: %s", said.Error)
		case said.Event == "ended":
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return fmt.Errorf("the server hung up before the task ended")
}
