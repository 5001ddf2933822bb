"""Fills the database of a real Airflow: schema, Dags, and a Dag run for each case.

    python site.py FILE      FILE: JSON list of {"run", "dag", "conf"}

One process in place of many "airflow" commands, each of which costs seconds.
"""

import json
import sys

from airflow.cli.cli_parser import get_parser

parser = get_parser()


def airflow(*words):
    args = parser.parse_args(words)
    args.func(args)


airflow("db", "migrate")
print("migrated", flush=True)
airflow("dags", "reserialize")
with open(sys.argv[1]) as file:
    for run in json.load(file):
        airflow("dags", "trigger", run["dag"], "--run-id", run["run"], "--conf", json.dumps(run["conf"]))
