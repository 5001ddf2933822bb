package worker

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/wall/escape"
)

// walled tries to get out of this sandbox, as root and as two of its accounts. What gets through
// means that nothing can be judged here: the implementation under test could do the same.
func walled(ctx context.Context) error {
	const limit = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	users := []string{"root", account.Worker, "alice"}
	found := make([]error, len(users))
	var tried sync.WaitGroup
	for i, user := range users {
		tried.Go(func() { found[i] = walledAs(ctx, user) })
	}
	tried.Wait()
	for _, err := range found {
		if err != nil {
			return err // the same one each time
		}
	}
	return nil
}

func walledAs(ctx context.Context, user string) error {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "escape")
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := account.RunAs(cmd, user); err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("try the wall of the sandbox as %s: %w: %s", user, err, lastLine(stderr.String()))
	}
	results, err := escape.Read(&stdout, false)
	if err != nil {
		return fmt.Errorf("try the wall of the sandbox as %s: %w", user, err)
	}
	var through []string
	for _, r := range results {
		if r.Outcome == escape.Through {
			through = append(through, r.Says)
		}
	}
	if len(through) > 0 {
		return fmt.Errorf("the sandbox is no wall, so nothing is run in it: %s can %s", user, strings.Join(through, ", "))
	}
	return nil
}
