package supervisor

import (
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/runner"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

// startupFrame is the payload of the first frame. handed is what only a runner of
// this project reads, nil where there is nothing to hand over.
// schema is what the runner speaks.
func startupFrame(w submit.Workload, context message.TIRunContext, start time.Time, handed *runner.Handed, schema coordinator.Schema) ([]byte, error) {
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
