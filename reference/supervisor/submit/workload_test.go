package submit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseWorkload(t *testing.T) {
	const good = `{"type":"ExecuteTask","token":"T","dag_rel_path":"d/p.yaml","log_path":"a/b.log","bundle_info":{"name":"dags","version":"v"},
		"ti":{"id":"01900000-0000-7000-8000-000000000001","task_id":"t","dag_id":"d","run_id":"r","try_number":2,"dag_version_id":"u","pool_slots":1,"priority_weight":1,"map_index":3},"new":1}`
	w, err := parseWorkload([]byte(good))
	if err != nil || w.Token != "T" || w.TI.TryNumber != 2 || *w.TI.MapIndex != 3 || *w.BundleInfo.Version != "v" || *w.LogPath != "a/b.log" {
		t.Errorf("%+v, %v", w, err)
	}
	for change, want := range map[[2]string]string{
		{`"ExecuteTask"`, `"RunTrigger"`}:                             `type is "RunTrigger"`,
		{`"task_id":"t"`, `"task_id":""`}:                             "ti.task_id is missing",
		{`"dag_id":"d",`, ``}:                                         "ti.dag_id is missing",
		{`"run_id":"r",`, ``}:                                         "ti.run_id is missing",
		{`"name":"dags",`, ``}:                                        "bundle_info.name is missing",
		{`"try_number":2`, `"try_number":0`}:                          "ti.try_number is 0",
		{`"try_number":2`, `"try_number":"2"`}:                        "try_number",
		{`01900000-0000-7000-8000-000000000001`, `../../variables/x`}: "is no UUID",
		{`d/p.yaml`, `../p.yaml`}:                                     "leaves the bundle",
		{`d/p.yaml`, `/etc/passwd`}:                                   "leaves the bundle",
		{`a/b.log`, `../../etc/cron.d/x`}:                             "leaves the log folder",
		{`{"type"`, `["type"`}:                                        "invalid character",
	} {
		_, err := parseWorkload([]byte(strings.Replace(good, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", change, err, want)
		}
	}
	if _, err := parseWorkload([]byte(`{"type":"ExecuteTask"}`)); err == nil || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("not all faults are named: %v", err)
	}
	path := filepath.Join(t.TempDir(), "w.json")
	if _, err := ReadWorkload(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func FuzzParseWorkload(f *testing.F) {
	f.Add([]byte(`{"type":"ExecuteTask","ti":{"id":"01900000-0000-7000-8000-000000000001"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := parseWorkload(data)
		if err == nil && (!filepath.IsLocal(w.DagRelPath) || w.TI.ID == "" || w.LogPath != nil && !filepath.IsLocal(*w.LogPath)) {
			t.Errorf("%+v", w)
		}
	})
}
