"""Airflow's own supervisor, with any program as its runner.

    RUNNER_ARGV='["/path/runner", "ARGUMENT"]' python fdworker.py --json-path WORKLOAD
    RUNNER_SWITCH=sudo                         the runner is started as NAME for a task probe_NAME

Airflow forks a child, gives it the channel on descriptor 0, and calls
task_runner.main in it. In place of that function the child executes the program.
Works from Airflow 3.0.3 on.
"""

import json
import os
import pwd
import sys

from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.execute_workload import main

SUDO = ("/usr/bin/sudo", "-n", "-E", "-H", "-u")


def runner():
    argv = json.loads(os.environ["RUNNER_ARGV"])
    if os.environ.get("RUNNER_SWITCH") != "sudo":
        return argv
    with open(sys.argv[sys.argv.index("--json-path") + 1]) as workload:
        target = json.load(workload)["ti"]["task_id"].removeprefix("probe").removeprefix("_")
    if target in ("", pwd.getpwuid(os.getuid()).pw_name):
        return argv
    return [*SUDO, target, "--", *argv]


def execute():
    argv = runner()
    os.execv(argv[0], argv)


if __name__ == "__main__":
    task_runner.main = execute
    main()
