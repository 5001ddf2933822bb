package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/runner"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// runContext reads the server's answer to run, and masks the secrets in it.
func runContext(answer []byte, mask *tasklog.Masker) (message.TIRunContext, error) {
	var c message.TIRunContext
	if err := json.Unmarshal(answer, &c); err != nil {
		return c, fmt.Errorf("read the server's answer to run: %w", err)
	}
	// Releases before 3.2 refuse the key, later ones insist on it; the server
	// knows which it serves.
	var keys struct {
		DagRun map[string]json.RawMessage `json:"dag_run"`
	}
	if err := json.Unmarshal(answer, &keys); err != nil {
		return c, fmt.Errorf("read the server's answer to run: %w", err)
	}
	if keys.DagRun == nil {
		return c, errors.New("read the server's answer to run: it has no dag_run")
	}
	if _, there := keys.DagRun["partition_key"]; !there {
		c.DagRun.PartitionKey.Omit = true
	}
	for _, connection := range c.Connections {
		if err := maskConnection(mask, connection); err != nil {
			return c, err
		}
	}
	for _, variable := range c.Variables {
		if err := maskVariable(mask, variable); err != nil {
			return c, err
		}
	}
	return c, nil
}

// startupFrame is the payload of the first frame. handed is what only a runner of
// this project reads, nil where there is nothing to hand over.
// schema is what the runner speaks.
func startupFrame(w Workload, context message.TIRunContext, start time.Time, handed *runner.Handed, schema coordinator.Schema) ([]byte, error) {
	if context.StartDate != nil { // the task resumes
		start = context.StartDate.Time
	}
	details, err := schema.ToRuntime(&message.StartupDetails{
		TI:                w.TI,
		DagRelPath:        w.DagRelPath,
		BundleInfo:        w.BundleInfo,
		StartDate:         message.At(start),
		TIContext:         context,
		SentryIntegration: w.SentryIntegration,
	})
	if err != nil {
		return nil, err
	}
	return runner.EncodeStartup(details.(*message.StartupDetails), handed)
}
