package supervisor

import (
	"errors"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

func TestAccountsAreRememberedForAWhile(t *testing.T) {
	var a accounts
	ctx := t.Context()
	first, _, err := a.resolve(ctx, "daemon", impersonate.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	known := a.known["daemon"]
	known.target.UID = 4711
	a.known["daemon"] = known
	if again, _, err := a.resolve(ctx, "daemon", impersonate.Policy{}); err != nil || again.UID != 4711 {
		t.Errorf("%+v, %v: asked again at once", again, err)
	}
	known.until = time.Now()
	a.known["daemon"] = known
	if again, _, err := a.resolve(ctx, "daemon", impersonate.Policy{}); err != nil || again.UID != first.UID {
		t.Errorf("%+v, %v: remembered for ever", again, err)
	}
	var unknown *impersonate.UnknownUserError
	if _, _, err := a.resolve(ctx, "no-such-user", impersonate.Policy{}); !errors.As(err, &unknown) || len(a.known) != 1 {
		t.Errorf("%v, %v", err, a.known)
	}
}
