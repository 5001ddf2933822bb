package config

import "path"

// defaults are the values of options that are set nowhere. Those outside
// [understudy] are Airflow's (CFG-005).
func defaults(airflowHome string) map[string]string {
	return map[string]string{
		"core.dags_folder":                     path.Join(airflowHome, "dags"),
		"core.default_impersonation":           "",
		"core.task_success_overtime":           "20",
		"dag_processor.dag_bundle_config_list": `[{"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}]`,
		"logging.base_log_folder":              path.Join(airflowHome, "logs"),
		"workers.max_failed_heartbeats":        "3",
		"workers.min_heartbeat_interval":       "5",
		"workers.missing_dag_retries":          "3",
		"workers.missing_dag_retry_delay":      "60",
		"workers.socket_cleanup_timeout":       "60",
		"sdk.task_startup_timeout":             "10",

		"understudy.allow_root":       "False",
		"understudy.kill_step":        "5",
		"understudy.max_frame_bytes":  "67108864",
		"understudy.pass_environment": "",
		"understudy.terminal_timeout": "2",
		"understudy.umask":            "0022",
	}
}
