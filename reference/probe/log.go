package probe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/understudy-conformance/understudy/reference/runner"
)

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "warn": slog.LevelWarn,
	"error": slog.LevelError, "critical": runner.LevelCritical,
}

// maxLines is how often one verb may log.
const maxLines = 10_000_000

func log(ctx context.Context, a *attempt, args arguments) (any, error) {
	text, err := args.text("message")
	if err != nil {
		return nil, err
	}
	name, err := args.optionalText("level", "info")
	if err != nil {
		return nil, err
	}
	level, ok := levels[strings.ToLower(name)]
	if !ok {
		return nil, fmt.Errorf("argument %q: no level is called %q", "level", name)
	}
	count, err := args.count("count", 1, maxLines)
	if err != nil {
		return nil, err
	}
	channel, err := args.optionalText("channel", "log")
	if err != nil {
		return nil, err
	}
	write, err := a.writer(ctx, channel, level)
	if err != nil {
		return nil, err
	}
	if count == 1 {
		return nil, write(text)
	}
	for i := range count {
		if err := write(fmt.Sprintf("%s %d", text, i)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// writer returns what puts one line on a channel.
func (a *attempt) writer(ctx context.Context, channel string, level slog.Level) (func(string) error, error) {
	plain := func(w io.Writer) func(string) error {
		return func(line string) error {
			_, err := io.WriteString(w, line+"\n")
			return err
		}
	}
	switch channel {
	case "log":
		return func(line string) error { a.Log.Log(ctx, level, line); return nil }, nil
	case "stdout":
		return plain(a.Stdout), nil
	case "stderr":
		return plain(a.Stderr), nil
	}
	return nil, fmt.Errorf("argument %q: no channel is called %q", "channel", channel)
}
