"""Dag "probe" for Apache Airflow 3: one task per fixture user, each doing what it is told.

The verbs come from dag_run.conf (docs/contract.md describes them): "tasks" may hold
a list per task id, "verbs" holds the list for all others. Importing this file does
nothing but build the Dag, since a runner imports it once as the worker and once as
the target user.
"""

from __future__ import annotations

import errno
import hashlib
import os
import select
import signal
import stat
import string
import subprocess
import sys
import time
from pathlib import Path

from airflow.sdk import DAG, BaseOperator, Connection, Variable

# ghost has no account on the machine; root and toor, whose uid is 0, too, are there to be refused.
TARGETS = ("airflow", "alice", "bob", "carol", "randomuser", "airflowuser", "ghost", "root", "toor")

# Starts its arguments as a daemon and prints the pid, or the errno as a negative number.
DAEMONISE = """
import subprocess, sys
quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
try:
    print(subprocess.Popen(sys.argv[1:], start_new_session=True, **quiet).pid)
except OSError as failure:
    print(-failure.errno)
"""


class Verbs:
    """One method a verb. The result travels as XCom, so it holds JSON types only."""

    def __init__(self, task, context):
        self.task = task
        self.ti = context["ti"]
        self.conf = context["dag_run"].conf or {}

    def run(self, step):
        step = dict(step)
        name, catch, save = step.pop("do"), step.pop("catch", False), step.pop("save", None)
        try:
            result = self.find(name)(**step)
        except Exception as failure:
            if own(failure):
                self.ti.xcom_push(key="probe_fault", value=f"{name}: {type(failure).__name__}: {failure}")
            if not catch:
                raise
            result = {"error": error_name(failure), "message": str(failure)}
        if save is not None:
            self.ti.xcom_push(key=save, value=result)

    def find(self, name):
        verb = getattr(self, name, None)
        if name.startswith("_") or name in ("run", "find") or not callable(verb):
            raise UnknownVerb(f"unknown verb {name!r}")
        return verb

    def whoami(self):
        ruid, euid, suid = os.getresuid()
        rgid, egid, sgid = os.getresgid()
        return {
            "ruid": ruid, "euid": euid, "suid": suid,
            "rgid": rgid, "egid": egid, "sgid": sgid,
            "groups": sorted(os.getgroups()), "pid": os.getpid(),
        }  # fmt: skip

    def push_xcom(self, key, value):
        self.ti.xcom_push(key=key, value=value)

    def pull_xcom(self, task_id, key, run_id=None, dag_id=None, map_index=None):
        which = {} if map_index is None else {"map_indexes": map_index}
        return self.ti.xcom_pull(task_ids=task_id, key=key, run_id=run_id, dag_id=dag_id, **which)

    def delete_xcom(self, key):
        from airflow.sdk.execution_time.xcom import XCom

        XCom.delete(
            key=key, task_id=self.ti.task_id, dag_id=self.ti.dag_id,
            run_id=self.ti.run_id, map_index=self.ti.map_index,
        )  # fmt: skip

    def get_connection(self, conn_id):
        found = Connection.get(conn_id)
        fields = ("conn_id", "conn_type", "host", "schema", "login", "password", "port", "extra")
        return {field: getattr(found, field) for field in fields}

    def get_variable(self, key):
        return Variable.get(key)

    def mask_secret(self, value, name=None):
        try:
            from airflow.sdk.log import mask_secret
        except ImportError:  # before 3.1
            from airflow.sdk.execution_time.secrets_masker import mask_secret
        mask_secret(value, name)

    def put_variable(self, key, value):
        Variable.set(key, value)

    def delete_variable(self, key):
        Variable.delete(key)

    def setting(self, section, key):
        from airflow.sdk.configuration import conf

        return conf.get(section, key, fallback=None)

    def read_file(self, path):
        digest, size = hashlib.sha256(), 0
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return {"size": size, "sha256": digest.hexdigest()}

    def write_file(self, path, text):
        Path(path).write_text(text)
        return {"mode": format(stat.S_IMODE(os.stat(path).st_mode), "04o")}

    def list_environment(self):
        return sorted(os.environ)

    def open_files(self):
        found = []
        for fd in sorted(int(name) for name in os.listdir("/proc/self/fd")):
            try:
                found.append({"fd": fd, "target": os.readlink(f"/proc/self/fd/{fd}")})
            except FileNotFoundError:
                continue  # the descriptor by which listdir read the directory
        return found

    def spawn(self, argv, daemonise=False):
        if not daemonise:
            return {"pid": subprocess.Popen(argv, stdin=subprocess.DEVNULL).pid}
        # The helper in between ends at once, so the daemon loses parent and session.
        helper = [sys.executable, "-I", "-S", "-c", DAEMONISE, *argv]
        told = int(subprocess.run(helper, stdout=subprocess.PIPE, check=True).stdout)
        if told < 0:
            raise OSError(-told, os.strerror(-told), argv[0])
        return {"pid": told}

    def sleep(self, seconds):
        time.sleep(seconds)

    def wait_for(self, name):
        """Reports the barrier only after it is open, then waits for one byte or the last writer's end."""
        fd = os.open(os.path.join(self.conf["barrier_dir"], name), os.O_RDONLY | os.O_NONBLOCK)
        try:
            self.ti.xcom_push(key=f"at_{name}", value=True)
            ready = select.poll()
            ready.register(fd, select.POLLIN)
            ready.poll()
            os.read(fd, 1)
        finally:
            os.close(fd)

    def payload(self, bytes, key):
        self.ti.xcom_push(key=key, value=pattern(bytes))

    def check_payload(self, task_id, key, bytes):
        value = self.pull_xcom(task_id, key)
        return {"equal": value == pattern(bytes), "length": len(value) if value is not None else 0}

    def log(self, message, level="info", count=1, channel="log"):
        if channel == "log":
            write = getattr(self.task.log, level)
        else:
            stream = {"stdout": sys.stdout, "stderr": sys.stderr}[channel]
            write = lambda line: print(line, file=stream, flush=True)  # noqa: E731
        if count == 1:
            write(message)
            return
        for number in range(count):
            write(f"{message} {number}")

    def fail(self, message):
        raise RuntimeError(message)

    def exit(self, code):
        os._exit(code)

    def signal_self(self, signal):
        os.kill(os.getpid(), signal_number(signal))

    def ignore_sigterm(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def own(failure):
    """Whether the probe itself is at fault, and not what it called: a module or a name that is not there."""
    trace = failure.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    here = trace.tb_frame.f_code.co_filename == __file__
    return here and isinstance(failure, (ImportError, NameError, AttributeError, TypeError, UnknownVerb))


class UnknownVerb(Exception):
    pass


def error_name(failure):
    if isinstance(failure, OSError) and failure.errno in errno.errorcode:
        return errno.errorcode[failure.errno]
    return type(failure).__name__


def signal_number(name):
    return signal.Signals[name]


def pattern(size):
    letters = string.ascii_lowercase
    return (letters * (size // len(letters) + 1))[:size]


class Probe(BaseOperator):
    """Runs the verbs of its task in order; one that fails fails the task."""

    template_fields = ()

    def execute(self, context):
        verbs = Verbs(self, context)
        steps = verbs.conf.get("tasks", {}).get(self.task_id, verbs.conf.get("verbs", []))
        for step in steps:
            verbs.run(step)

    def on_kill(self):
        self.log.info("probe on_kill")


with DAG(dag_id="probe", schedule=None):
    Probe(task_id="probe")
    Probe(task_id="probe_empty", run_as_user="")
    for target in TARGETS:
        Probe(task_id=f"probe_{target}", run_as_user=target)
