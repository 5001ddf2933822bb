// Package config reads Airflow's configuration the way Airflow does, as far as
// a supervisor and a runner need it. For one option the first of these that has
// a value wins:
//
//	AIRFLOW__SECTION__KEY           environment
//	AIRFLOW__SECTION__KEY_CMD       output of a command   (sensitive options only)
//	AIRFLOW__SECTION__KEY_SECRET    secrets backend       (sensitive options only; unsupported, an error)
//	key = value                     airflow.cfg
//	key_cmd, key_secret             airflow.cfg           (as above)
//	default                         the few options that the reference itself reads
//
// airflow.cfg is the file that AIRFLOW_CONFIG names, else airflow.cfg in
// AIRFLOW_HOME, else ~/airflow/airflow.cfg. Nothing is ever written: a missing
// file means defaults.
//
// Two things differ from Airflow on purpose. A file that is there and cannot be
// read is an error that names the file and the user; Python's reader skips it,
// and the task then runs with other settings than its worker has. And no file
// is created in anybody's home.
//
// The format is that of Python's configparser with its default options: values
// continue on deeper indented lines, comments stand on lines of their own,
// %(name)s interpolates within a section and [DEFAULT]. The Go libraries for INI
// files read it differently without saying so: a blank line inside a value makes
// a new option of what follows, comments inside a value become part of it.
// This reader is compared with Python's own, see TestReadsAsPythonDoes.
package config
