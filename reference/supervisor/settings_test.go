package supervisor

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSettingsHaveAirflowsDefaults(t *testing.T) {
	s, err := LoadSettings([]string{"AIRFLOW_HOME=" + t.TempDir(), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://h:1/execution/?x#y", "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES=a, b",
		"AIRFLOW__CORE__FERNET_KEY=k"})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.API.URL.String(), s.API.Timeout, s.API.Attempts, s.API.RetryFirst, s.API.RetryMax, s.HeartbeatInterval, s.MaxFailedHeartbeats, s.SocketCleanup,
		s.Overtime, s.KillStep, s.MaxFrame, s.MinSecret, s.DefaultUser, s.AllowRoot, strings.Join(s.SensitiveNames, "+")}
	want := []any{"http://h:1/execution", 5 * time.Second, 5, time.Second, 10 * time.Second, 5 * time.Second, 3, time.Minute,
		20 * time.Second, 5 * time.Second, uint32(64 << 20), 5, "", false, "a+b"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, there := s.All["core.fernet_key"]; there {
		t.Error("a secret would leave the process")
	}
}

func TestSettingsNameAllFaults(t *testing.T) {
	_, err := LoadSettings([]string{"AIRFLOW_HOME=" + t.TempDir(), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=h:1", "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=x",
		"AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=0", "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=many"})
	for _, key := range []string{"execution_api_server_url", "min_heartbeat_interval", "max_failed_heartbeats", "execution_api_retries"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}
