package stage

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func settingsStage() *Stage { return &Stage{dir: "/case", session: &Session{}} }

func TestTheEnvironmentIsWholeAndNothingElse(t *testing.T) {
	t.Setenv("LEAK", "of the host")
	s := settingsStage()
	task := Task{
		Settings: map[string]string{"core.default_impersonation": "bob", "workers.min_heartbeat_interval": "2"},
		Env:      map[string]string{"LOGNAME": "alice"}, Without: []string{"LANG"},
	}
	_, settings := s.inFile(task, map[string]string{"core.of_role": "x"})
	got := s.environment(task, s.Account(WorkerAccount), settings, map[string]string{"FROM_MANIFEST": "x"})
	want := []string{
		"AIRFLOW_HOME=/case/home",
		"AIRFLOW__CORE__DEFAULT_IMPERSONATION=bob",
		"AIRFLOW__CORE__LOAD_EXAMPLES=False",
		"AIRFLOW__CORE__OF_ROLE=x",
		`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":"/case/dags"},"name":"dags"}]`,
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=/case/bundles",
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=/case/logs",
		"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=2",
		"FROM_MANIFEST=x", "HOME=/home/airflow", "LOGNAME=alice",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "USER=airflow",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAConfigFileTakesWhatItIsToldTo(t *testing.T) {
	s := settingsStage()
	mine := map[string]string{"core.default_impersonation": "bob"}
	file, environment := s.inFile(Task{File: &ConfigFile{Settings: mine}}, nil)
	if diff := cmp.Diff(mine, file); diff != "" || environment["core.load_examples"] != "False" {
		t.Errorf("beside the environment: %s\nenvironment %v", diff, environment)
	}
	file, environment = s.inFile(Task{File: &ConfigFile{Settings: mine, Only: true}}, nil)
	if len(environment) != 0 || file["core.default_impersonation"] != "bob" || file["core.load_examples"] != "False" {
		t.Errorf("alone: file %v\nenvironment %v", file, environment)
	}
	list := s.environment(Task{File: &ConfigFile{}}, s.Account(WorkerAccount), nil, nil)
	if !slices.Contains(list, "AIRFLOW_CONFIG=/case/home/airflow.cfg") {
		t.Errorf("the file is not named in %v", list)
	}
}

func TestINI(t *testing.T) {
	got, err := iniText(map[string]string{"b.y": "50%", "a.x": "1", "b.x": "2"})
	if diff := cmp.Diff("[a]\nx = 1\n\n[b]\nx = 2\ny = 50%%\n\n", got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := iniText(map[string]string{"nosection": "1"}); err == nil {
		t.Error("a setting without section was written")
	}
}
