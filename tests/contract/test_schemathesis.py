"""Schemathesis, with all its checks, against the sandbox: every failure is one that `schemathesis.yaml` lists.

It reads the specs with bodies closed and with times that are times, which is what the sandbox promises by its
inventions `undocumented-input` and `strict-input`.
"""

from __future__ import annotations

import base64
import faulthandler
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from invigilate.sandbox import INVENTED, Sandbox
from tests.support.documented import SPECS, load_document
from tests.support.learner import known_to

PROGRAM = Path(sys.executable).with_name("schemathesis")
ACCEPTED = Path(__file__).with_name("schemathesis.yaml")
TIME = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$"
MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
QUICK = ("--phases=examples,coverage", "--max-examples=2")
FULL = ("--phases=examples,coverage,fuzzing,stateful", "--max-examples=40")

of_both = pytest.mark.parametrize("spec", SPECS)


@dataclass(frozen=True)
class Accepted:
    """A failure that is due to something the specs cannot express, and where it occurs.

    `invention` is what the response has to name in `X-Sandbox-Inferred`, so that no refusal goes unmarked.
    """

    check: str
    invention: str
    message: str
    reason: str
    operations: frozenset[tuple[str, str]]
    """Specs and operation IDs."""


@cache
def accepted() -> tuple[Accepted, ...]:
    entries = yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))
    return tuple(
        Accepted(
            each["check"],
            each["invention"],
            each["message"],
            each["reason"],
            frozenset((spec, operation) for spec, names in each["operations"].items() for operation in names),
        )
        for each in entries
    )


@dataclass
class Run:
    """What a run of Schemathesis reported."""

    cases: int = 0
    tested: set[str] = field(default_factory=set[str])
    failures: dict[tuple[str, str, str, frozenset[str]], str] = field(
        default_factory=dict[tuple[str, str, str, frozenset[str]], str]
    )
    """The first request of each check, operation ID, message and inventions of the response."""
    errors: list[str] = field(default_factory=list[str])


