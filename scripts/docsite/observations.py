"""What the sandbox returns for each sample, and what the sample prints."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NamedTuple

from invigilate.sandbox import Sandbox

from . import arguments, samples
from .catalog import Entry, entries

SECRET = re.compile(r"token|secret|password|accessKey", re.I)


class Example(NamedTuple):
    """An operation in use.

    Attributes:
        python: a program with the sync client.
        asynchronous: the same with the async client.
        command_line: the same in a shell.
        curl: the same without this SDK.
        printed: what the programs print.
        response: what the server returns, from JSON; `None` for a response without a body.
        status: the status of the response.
    """

    python: str
    asynchronous: str
    command_line: str
    curl: str
    printed: str
    response: Any
    status: int


def sandbox() -> Sandbox:
    """The sandbox of the samples: same data, same times. With few open sessions, it is reset in no time."""
    return Sandbox(seed=7, open_sessions=10, clock=lambda: datetime(2026, 11, 26, 9, tzinfo=UTC))


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    old = dict(os.environ)
    try:
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(old)


def observe() -> dict[str, Example]:
    """Send every sample to a sandbox. Returns them by call."""
    found: dict[str, tuple[list[samples.Step], int, Any, str]] = {}
    programs, changed = list[str](), False
    with sandbox() as running, environment(running.environment):
        for entry in entries():
            steps = arguments.steps(entry, running.identifiers, running.environment)
            if changed:
                running.reset()
            changed = any(each.operation.method != "GET" for each, _ in steps)
            with _client(entry) as client:
                raw = _send(client, steps)
            lines = _printing(entry, raw)
            printed = _run(lines, raw.parsed)
            # Where a response has URLs of the API, the page has those of production.
            content = raw.content.decode().replace(client.base_url, entry.document["servers"][0]["url"])
            found[entry.call] = steps, raw.status_code, json.loads(content) if content else None, printed
            programs += [samples.python(steps, lines), samples.python(steps, lines, is_async=True)]
    programs = samples.formatted(programs)
    samples_of = zip(found.items(), programs[::2], programs[1::2], strict=True)
    return {
        call: Example(
            python,
            asynchronous,
            "\n".join(samples.command_line(*step) for step in steps),
            "\n".join(samples.curl(*step) for step in steps),
            printed,
            response,
            status,
        )
        for (call, (steps, status, response, printed)), python, asynchronous in samples_of
    }


def _client(entry: Entry) -> Any:
    return getattr(import_module(f"invigilate.{entry.api.key}"), entry.api.clients[0])()


def _send(client: Any, steps: Sequence[samples.Step]) -> Any:
    """Make the calls of a sample, and return the raw response of the last one."""
    for entry, passed in steps[:-1]:
        _method(client, entry)(**passed)
    entry, passed = steps[-1]
    return _method(client, entry, raw=True)(**passed)


def _run(lines: Sequence[str], result: Any) -> str:
    """Run the end of a program, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec("\n".join(lines), {"CALL": result})
    return printed.getvalue()


def _method(client: Any, entry: Entry, *, raw: bool = False) -> Any:
    resource = getattr(client, entry.resource.name.partition(".")[2])
    return getattr(resource.with_raw_response if raw else resource, entry.name)


def _printing(entry: Entry, raw: Any) -> list[str]:
    """The lines of a sample that use what a call returns."""
    result = raw.parsed
    if result is None:
        return ["CALL"]
    name = variable(entry)
    if not entry.operation.pagination and not isinstance(result, list):
        return [f"{name} = CALL", f"print({_shown(name, result)})"]
    rows = list(result)
    if rows and not isinstance(rows[0], str | dict | list):
        return [f"for {name} in CALL:", f"    print({_shown(name, rows[0])})"]
    return [f"{name}s = CALL", f"print({name}s)"]


def variable(entry: Entry) -> str:
    """A name for what a call returns, or for a row of it."""
    words = re.findall(r"[A-Za-z]\w*", entry.returns)
    model = next((word for word in words if word[0].isupper() and word not in {"Any", "None", "Call"}), None)
    if model is not None:
        if model.startswith("GetPaged"):
            return "page"
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower()
        last = re.sub(r"_(v2|response|info)$", "", name).rpartition("_")[2]
        return name if hasattr(builtins, last) else last
    verb, _, noun = entry.name.partition("_")
    if entry.returns == "str" and entry.client == "client":
        return "confirmation"
    resource = entry.resource.name.rpartition(".")[2].removesuffix("s")
    if entry.returns == "list[str]" or (verb in {"create", "add"} and entry.returns == "str"):
        return f"{resource if noun in {'', 'existing', 'smart'} else noun}_id"
    return "result"


_TELLING = re.compile(r"(^|_)(title|name|status|login|code|total|score|appointment_date)$")


def _shown(name: str, result: Any) -> str:
    """What to print of an object: up to three fields that say most, and nothing sensitive."""
    if isinstance(result, dict):
        values = {key: value for key, value in result.items() if not SECRET.search(key)}
    else:
        attributes = getattr(type(result), "__attrs_attrs__", ())
        values = {each.name: getattr(result, each.name) for each in attributes if each.repr}
    names = [key for key, value in values.items() if isinstance(value, str | int | float)]
    chosen = [key for key in names if re.search(r"(^|_)s?id$", key)][:1]
    chosen += [key for key in names if _TELLING.search(key) and key not in chosen]
    if len(chosen) < 2:
        chosen += [key for key in names if key not in chosen]
    kept = [key for key in names if key in chosen[:3]]
    return ", ".join(f"{name}[{key!r}]" if isinstance(result, dict) else f"{name}.{key}" for key in kept) or name
