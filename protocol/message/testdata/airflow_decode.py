"""Decodes frames as Airflow's supervisor and task runner do, and prints what they hold.

Each line of standard input is a direction ("supervisor" or "runner", the side
that receives), a blank and a frame in hexadecimal; each line of standard output
is what the classes of the installed release read from it, as JSON.
"""

import json
import sys

import msgspec
from airflow.sdk.execution_time import comms
from airflow.sdk.execution_time.comms import _RequestFrame, _ResponseFrame
from airflow.sdk.execution_time.supervisor import ActivitySubprocess
from pydantic import TypeAdapter

REQUEST, RESPONSE = msgspec.msgpack.Decoder(_RequestFrame), msgspec.msgpack.Decoder(_ResponseFrame)
# The adapters of the two sides: the supervisor keeps its own on the class.
REQUEST_BODY, RESPONSE_BODY = ActivitySubprocess.decoder, TypeAdapter(comms.ToTask)


def shown(adapter, body):
    if body is None:
        return None
    return adapter.validate_python(body).model_dump(mode="json", by_alias=True, exclude_unset=True)


def decode(receiver, frame):
    length, payload = int.from_bytes(frame[:4], "big"), frame[4:]
    if length != len(payload):
        raise ValueError(f"{length} bytes announced, {len(payload)} there")
    if receiver == "supervisor":
        request = REQUEST.decode(payload)
        return {"id": request.id, "body": shown(REQUEST_BODY, request.body), "carrier": request.context_carrier}
    response = RESPONSE.decode(payload)
    return {"id": response.id, "body": shown(RESPONSE_BODY, response.body), "error": shown(RESPONSE_BODY, response.error)}


for line in sys.stdin:
    receiver, digits = line.split()
    try:
        answer = decode(receiver, bytes.fromhex(digits))
    except Exception as failure:
        answer = {"failure": f"{type(failure).__name__}: {failure}"}
    print(json.dumps(answer))
