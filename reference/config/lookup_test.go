package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load writes text as airflow.cfg and loads it with env.
func load(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "airflow.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(append([]string{"AIRFLOW_CONFIG=" + path, "HOME=/home/x"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFirstSourceWins(t *testing.T) {
	const file = "[core]\nfernet_key = from-file\ndefault_impersonation = file\n"
	tests := []struct {
		name, section, key string
		file               string
		env                []string
		want, source       string
	}{
		{"environment over file", "core", "default_impersonation", file, []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=env"}, "env", "AIRFLOW__CORE__DEFAULT_IMPERSONATION"},
		{"file over default", "core", "default_impersonation", file, nil, "file", "airflow.cfg"},
		{"default", "workers", "missing_dag_retries", file, nil, "3", "default"},
		{"empty environment is a value", "core", "default_impersonation", file, []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION="}, "", "AIRFLOW__CORE__DEFAULT_IMPERSONATION"},
		{"plain over command", "core", "fernet_key", file, []string{"AIRFLOW__CORE__FERNET_KEY=plain", "AIRFLOW__CORE__FERNET_KEY_CMD=echo -n cmd"}, "plain", "AIRFLOW__CORE__FERNET_KEY"},
		{"command over file", "core", "fernet_key", file, []string{"AIRFLOW__CORE__FERNET_KEY_CMD=printf '%s' 'a b'"}, "a b", "AIRFLOW__CORE__FERNET_KEY_CMD"},
		{"command over secret", "core", "fernet_key", file, []string{"AIRFLOW__CORE__FERNET_KEY_CMD=printf cmd", "AIRFLOW__CORE__FERNET_KEY_SECRET=x"}, "cmd", "AIRFLOW__CORE__FERNET_KEY_CMD"},
		{"command in the file", "core", "fernet_key", "[core]\nfernet_key_cmd = printf filecmd\n", nil, "filecmd", "airflow.cfg"},
		{"command for an option that is no secret is none", "core", "default_impersonation", file, []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION_CMD=printf cmd"}, "file", "airflow.cfg"},
		{"variables and home expand", "core", "dags_folder", "", []string{"AIRFLOW__CORE__DAGS_FOLDER=~/$SUB/${SUB}/$NONE", "SUB=d"}, "/home/x/d/d/$NONE", "AIRFLOW__CORE__DAGS_FOLDER"},
		{"names are asked for in any case", "Core", "Default_Impersonation", file, nil, "file", "airflow.cfg"},
		{"jwt_secret is no secret of jwt", "api_auth", "jwt_secret", "", []string{"AIRFLOW__API_AUTH__JWT_SECRET=s"}, "s", "AIRFLOW__API_AUTH__JWT_SECRET"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			value, source, err := load(t, test.file, test.env...).Lookup(test.section, test.key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want, test.source}, []string{value, filepath.Base(source)}); diff != "" {
				t.Errorf("value and source (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValuesThatCannotBeHadAreErrors(t *testing.T) {
	tests := []struct {
		name, file string
		env        []string
		wants      []string
	}{
		{"secrets backend", "", []string{"AIRFLOW__CORE__FERNET_KEY_SECRET=path"}, []string{"[core] fernet_key", "AIRFLOW__CORE__FERNET_KEY_SECRET", "not supported"}},
		{"secrets backend in the file", "[core]\nfernet_key_secret = path\n", nil, []string{"[core] fernet_key", "airflow.cfg", "not supported"}},
		{"failing command", "", []string{"AIRFLOW__CORE__FERNET_KEY_CMD=false"}, []string{"AIRFLOW__CORE__FERNET_KEY_CMD", "exit status 1"}},
		{"open quote", "", []string{"AIRFLOW__CORE__FERNET_KEY_CMD=echo 'x"}, []string{"single quote"}},
		{"interpolation", "[core]\nfernet_key = %(gone)s\n", nil, []string{"airflow.cfg", "gone"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, test.file, test.env...)
			_, _, err := c.Lookup("core", "fernet_key")
			var value *ValueError
			if !errors.As(err, &value) {
				t.Fatalf("got %v, want *ValueError", err)
			}
			for _, want := range test.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if _, ok := c.Get("core", "fernet_key"); ok {
				t.Error("Get has a value all the same")
			}
		})
	}
	if _, _, err := load(t, "").Lookup("core", "nothing"); !errors.Is(err, ErrUnset) {
		t.Errorf("unset option: got %v, want ErrUnset", err)
	}
}

func TestNumbersNameKeyAndSource(t *testing.T) {
	c := load(t, "[workers]\nmissing_dag_retries = many\n", "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY=-1",
		"AIRFLOW__UNDERSTUDY__UMASK=0999", "AIRFLOW__UNDERSTUDY__ALLOW_ROOT=perhaps", "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1.5")
	_, retries := c.Int("workers", "missing_dag_retries")
	_, delay := c.Seconds("workers", "missing_dag_retry_delay")
	_, umask := c.Mode("understudy", "umask")
	_, root := c.Bool("understudy", "allow_root")
	for err, wants := range map[error][]string{
		retries: {"[workers] missing_dag_retries", "airflow.cfg", `"many"`, "whole number"},
		delay:   {"[workers] missing_dag_retry_delay", "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY", `"-1"`, "seconds"},
		umask:   {"[understudy] umask", `"0999"`, "octal"},
		root:    {"[understudy] allow_root", `"perhaps"`, "truth value"},
	} {
		for _, want := range wants {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
	}
	if got, err := c.Seconds("workers", "min_heartbeat_interval"); err != nil || got != 1500*time.Millisecond {
		t.Errorf("1.5 seconds: got %v, %v", got, err)
	}
	if got, err := c.Mode("understudy", "kill_step"); err != nil || got != 5 {
		t.Errorf("mode 5: got %v, %v", got, err)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	if err := load(t, "[core]\ndags_folder = 7\n[understudy]\numask = 022\n").Validate(); err != nil {
		t.Errorf("without a mistake: %v", err)
	}
	mistaken := map[string]string{
		"[workers] missing_dag_retries":    "AIRFLOW__WORKERS__MISSING_DAG_RETRIES=-1",
		"[understudy] max_frame_bytes":     "AIRFLOW__UNDERSTUDY__MAX_FRAME_BYTES=4294967296",
		"[workers] max_failed_heartbeats":  "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=three",
		"[workers] min_heartbeat_interval": "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=soon",
		"[understudy] allow_root":          "AIRFLOW__UNDERSTUDY__ALLOW_ROOT=yes",
		"[understudy] umask":               "AIRFLOW__UNDERSTUDY__UMASK=rw-r--r--",
	}
	var env []string
	for _, entry := range mistaken {
		env = append(env, entry)
	}
	err := load(t, "[core]\ntask_success_overtime = NaN\n", env...).Validate()
	mistaken["[core] task_success_overtime"] = "airflow.cfg=NaN"
	for option, entry := range mistaken {
		source, _, _ := strings.Cut(entry, "=")
		if !strings.Contains(fmt.Sprint(err), option) || !strings.Contains(fmt.Sprint(err), source) {
			t.Errorf("%v\nlacks %s from %s", err, option, source)
		}
	}
}

// TestDefaultsAreAirflows holds the table of CFG-005.
func TestDefaultsAreAirflows(t *testing.T) {
	c := load(t, "")
	for name, want := range map[string]string{
		"workers.min_heartbeat_interval": "5", "workers.max_failed_heartbeats": "3", "workers.socket_cleanup_timeout": "60",
		"core.task_success_overtime": "20", "understudy.kill_step": "5", "workers.missing_dag_retries": "3",
		"workers.missing_dag_retry_delay": "60", "sdk.task_startup_timeout": "10", "core.default_impersonation": "",
	} {
		section, key, _ := strings.Cut(name, ".")
		if got, ok := c.Get(section, key); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestSettingsSurviveWithoutSecrets(t *testing.T) {
	c := load(t, "[core]\nfernet_key = secret1\nparallelism = 7\nbroken = %(x)s\n[smtp]\nsmtp_password = secret2\n[a.b]\nk = %(v)s\nv = $HOME\n",
		"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=secret3", "AIRFLOW__CELERY__BROKER_URL_CMD=secret4", "AIRFLOW__CORE__LOAD_EXAMPLES=False")
	all := c.All()
	for name, value := range all {
		if strings.Contains(value, "secret") {
			t.Errorf("%s = %s crosses", name, value)
		}
	}
	after := FromSettings(all)
	for name, want := range map[string]string{"core.parallelism": "7", "core.load_examples": "False", "a.b.k": "/home/x", "workers.missing_dag_retries": "3"} {
		i := strings.LastIndexByte(name, '.')
		if got, ok := after.Get(name[:i], name[i+1:]); !ok || got != want {
			t.Errorf("%s after: got %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := after.Get("core", "broken"); ok {
		t.Error("an option without value got one on the way")
	}
	if diff := cmp.Diff(all, after.All()); diff != "" {
		t.Errorf("a second crossing changes settings:\n%s", diff)
	}
}

func TestWhereTheFileLies(t *testing.T) {
	home := t.TempDir()
	write := func(path string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("[core]\nwho = "+path+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	named, inHome, usual := home+"/named.cfg", home+"/af/airflow.cfg", home+"/airflow/airflow.cfg"
	for _, path := range []string{named, inHome, usual} {
		write(path)
	}
	for _, test := range []struct {
		env  []string
		want string
	}{
		{[]string{"AIRFLOW_CONFIG=" + named, "AIRFLOW_HOME=" + home + "/af", "HOME=" + home}, named},
		{[]string{"AIRFLOW_HOME=" + home + "/af", "HOME=" + home}, inHome},
		{[]string{"HOME=" + home}, usual},
		{[]string{"AIRFLOW_CONFIG=~/named.cfg", "HOME=" + home}, named},
		{[]string{"AIRFLOW_CONFIG=" + home + "/missing.cfg", "HOME=" + home}, ""},
		{[]string{"AIRFLOW_CONFIG=" + named + "/below/a/file", "HOME=" + home}, ""},
	} {
		c, err := Load(test.env)
		if err != nil {
			t.Fatalf("%v: %v", test.env, err)
		}
		if got, _ := c.Get("core", "who"); got != test.want {
			t.Errorf("%v: read %q, want %q", test.env, got, test.want)
		}
	}
	if _, err := os.Stat(home + "/missing.cfg"); !os.IsNotExist(err) {
		t.Errorf("a missing file was made: %v", err)
	}
}

// TestUnreadableFileIsNamed uses a directory in place of the file, which not
// even root can read.
func TestUnreadableFileIsNamed(t *testing.T) {
	path := t.TempDir()
	_, err := Load([]string{"AIRFLOW_CONFIG=" + path})
	var unreadable *UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Path != path {
		t.Fatalf("got %v, want *UnreadableError for %s", err, path)
	}
	if uid := fmt.Sprint(os.Geteuid()); !strings.Contains(err.Error(), uid) {
		t.Errorf("%q lacks uid %s", err, uid)
	}
	var syntax *SyntaxError
	bad := filepath.Join(path, "bad.cfg")
	if err := os.WriteFile(bad, []byte("[a]\nx = 1\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load([]string{"AIRFLOW_CONFIG=" + bad}); !errors.As(err, &syntax) || syntax.Line != 3 || syntax.Path != bad {
		t.Errorf("got %v, want a syntax error in line 3 of %s", err, bad)
	}
}