def strict(node: Any) -> Any:
    """A spec in which objects have the documented fields only, and times in UTC are times."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: strict(value) for key, value in node.items()}
    if "properties" in found and "object" in found.get("type", ()):
        found.setdefault("additionalProperties", False)
    if found.get("pattern") == ".*Z":
        found["pattern"] = TIME
    return found


def with_examples(document: Any, sandbox: Sandbox) -> Any:
    """A spec whose examples name what exists in the sandbox."""
    text = json.dumps(document, default=str)
    text = text.replace("example-client-id", sandbox.client_id).replace("example-client-secret", sandbox.client_secret)
    document, known = json.loads(text), known_to(sandbox)
    known["X-Auth-Account-Url"] = sandbox.account_url
    shared = document["components"]["parameters"].values()
    operations = [each for item in document["paths"].values() for each in item.values() if isinstance(each, dict)]
    for parameter in [*shared, *(each for operation in operations for each in operation.get("parameters", ()))]:
        if parameter.get("name") in known and (
            "example" not in parameter or parameter["in"] == "header" or parameter["name"] == "contentId"
        ):
            parameter["example"] = known[parameter["name"]]
    return document


def credential(spec: str, sandbox: Sandbox) -> str:
    if spec == "smarterproctoring":
        return f"token: {sandbox.token}"
    form = {"grant_type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    issued = httpx.post(f"{sandbox.ispring_url}/api/v3/token", data=form)
    return f"Authorization: Bearer {issued.json()['access_token']}"


def fuzz(spec: str, where: Path, *options: str) -> Run:
    """Run Schemathesis against a sandbox of its own."""
    with Sandbox(seed=7, report_rows=60, token_lifetime=1e6, clock=lambda: MONDAY) as sandbox:
        document, report, config = where / "openapi.json", where / "events.ndjson", where / "schemathesis.toml"
        document.write_text(json.dumps(with_examples(strict(load_document(spec)), sandbox)), encoding="utf-8")
        # The account is part of the credentials: with another one, nothing but 403 would be seen.
        config.write_text(f'[parameters]\n"header.X-Auth-Account-Url" = "{sandbox.account_url}"\n', encoding="utf-8")
        url = {"smarterproctoring": sandbox.smarterproctoring_url, "ispring-learn": sandbox.ispring_url}[spec]
        command = [str(PROGRAM), "--no-color", "--config-file", str(config), "run", str(document), "--url", url]
        command += ["--header", credential(spec, sandbox), "--checks=all", "--continue-on-failure", *options]
        command += ["--generation-deterministic", "--warnings=off", "--suppress-health-check=all"]
        command += ["--report=ndjson", f"--report-ndjson-path={report}"]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=3600, check=False)
        # 0 without failures, 1 with some; anything else is a mistake of the call.
        assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
        assert sandbox.defects == []
        assert {each.status for each in sandbox.requests if each.status and each.status >= 500} == set()
    return read(report, load_document(spec))


def read(report: Path, document: Any) -> Run:
    """Read the events of a run."""
    names = {
        f"{method.upper()} {template}": operation["operationId"]
        for template, item in document["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation
    }
    run = Run()
    for kind, event in events(report):
        if kind in ("NonFatalError", "FatalError"):
            run.errors.append(json.dumps(event)[:500])
        elif kind == "ScenarioFinished":
            recorder = event["recorder"]
            run.cases += len(recorder.get("cases", ()))
            run.tested.add(names.get(recorder["label"], ""))
            for case, checks in recorder.get("checks", {}).items():
                for check in (each for each in checks if each["status"] != "success"):
                    exchange = recorder["interactions"][case]
                    operation = check["failure_info"]["failure"]["operation"]
                    response = exchange["response"]
                    marked = {name.lower(): value[0] for name, value in response["headers"].items()}
                    inventions = frozenset(marked.get("x-sandbox-inferred", "").split(", "))
                    key = (check["name"], names.get(operation, operation), message_of(response), inventions)
                    run.failures.setdefault(key, text_of(exchange["request"]))
    return run


def events(report: Path) -> Iterator[tuple[str, Any]]:
    for line in report.read_text(encoding="utf-8").splitlines():
        yield from json.loads(line).items()


def text_of(message: Any) -> str:
    content = (message.get("body") or message.get("content") or {}).get("$base64", "")
    where = f"{message['method']} {message['uri']} " if "uri" in message else ""
    return where + base64.b64decode(content).decode("utf-8", "replace")


def message_of(response: Any) -> str:
    """The message of a refusal; the status of any other response."""
    try:
        return str(json.loads(text_of(response))["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response['status_code']}"


def judge(spec: str, run: Run) -> set[tuple[str, str]]:
    """Fail for what is not listed. Returns the listed failures that occurred: message and operation ID."""
    seen: set[tuple[str, str]] = set()
    unlisted: list[str] = []
    for (check, operation, message, inventions), request in run.failures.items():
        found = [
            each.message
            for each in accepted()
            if each.check == check
            and each.invention in inventions
            and (spec, operation) in each.operations
            and re.fullmatch(each.message, message)
        ]
        seen |= {(each, operation) for each in found}
        if not found:
            unlisted.append(f"{check} {operation}: {message} {sorted(inventions)}\n  {request[:600]}")
    assert not unlisted, "\n".join(unlisted)
    assert run.errors == []
    documented = {each["operationId"] for item in load_document(spec)["paths"].values() for each in item.values()
                  if isinstance(each, dict)}  # fmt: skip
    assert documented <= run.tested
    return seen


@of_both
def test_examples_and_edges(spec: str, tmp_path: Path) -> None:
    run = fuzz(spec, tmp_path, *QUICK)
    judge(spec, run)
    assert run.cases > {"smarterproctoring": 1500, "ispring-learn": 5000}[spec]


@pytest.mark.weekly
@of_both
def test_every_phase(spec: str, tmp_path: Path) -> None:
    # The subprocess has a limit of its own, and pytest's would end the whole run.
    faulthandler.cancel_dump_traceback_later()
    seen = judge(spec, fuzz(spec, tmp_path, *FULL))
    listed = {(each.message, name) for each in accepted() for where, name in each.operations if where == spec}
    assert listed <= seen, f"no longer occurs: {sorted(listed - seen)}"


def test_each_listed_failure_has_a_reason() -> None:
    inventions = {each.name for group in INVENTED.values() for each in group}
    assert all(each.reason and each.invention in inventions for each in accepted())
