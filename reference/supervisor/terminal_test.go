package supervisor

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
)

// Overtime names the state: a server that is slow to take it must not hold up the kill.
func TestTheStateIsKnownWhileItIsOnItsWay(t *testing.T) {
	arrived, let := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-let
		w.WriteHeader(http.StatusNoContent)
	}))
	defer web.Close()
	address, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	settings := api.Settings{URL: address, Timeout: time.Second, Attempts: 1}
	instance := api.NewClient(settings, api.NewTransport(settings), "", nil).Instance("1")
	tm := newTerminal()
	if _, err := tm.set(&message.SucceedTask{EndDate: message.At(time.Now())}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- tm.deliver(t.Context(), instance) }()
	<-arrived
	if got := tm.get(); got != "success" {
		t.Errorf("state %q", got)
	}
	close(let)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := tm.deliver(t.Context(), instance); err != nil { // a second request would panic the handler
		t.Error(err)
	}
}

func TestTerminalIsOne(t *testing.T) {
	end := message.At(time.Now())
	tm := newTerminal()
	if pending, err := tm.set(&message.SucceedTask{EndDate: end}); !pending || err != nil {
		t.Fatal(pending, err)
	}
	first := string(tm.body)
	if pending, err := tm.set(&message.SucceedTask{EndDate: message.At(time.Now().Add(time.Hour))}); !pending || err != nil || string(tm.body) != first {
		t.Errorf("the same again: %v, %v, %s", pending, err, tm.body)
	}
	var conflict *conflictError
	for _, other := range []message.Body{&message.TaskState{State: "failed"}, &message.RetryTask{EndDate: end}, &message.DeferTask{Classpath: "c", NextMethod: "m"}} {
		if _, err := tm.set(other); !errors.As(err, &conflict) {
			t.Errorf("%T: %v", other, err)
		}
	}
	select {
	case <-tm.seen:
	default:
		t.Error("nobody is told")
	}
}
