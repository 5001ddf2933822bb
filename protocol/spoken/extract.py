"""Writes what the Airflow that runs this speaks, as JSON: frames and the Execution API.

    understudy shell --implementation MANIFEST --bring protocol/spoken -- \
        /opt/airflow/bin/python /understudy/brought/extract.py >protocol/spoken/RELEASE.json

Frames come from the unions that Airflow decodes them by, the API from the OpenAPI
document of its own newest version. A type is written as alternatives with | between
them: string, string:FORMAT, integer, number, boolean, object, null, any, 'text' for one
of a fixed set, [TYPE] for a list, and the name of one of the objects beside it.
"""

import asyncio
import json
import sys
from importlib.metadata import version
from typing import get_args

out, sys.stdout = sys.stdout, sys.stderr  # Airflow's own messages go to standard output otherwise

from airflow.api_fastapi.execution_api.app import create_task_execution_api_app
from airflow.api_fastapi.execution_api.versions import bundle
from airflow.sdk.execution_time import comms


class Reader:
    """Turns schemas into objects and types; definitions are what $ref leads to."""

    def __init__(self, definitions):
        self.definitions = definitions
        self.objects = {}

    def type(self, schema):
        alternatives = set(self.alternatives(schema))
        return "any" if "any" in alternatives else "|".join(sorted(alternatives))

    def alternatives(self, schema):
        if "$ref" in schema:
            yield from self.named(schema["$ref"].rsplit("/", 1)[-1])
            return
        several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if several:
            for one in several:
                yield from self.alternatives(one)
            return
        if "const" in schema or "enum" in schema:
            for value in schema.get("enum", [schema.get("const")]):
                yield "null" if value is None else f"'{value}'"
            return
        match schema.get("type"):
            case None:
                yield "any"
            case "array":
                yield f"[{self.type(schema.get('items', {}))}]"
            case "string" if "format" in schema:
                yield f"string:{schema['format']}"
            case kind:
                yield kind

    def named(self, name):
        schema = self.definitions[name]
        if schema.get("type") != "object" or "properties" not in schema:
            yield from self.alternatives(schema)
            return
        self.object(name, schema)
        yield name

    def object(self, name, schema):
        if name in self.objects:
            return
        entry = self.objects[name] = {}
        if schema.get("additionalProperties") is False:
            entry["closed"] = True
        for field, of in schema.get("properties", {}).items():
            kind = "required" if field in schema.get("required", ()) else "optional"
            entry.setdefault(kind, {})[field] = self.type(of)


def frames():
    """Both directions: names of the messages, and all objects that they are made of."""
    sides, objects = {}, {}
    for side, union in (("requests", comms.ToSupervisor), ("responses", comms.ToTask)):
        members = get_args(get_args(union)[0])
        sides[side] = sorted(members_name(m) for m in members)
        for member in members:
            schema = member.model_json_schema()
            reader = Reader(schema.get("$defs", {}))
            reader.object(members_name(member), schema)
            for name, entry in reader.objects.items():
                if objects.setdefault(name, entry) != entry:
                    print(f"{name} differs between messages", file=sys.stderr)
    for name in sides["requests"] + sides["responses"]:  # what the key "type" holds is the name
        for kind in ("required", "optional"):
            if objects[name].get(kind, {}).pop("type", None) and not objects[name][kind]:
                del objects[name][kind]
    return {**sides, "objects": objects}


def members_name(member):
    return get_args(member.model_fields["type"].annotation)[0]


def api(newest):
    app = create_task_execution_api_app()
    if hasattr(app, "_cadwyn_initialize"):
        app._cadwyn_initialize()
    document = asyncio.run(openapi(app, newest))
    reader = Reader(document["components"]["schemas"])
    operations = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            entry = operations[f"{method.upper()} {path}"] = {
                "answers": sorted(int(status) for status in operation["responses"])
            }
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    kind = "required" if parameter.get("required") else "optional"
                    entry.setdefault("query", {}).setdefault(kind, {})[parameter["name"]] = reader.type(
                        parameter["schema"]
                    )
            if body := operation.get("requestBody"):
                (content,) = body["content"].values()
                entry["body"] = reader.type(content["schema"])
            for status, response in operation["responses"].items():
                if status.startswith("2") and (content := response.get("content")):
                    entry["answer"] = reader.type(next(iter(content.values()))["schema"])
    return {"operations": operations, "objects": reader.objects}


async def openapi(app, newest):
    import httpx

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get(f"/openapi.json?version={newest}")
        return answer.json()


def lines(value, depth):
    """JSON that has one line for each object, message and operation, so that a diff shows them."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    inside = ",\n".join(f"{json.dumps(key)}: {lines(value[key], depth - 1)}" for key in sorted(value))
    return "{\n" + inside + "\n}"


newest = max(str(v.value) for v in bundle.versions)
told = {
    "airflow": version("apache-airflow-core"),
    "api": {"version": newest, **api(newest)},
    "frames": {"elements": list(comms._RequestFrame.__struct_fields__), **frames()},
    "sdk": version("apache-airflow-task-sdk"),
}
print(lines(told, 3), file=out)
