package submit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// maxWorkload is the largest workload, in bytes, that is read.
const maxWorkload = 16 << 20

// Workload is what Airflow's executor hands to a worker: which task instance to
// run, and the token to do so. Its JSON form is Airflow's ExecuteTask.
type Workload struct {
	Type              string               `json:"type"`
	Token             string               `json:"token"` // "" sends none
	TI                message.TaskInstance `json:"ti"`
	DagRelPath        string               `json:"dag_rel_path"`
	BundleInfo        message.BundleInfo   `json:"bundle_info"`
	LogPath           *string              `json:"log_path"` // below the log folder; nil: no task log
	SentryIntegration string               `json:"sentry_integration"`
}

// ReadWorkload reads and checks a workload file.
func ReadWorkload(path string) (Workload, error) {
	data, err := ReadWorkloadText(path)
	if err != nil {
		return Workload{}, err
	}
	w, err := parseWorkload(data)
	if err != nil {
		return w, fmt.Errorf("read workload %s: %w", path, err)
	}
	return w, nil
}

// ReadWorkloadText reads a workload file, "-" for standard input.
func ReadWorkloadText(path string) ([]byte, error) {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("read workload: %w", err)
		}
		defer file.Close()
	}
	data, err := io.ReadAll(io.LimitReader(file, maxWorkload+1))
	if err != nil {
		return nil, fmt.Errorf("read workload: %w", err)
	}
	if len(data) > maxWorkload {
		return nil, fmt.Errorf("read workload %s: longer than %d bytes", path, maxWorkload)
	}
	return data, nil
}

func parseWorkload(data []byte) (Workload, error) {
	w := Workload{}
	if err := json.Unmarshal(data, &w); err != nil {
		return w, err
	}
	if w.Type != "ExecuteTask" {
		return w, fmt.Errorf("type is %q, expected \"ExecuteTask\"", w.Type)
	}
	var faults []error
	for _, required := range []struct{ key, value string }{
		{"ti.task_id", w.TI.TaskID},
		{"ti.dag_id", w.TI.DagID},
		{"ti.run_id", w.TI.RunID},
		{"ti.dag_version_id", w.TI.DagVersionID},
		{"bundle_info.name", w.BundleInfo.Name},
		{"dag_rel_path", w.DagRelPath},
	} {
		if required.value == "" {
			faults = append(faults, fmt.Errorf("%s is missing", required.key))
		}
	}
	if _, err := uuid.Parse(w.TI.ID); err != nil {
		faults = append(faults, fmt.Errorf("ti.id %.80q is no UUID", w.TI.ID))
	}
	if w.TI.TryNumber < 1 {
		faults = append(faults, fmt.Errorf("ti.try_number is %d, expected 1 or more", w.TI.TryNumber))
	}
	if w.DagRelPath != "" && !filepath.IsLocal(w.DagRelPath) {
		faults = append(faults, fmt.Errorf("dag_rel_path %.200q leaves the bundle", w.DagRelPath))
	}
	if w.LogPath != nil && !filepath.IsLocal(*w.LogPath) {
		faults = append(faults, fmt.Errorf("log_path %.200q leaves the log folder", *w.LogPath))
	}
	return w, errors.Join(faults...)
}
