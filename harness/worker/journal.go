package worker

import (
	"fmt"
	"io"
	"os"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// recorder returns what writes one event. Once a write fails nobody listens any
// more, and the process ends.
func recorder(out io.Writer) func(journal.Event) {
	// Secrets are known to each case and taken out there.
	writer := journal.NewWriter(out, nil)
	return func(e journal.Event) {
		if err := writer.Write(e); err != nil {
			fmt.Fprintln(os.Stderr, "understudy-worker:", err)
			os.Exit(1)
		}
	}
}
