package probe

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/runner"
)

// Failure is what the verb fail raises.
type Failure struct{ Message string }

func (e *Failure) Error() string { return e.Message }

// attempt is a task whose conf was read.
type attempt struct {
	*runner.Task
	verbs   []any
	barrier string // directory of the FIFOs of wait_for
}

// verb does one thing. What it returns can be saved as XCom.
type verb func(ctx context.Context, a *attempt, args arguments) (any, error)

var verbs = map[string]verb{
	"whoami":           whoami,
	"push_xcom":        pushXCom,
	"pull_xcom":        pullXCom,
	"delete_xcom":      deleteXCom,
	"get_connection":   getConnection,
	"get_variable":     getVariable,
	"put_variable":     putVariable,
	"delete_variable":  deleteVariable,
	"mask_secret":      maskSecret,
	"setting":          setting,
	"read_file":        readFile,
	"write_file":       writeFile,
	"list_environment": listEnvironment,
	"open_files":       openFiles,
	"spawn":            spawn,
	"sleep":            sleep,
	"wait_for":         waitFor,
	"payload":          payload,
	"check_payload":    checkPayload,
	"log":              log,
	"fail":             fail,
	"exit":             exit,
	"signal_self":      signalSelf,
	"ignore_sigterm":   ignoreSIGTERM,
}

// Run is the body of every task: it performs the verbs in order and returns the
// first error that no verb caught. Once ctx is done no further verb starts, and
// the error is its cause.
func Run(ctx context.Context, t *runner.Task) error {
	a, err := read(t)
	if err != nil {
		return err
	}
	for i, entry := range a.verbs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		args, ok := entry.(map[string]any)
		if !ok {
			return fmt.Errorf("verb %d is no map", i+1)
		}
		if err := a.perform(ctx, arguments(args)); err != nil {
			name, _ := arguments(args).optionalText("do", "")
			return fmt.Errorf("verb %d (%s): %w", i+1, name, err)
		}
	}
	return context.Cause(ctx)
}

func read(t *runner.Task) (*attempt, error) {
	var value any
	if err := t.Conf(&value); err != nil {
		return nil, err
	}
	a := &attempt{Task: t}
	if value == nil {
		return a, nil
	}
	conf, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("read dag_run.conf: expected a map, got %T", value)
	}
	a.barrier, _ = conf["barrier_dir"].(string)
	list := conf["verbs"]
	if tasks, ok := conf["tasks"].(map[string]any); ok && tasks[t.TI.TaskID] != nil {
		list = tasks[t.TI.TaskID]
	}
	if list == nil {
		return a, nil
	}
	if a.verbs, ok = list.([]any); !ok {
		return nil, fmt.Errorf("read dag_run.conf: verbs of task %s are no list", t.TI.TaskID)
	}
	return a, nil
}

// perform does one verb, with what "catch" and "save" add to it.
func (a *attempt) perform(ctx context.Context, args arguments) error {
	name, err := args.text("do")
	if err != nil {
		return err
	}
	act, ok := verbs[name]
	if !ok {
		err := fmt.Errorf("unknown verb %q", name)
		return errors.Join(err, a.Push(ctx, "probe_fault", err.Error()))
	}
	catch, err := args.flag("catch")
	if err != nil {
		return err
	}
	key, err := args.optionalText("save", "")
	if err != nil {
		return err
	}
	result, err := act(ctx, a, args)
	switch {
	case err == nil:
	case catch && ctx.Err() == nil:
		result = map[string]any{"error": errorName(err), "message": err.Error()}
	default:
		return err
	}
	if key == "" {
		return nil
	}
	return a.Push(ctx, key, result)
}

// errorName returns the errno name of a system error, the code of a refusal by
// the supervisor, else the kind of error.
func errorName(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	var remote *message.RemoteError
	if errors.As(err, &remote) && remote.Response.Error != "" {
		return string(remote.Response.Error)
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return "Failure"
	}
	return "Error"
}

func fail(_ context.Context, _ *attempt, args arguments) (any, error) {
	text, err := args.text("message")
	if err != nil {
		return nil, err
	}
	return nil, &Failure{Message: text}
}
