package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// maxLogChannels is how many log channels one task may ask for. Each costs a
// descriptor and a goroutine.
const maxLogChannels = 16

// gate says which requests of the task are still served.
type gate int32

const (
	gateOpen   gate = iota
	gateRead        // the task is being stopped: it may look, so that it can clean up, and change nothing
	gateClosed      // the task was killed: nothing it asks for reaches the server
)

var errStopped = errors.New("the task was stopped, its requests are not served any more")

// session answers the requests of one task, one after the other in the order in
// which they arrive.
type session struct {
	server api.Instance
	mask   *tasklog.Masker
	conn   net.Conn
	max    uint32 // largest frame
	log    *tasklog.Log
	state  *terminal
	beat   *heartbeat
	logs   *tasklog.Drains

	schema coordinator.Schema // that the task speaks

	gate     atomic.Int32
	channels int // log channels that were asked for
	served   atomic.Int64
}

// close narrows what is served; it never widens it again.
func (s *session) close(g gate) {
	for old := s.gate.Load(); old < int32(g) && !s.gate.CompareAndSwap(old, int32(g)); old = s.gate.Load() {
	}
}

func (s *session) current() gate { return gate(s.gate.Load()) }

// serve sends the startup frame and answers requests until the task closes its
// end. An error means that the stream makes no sense any more.
func (s *session) serve(ctx context.Context, startup []byte) error {
	return channel.Serve(s.conn, s.max, startup, func(w *channel.Writer, payload []byte) error {
		s.served.Add(1)
		request, err := message.DecodeRequest(payload)
		if err != nil {
			var bad *message.DecodeError
			var malformed *message.MalformedError
			if errors.As(err, &malformed) || !errors.As(err, &bad) || !bad.HasID {
				return fmt.Errorf("request cannot be answered: %w", err)
			}
			s.log.Record("warning", "Request of the task is not understood", "error", err)
			s.wrote(s.reply(w, message.Response{ID: bad.ID, Err: invalid(err)}))
			return nil
		}
		if _, ok := request.Body.(*message.ResendLoggingFD); ok {
			s.wrote(s.sendLogChannel(w, request.ID))
			return nil
		}
		s.wrote(s.reply(w, s.answer(ctx, request)))
		return nil
	})
}

// wrote notes an answer that could not be written. The task is gone, or about
// to be; reading goes on until its end.
func (s *session) wrote(err error) {
	if err == nil || channel.Ended(err) {
		return
	}
	s.log.Record("warning", "Answer could not be sent to the task", "error", err)
}

func (s *session) reply(w *channel.Writer, r message.Response) error {
	body, err := s.schema.ToRuntime(r.Body)
	var payload []byte
	if err == nil {
		r.Body = body
		payload, err = message.EncodeResponse(r)
	}
	if err != nil {
		payload, err = message.EncodeResponse(message.Response{ID: r.ID, Err: failure(fmt.Errorf("encode answer: %w", err))})
		if err != nil {
			return err
		}
	}
	return w.Write(payload)
}

// answer serves one request. Every request has an answer.
func (s *session) answer(ctx context.Context, r message.Request) message.Response {
	request, err := s.schema.FromRuntime(r.Body)
	if err != nil {
		return message.Response{ID: r.ID, Err: failure(err)}
	}
	r.Body = request
	body, err := s.handle(ctx, r)
	if err != nil {
		return message.Response{ID: r.ID, Err: failure(err)}
	}
	return message.Response{ID: r.ID, Body: body}
}

func (s *session) handle(ctx context.Context, r message.Request) (message.Body, error) {
	if m, ok := r.Body.(*message.MaskSecret); ok { // harmless, and better too late than never
		return nil, s.maskSecret(m)
	}
	g := s.current()
	if g == gateClosed || g == gateRead && !readOnly(r.Body) {
		return nil, errStopped
	}
	if _, ok := message.TerminalState(r.Body); ok {
		return nil, s.end(ctx, r.Body)
	}
	return s.server.Answer(ctx, r.Body, s.mask, r.Carrier)
}

