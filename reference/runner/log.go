package runner

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// logChannelTimeout is how long the supervisor has to answer ResendLoggingFD.
const logChannelTimeout = 10 * time.Second

// logWriter puts JSON lines on the log channel, and on standard error when there
// is none or it broke, so that no line is lost (IMP-022).
type logWriter struct {
	mu       sync.Mutex
	fd       int    // -1: none
	settle   func() // waits until fd is known, on the first call; nil if it is
	fallback io.Writer
}

// ready waits until it is known where lines go.
func (w *logWriter) ready() {
	if w.settle != nil {
		w.settle()
	}
}

// Write takes one line.
func (w *logWriter) Write(line []byte) (int, error) {
	w.ready()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 {
		n, err := writeAll(w.fd, line)
		if err == nil {
			return n, nil
		}
		w.fd = -1
	}
	return w.fallback.Write(line)
}

func (w *logWriter) onChannel() bool {
	w.ready()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fd >= 0
}

// openLog asks the supervisor for a log channel. The answer is awaited when the
// first line is to be written, and there is other work until then. Whatever goes
// wrong with that, the task goes on; the reason is the first line on standard error.
func openLog(c *channel, fallback io.Writer, ti message.TaskInstance) (*slog.Logger, *logWriter) {
	w := &logWriter{fd: -1, fallback: fallback}
	asked := c.send(&message.ResendLoggingFD{})
	w.settle = sync.OnceFunc(func() {
		fd, err := logChannel(c, asked)
		if err != nil {
			newLog(fallback, ti).Warn("the supervisor gave no log channel; log lines go to standard error", "reason", err.Error())
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fd = fd
	})
	return newLog(w, ti), w
}

// newLog returns a logger whose lines say what task they are about.
func newLog(w io.Writer, ti message.TaskInstance) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: asAirflow})).With(
		"logger", "task", "dag_id", ti.DagID, "run_id", ti.RunID, "task_id", ti.TaskID,
		"map_index", message.Or(ti.MapIndex, -1), "try_number", ti.TryNumber, "ti_id", ti.ID)
}

// logChannel returns the descriptor that came with the answer. The number in the
// answer is the supervisor's own and says nothing here (IMP-021).
func logChannel(c *channel, asked pending) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), logChannelTimeout)
	defer cancel()
	a, err := c.await(ctx, asked)
	if err != nil {
		closeAll(a.rights)
		return -1, err
	}
	if refusal := message.AsError(a.Response); refusal != nil {
		closeAll(a.rights)
		return -1, refusal.Err()
	}
	if len(a.rights) == 0 {
		return -1, errors.New("no descriptor came with the answer")
	}
	closeAll(a.rights[1:])
	return a.rights[0], nil
}

var levelNames = map[slog.Level]string{
	slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warning", slog.LevelError: "error",
	LevelCritical: "critical",
}

// asAirflow names keys, levels and times as Airflow's log lines do.
func asAirflow(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z"))
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("level", levelNames[level])
		}
	case slog.MessageKey:
		return slog.Attr{Key: "event", Value: a.Value}
	}
	return a
}
