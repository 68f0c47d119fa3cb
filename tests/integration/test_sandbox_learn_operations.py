"""Every documented operation of iSpring Learn in the sandbox, with the request of the spec's own example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from invigilate.sandbox.documents import load
from invigilate.sandbox.registry import find
from tests.support.learner import BEFORE, Learner, known_to, learning

DOCUMENT = load(find("ispring"))
OPERATIONS = [each for each in DOCUMENT.operations if each.operation_id != "createAccessToken"]


@pytest.fixture(scope="module")
def running() -> Iterator[Learner]:
    with learning() as learner:
        yield learner


def value_of(parameter: dict[str, Any], known: dict[str, str]) -> Any:
    """The example of a parameter, or else what the sandbox knows of that name, or what the schema allows."""
    schema = DOCUMENT.resolve(parameter["schema"])
    name = parameter["name"].removesuffix("[]")
    found = parameter["example"] if "example" in parameter else (schema.get("examples") or [None])[0]
    if found is None and name in known:
        found = [known[name]] if schema.get("type") == "array" else known[name]
    return (schema.get("enum") or ["11111111-1111-4111-8111-111111111111"])[0] if found is None else found


def send(learner: Learner, operation_id: str) -> tuple[int, Any]:
    entry = DOCUMENT.by_id(operation_id)
    assert entry is not None
    operation, path, query = DOCUMENT.operation(entry), entry.template, {}
    known = known_to(learner.sandbox)
    for parameter in DOCUMENT.parameters(entry):
        value = value_of(parameter, known)
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(value))
        elif parameter["in"] == "query" and parameter.get("required"):
            query[parameter["name"]] = value
    body = None
    for media in operation.get("requestBody", {}).get("content", {}).values():
        body = media["example"] if "example" in media else next(iter(media["examples"].values()))["value"]
    reply = learner.send(entry.method, f"{path}?{urlencode(query, doseq=True)}" if query else path, body)
    return reply.status, json.loads(reply.body) if reply.body else None


@pytest.mark.parametrize("operation_id", [each.operation_id for each in OPERATIONS])
def test_example(running: Learner, operation_id: str) -> None:
    running.sandbox.reset()
    learner = Learner(running.sandbox, running.caller)
    for each in BEFORE.get(operation_id, ()):
        assert send(learner, each)[0] in (200, 201, 204)
    status, data = send(learner, operation_id)
    assert status in (200, 201, 204), data
    # In strict mode, a response that the spec does not allow is a defect.
    assert running.sandbox.defects == []


def test_all_are_here() -> None:
    written = yaml.load(find("ispring").spec, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["paths"]
    methods = [method for item in written.values() for method in item if method in {"get", "post", "put", "delete"}]
    assert len(DOCUMENT.operations) == len(methods) >= 139