// end takes a terminal message. TaskState is only noted, as Airflow does, and
// sent when the process is gone; the others are sent at once, and again then if
// that failed.
func (s *session) end(ctx context.Context, body message.Body) error {
	s.beat.stop()
	if s.current() != gateOpen { // by the last heartbeat
		return errStopped
	}
	pending, err := s.state.set(body)
	if err != nil || !pending {
		return err
	}
	if _, later := body.(*message.TaskState); later {
		return nil
	}
	return s.state.deliver(ctx, s.server)
}

func (s *session) maskSecret(m *message.MaskSecret) error {
	value, err := m.Value.Value()
	if err != nil {
		return err
	}
	return s.mask.AddValue(value, message.Or(m.Name, ""))
}

// readOnly reports whether a request changes nothing anywhere.
func readOnly(body message.Body) bool {
	switch body.(type) {
	case *message.GetConnection, *message.GetVariable, *message.GetVariableKeys, *message.GetXCom, *message.GetXComCount, *message.GetNumberXComs,
		*message.GetXComSequenceItem, *message.GetXComSequenceSlice:
		return true
	}
	return false
}

// sendLogChannel answers ResendLoggingFD: one end of a new socket pair travels
// with the first byte of the frame, the other is drained into the task log.
func (s *session) sendLogChannel(w *channel.Writer, id int64) error {
	if s.channels++; s.channels > maxLogChannels {
		err := fmt.Errorf("%d log channels were handed out already", maxLogChannels)
		return s.reply(w, message.Response{ID: id, Err: failure(err)})
	}
	if _, ok := s.conn.(*net.UnixConn); !ok {
		err := errors.New("no descriptor can be passed on this connection; log lines go to the one that --logs named")
		return s.reply(w, message.Response{ID: id, Err: failure(err)})
	}
	ours, theirs, err := channel.Pair()
	if err != nil {
		return s.reply(w, message.Response{ID: id, Err: failure(fmt.Errorf("make log channel: %w", err))})
	}
	defer theirs.Close()
	payload, err := message.EncodeResponse(message.Response{ID: id, Body: &message.SentFDs{FDs: []int{int(theirs.Fd())}}})
	if err != nil {
		ours.Close()
		return err
	}
	s.logs.Start(tasklog.Records, ours, nil)
	return w.WriteWith(payload, theirs)
}

// failure is the error element for a request that could not be served.
func failure(err error) *message.ErrorResponse {
	detail := map[string]any{"status_code": nil, "message": err.Error(), "exception_type": fmt.Sprintf("%T", rootCause(err))}
	var status *api.StatusError
	var unhandled *api.NotHandledError
	var conflict *conflictError
	switch {
	case errors.As(err, &status):
		detail = map[string]any{"status_code": status.Status, "message": err.Error(), "detail": nil}
		var raw message.Raw
		if status.Detail != nil && raw.UnmarshalJSON(status.Detail) == nil {
			detail["detail"] = raw
		}
	case errors.As(err, &unhandled):
		detail = map[string]any{"status_code": http.StatusBadRequest, "message": err.Error(), "detail": unhandled.MessageType}
	case errors.As(err, &conflict):
		detail = map[string]any{"status_code": http.StatusConflict, "message": err.Error(), "detail": nil}
	}
	return errorElement(detail)
}

// invalid is the error element for a body that is no message.
func invalid(err error) *message.ErrorResponse {
	detail := map[string]any{"status_code": http.StatusBadRequest, "message": err.Error(), "detail": nil}
	var unknown *message.UnknownTypeError
	if errors.As(err, &unknown) {
		detail["message"], detail["detail"] = "Unhandled request", err.Error()
	}
	return errorElement(detail)
}

func errorElement(detail map[string]any) *message.ErrorResponse {
	for _, key := range []string{"message", "detail"} { // texts of errors can quote what is no UTF-8
		if text, ok := detail[key].(string); ok {
			detail[key] = strings.ToValidUTF8(text, "\uFFFD")
		}
	}
	raw, err := message.RawOf(detail)
	if err != nil {
		raw = nil
	}
	return &message.ErrorResponse{Error: message.APIServerError, Detail: raw}
}

// rootCause is the innermost error, whose type says what went wrong.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
