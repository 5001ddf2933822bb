package supervisor

import (
	"context"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

const (
	// accountsFor is how long an account is remembered. A directory service takes
	// milliseconds to ask, by two commands; a change takes as long to be seen.
	accountsFor = 5 * time.Second

	// maxAccounts is how many are remembered.
	maxAccounts = 1024
)

// accounts remembers who tasks run as. sudo, which decides, asks by itself.
type accounts struct {
	mu    sync.Mutex
	known map[string]resolved
}

type resolved struct {
	target   impersonate.Account
	switches bool
	until    time.Time
}

// resolve is impersonate.Resolve. Failures are not remembered.
func (a *accounts) resolve(ctx context.Context, name string, policy impersonate.Policy) (impersonate.Account, bool, error) {
	now := time.Now()
	a.mu.Lock()
	r, ok := a.known[name]
	a.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.target, r.switches, nil
	}
	target, switches, err := impersonate.Resolve(ctx, name, policy)
	if err != nil {
		return target, switches, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= maxAccounts {
		a.known = map[string]resolved{}
	}
	a.known[name] = resolved{target, switches, now.Add(accountsFor)}
	return target, switches, nil
}
