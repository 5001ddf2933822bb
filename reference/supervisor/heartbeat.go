package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/reference/supervisor/api"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// lastBeat is how long a heartbeat that is under way may take once the task has
// ended.
const lastBeat = time.Second

// heartbeat tells the server that the task is alive: at once, and then at every
// interval until stop. It is a goroutine of its own and waits for nothing that
// the task does.
type heartbeat struct {
	server   api.Instance
	process  api.Process
	interval time.Duration
	most     int // consecutive failures that end the task
	log      *tasklog.Log

	// refuse is called before the verdict that the server wants to hear no more.
	refuse func()
	// verdict receives at most one reason to end the task.
	verdict chan verdict

	turn   chan struct{} // has room for who may go on: a heartbeat that is sent, or stop
	quit   chan struct{}
	once   sync.Once
	cancel context.CancelFunc
}

// verdict is why heartbeats end a task.
type verdict struct {
	byServer bool // the server says that the task is not to run: it wants to hear no state
	reason   string
}

func startHeartbeat(ctx context.Context, s api.Instance, p api.Process, set Settings, log *tasklog.Log, refuse func()) *heartbeat {
	ctx, cancel := context.WithCancel(ctx)
	h := &heartbeat{
		server: s, process: p, interval: set.HeartbeatInterval, most: set.MaxFailedHeartbeats, log: log,
		refuse: refuse, verdict: make(chan verdict, 1), turn: make(chan struct{}, 1), quit: make(chan struct{}), cancel: cancel,
	}
	go h.loop(ctx)
	return h
}

func (h *heartbeat) loop(ctx context.Context) {
	ticker := time.NewTicker(h.interval)
	defer ticker.Stop()
	failures := 0
	for {
		select {
		case <-h.quit:
			return
		case h.turn <- struct{}{}:
		}
		if h.over() { // a heartbeat that is due when the task ends is not sent
			<-h.turn
			return
		}
		err := h.server.Beat(ctx, h.process)
		<-h.turn
		if h.over() {
			return // what the server says about a task that just ended is no reason to kill it
		}
		switch {
		case err == nil:
			failures = 0
		case api.Answered(err, http.StatusNotFound, http.StatusConflict, http.StatusGone):
			h.refuse()
			h.verdict <- verdict{byServer: true, reason: fmt.Sprintf("the server says that the task is not to run any more: %v", err)}
			return
		default:
			failures++
			h.log.Record("warning", "Heartbeat failed", "failures", failures, "limit", h.most, "error", err)
			if failures >= h.most {
				h.verdict <- verdict{reason: fmt.Sprintf("%d heartbeats in a row failed, the last with: %v", failures, err)}
				return
			}
		}
		select {
		case <-ticker.C:
		case <-h.quit:
			return
		}
	}
}

// stop ends the heartbeats; when it returns none will be sent. One that is under
// way gets a moment to finish.
func (h *heartbeat) stop() {
	h.once.Do(func() {
		close(h.quit)
		select {
		case h.turn <- struct{}{}: // as a rule there is none, and nobody to wait for
		case <-time.After(lastBeat):
			h.cancel()
			h.turn <- struct{}{}
		}
		h.cancel()
	})
}

func (h *heartbeat) over() bool {
	select {
	case <-h.quit:
		return true
	default:
		return false
	}
}
