package theatre

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// fakeSupervisor starts the runner, tells it its task, and serves of what it asks an
// XCom, a log channel and success. FAKE_MISCHIEF names what it does wrong beside.
func fakeSupervisor(workload, runner string) error {
	c, err := newClient(workload)
	if err != nil {
		return err
	}
	conn, theirs, err := channel.Pair()
	if err != nil {
		return err
	}
	log, err := os.Create(c.logFile())
	if err != nil {
		return err
	}
	cmd := exec.Command(runner)
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	theirs.Close()
	answer, err := c.begin(cmd.Process.Pid)
	if err != nil {
		return err
	}
	if err := c.pushWords(); err != nil {
		return err
	}
	startup, err := c.startup(answer)
	if err != nil {
		return err
	}
	served := channel.Serve(conn, 0, startup, func(w *channel.Writer, payload []byte) error { return c.serve(w, payload, log) })
	_ = cmd.Wait() // the puppet's own affair
	return served
}

// startup is the first frame, made of the answer to the start.
func (c *client) startup(answer []byte) ([]byte, error) {
	var run struct {
		DagRun struct {
			Conf message.Raw `json:"conf"`
		} `json:"dag_run"`
	}
	if err := json.Unmarshal(answer, &run); err != nil {
		return nil, err
	}
	if os.Getenv("FAKE_MISCHIEF") == "notes" {
		var conf struct {
			Dir string `json:"barrier_dir"`
		}
		text, err := run.DagRun.Conf.MarshalJSON()
		if err := errors.Join(err, json.Unmarshal(text, &conf)); err != nil {
			return nil, err
		}
		notes, err := os.OpenFile(conf.Dir+"/notes", os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return nil, err
		}
		defer notes.Close()
		if _, err := fmt.Fprintln(notes, "no JSON"); err != nil {
			return nil, err
		}
	}
	return message.EncodeResponse(message.Response{Body: &message.StartupDetails{
		TI: message.TaskInstance{ID: c.TI.ID, TaskID: c.TI.TaskID, DagID: c.TI.DagID, RunID: c.TI.RunID, TryNumber: 1},
		TIContext: message.TIRunContext{DagRun: message.DagRun{
			DagID: c.TI.DagID, RunID: c.TI.RunID, RunAfter: message.At(time.Now()), RunType: message.RunManual, State: message.RunRunning, Conf: run.DagRun.Conf,
		}},
	}})
}

func (c *client) serve(w *channel.Writer, payload []byte, log *os.File) error {
	request, err := message.DecodeRequest(payload)
	if err != nil {
		return err
	}
	answer := message.Response{ID: request.ID}
	switch body := request.Body.(type) {
	case *message.SetXCom:
		value, err := body.Value.MarshalJSON()
		if err := errors.Join(err, c.push(body.Key, string(value))); err != nil {
			return err
		}
	case *message.SucceedTask:
		if err := c.succeed(); err != nil {
			return err
		}
	case *message.ResendLoggingFD:
		if os.Getenv("FAKE_MISCHIEF") == "log channel" {
			break
		}
		ours, theirs, err := channel.Pair()
		if err != nil {
			return err
		}
		defer theirs.Close()
		go func() { _, _ = io.Copy(log, ours) }()
		answer.Body = &message.SentFDs{FDs: message.List[int]{int(theirs.Fd())}}
		encoded, err := message.EncodeResponse(answer)
		return errors.Join(err, w.WriteWith(encoded, theirs))
	}
	encoded, err := message.EncodeResponse(answer)
	if err != nil {
		return err
	}
	return w.Write(encoded)
}
