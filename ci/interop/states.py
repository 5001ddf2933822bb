"""Dag "states": tasks of alice that end otherwise than in success or failure."""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException


class Skip(BaseOperator):
    def execute(self, context):
        raise AirflowSkipException("not today")


class Reschedule(BaseOperator):
    def execute(self, context):
        raise AirflowRescheduleException(datetime.now(timezone.utc) + timedelta(hours=1))


class Defer(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(hours=1)), method_name="resume")

    def resume(self, context, event):
        pass


with DAG(dag_id="states", schedule=None):
    Skip(task_id="skip", run_as_user="alice")
    Reschedule(task_id="reschedule", run_as_user="alice")
    Defer(task_id="defer", run_as_user="alice")
