package supervisor

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Overtime names the state: a server that is slow to take it must not hold up the kill.
func TestTheStateIsKnownWhileItIsOnItsWay(t *testing.T) {
	arrived, let := make(chan struct{}), make(chan struct{})
	client, _ := clientFor(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-let
		w.WriteHeader(http.StatusNoContent)
	})
	tm := newTerminal()
	if _, err := tm.set(&message.SucceedTask{EndDate: message.At(time.Now())}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- tm.deliver(t.Context(), server{client, "1"}) }()
	<-arrived
	if got := tm.get(); got != "success" {
		t.Errorf("state %q", got)
	}
	close(let)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := tm.deliver(t.Context(), server{client, "1"}); err != nil { // a second request would panic the handler
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
