#!/bin/bash
# Puts Apache Airflow 3.4 into the root, as provision.sh does 3.3.
exec bash "$(dirname "$0")/provision.sh" requirements-3.4.txt
