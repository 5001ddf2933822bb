package stage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
)

// settings are what every case sets, what the role sets, and then what the task sets.
func (s *Stage) settings(task Task, ofRole map[string]string) map[string]string {
	bundles, _ := json.Marshal([]any{map[string]any{ // plain data always encodes
		"name": "dags", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
		"kwargs": map[string]any{"path": s.Path("dags")},
	}})
	all := map[string]string{
		"dag_processor.dag_bundle_config_list":  string(bundles),
		"dag_processor.dag_bundle_storage_path": s.Path("bundles"),
		"logging.base_log_folder":               s.Path("logs"),
		"core.load_examples":                    "False",
		"workers.min_heartbeat_interval":        "1",
	}
	maps.Copy(all, ofRole)
	maps.Copy(all, task.Settings)
	return all
}

// inFile parts the settings into those of the configuration file and those of
// the environment.
func (s *Stage) inFile(task Task, ofRole map[string]string) (file, environment map[string]string) {
	environment = s.settings(task, ofRole)
	if task.File == nil {
		return nil, environment
	}
	file = maps.Clone(task.File.Settings)
	if task.File.Only {
		file = environment
		maps.Copy(file, task.File.Settings)
		environment = nil
	}
	return file, environment
}

// iniText renders settings as an airflow.cfg.
func iniText(settings map[string]string) (string, error) {
	sections := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		section, key, ok := strings.Cut(name, ".")
		if !ok {
			return "", fmt.Errorf("setting %q is not section.key", name)
		}
		// A percent sign starts an interpolation in Airflow's reader.
		value := strings.ReplaceAll(settings[name], "%", "%%")
		sections[section] = append(sections[section], key+" = "+value)
	}
	var text strings.Builder
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		fmt.Fprintf(&text, "[%s]\n%s\n\n", section, strings.Join(sections[section], "\n"))
	}
	return text.String(), nil
}

// UmaskSetting is the setting, "section.key", that holds the umask of impersonated tasks, of
// an implementation with capability umask.
func (s *Stage) UmaskSetting() string { return s.session.Plan.Manifest.Umask }

// variable is the name under which the environment holds a setting.
func variable(section, key string) string {
	return "AIRFLOW__" + strings.ToUpper(section) + "__" + strings.ToUpper(key)
}

// environment is all that a process of the implementation gets.
func (s *Stage) environment(task Task, worker account.Account, settings, ofRole map[string]string) []string {
	env := map[string]string{
		"PATH": account.SearchPath, "HOME": worker.Home, "LANG": "C.UTF-8",
		"AIRFLOW_HOME": s.Path("home"),
	}
	if worker.Name != "" {
		env["USER"], env["LOGNAME"], env["SHELL"] = worker.Name, worker.Name, worker.Shell
	}
	if task.File != nil {
		env["AIRFLOW_CONFIG"] = s.ConfigPath()
	}
	for name, value := range settings {
		section, key, _ := strings.Cut(name, ".")
		env[variable(section, key)] = value
	}
	maps.Copy(env, ofRole)
	maps.Copy(env, task.Env)
	for _, name := range task.Without {
		delete(env, name)
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
