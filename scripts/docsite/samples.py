"""Samples of an operation: Python, the command line, and curl."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from invigilate.cli.fields import is_sensitive, option_name, plain_name, variable
from invigilate.cli.registry import only_reads
from invigilate_runtime import Field

from .arguments import Setting
from .catalog import Entry

WIDTH = 80

_FRIENDLY = {
    "client.reports.service_distribution": "report",
    "client.exam_sessions.get": "sessions show",
    "client.exam_sessions.list_for_enrollment": "sessions list",
    "client.exam_sessions.schedule": "sessions schedule",
    "client.exam_sessions.reschedule": "sessions reschedule",
    "client.exam_sessions.cancel": "sessions cancel",
}
"""Commands of their own; all other operations are commands of `invigilate api`."""

Step = tuple[Entry, dict[str, Any]]
"""A call, and its arguments."""


def python(steps: Sequence[Step], lines: Sequence[str], *, is_async: bool = False) -> str:
    """A program, before it is formatted.

    Args:
        steps: the calls; all but the last one prepare it.
        lines: what to do with the last one, which is `CALL` in them.
        is_async: use the async client.
    """
    entry = steps[-1][0]
    name = entry.api.clients[is_async]
    body = [_call(one, arguments, is_async) for one, arguments in steps[:-1]]
    call = _call(*steps[-1], is_async and entry.operation.pagination is None)
    body += [line.replace("CALL", call) for line in lines]
    if is_async:
        # Only a pager is read row by row.
        body = [re.sub(r"^for ", "async for ", line) if entry.operation.pagination else line for line in body]
    imports = ["asyncio"] * is_async + ["os"] * any("os.environ" in line for line in body)
    head = "".join(f"import {each}\n" for each in imports) + "\n" * bool(imports)
    head += f"from invigilate import {name}\n\n"
    inside = "\n".join(body)
    if not is_async:
        return f"{head}with {name}() as {entry.client}:\n{_indented(inside, 4)}\n"
    return (
        f"{head}\nasync def main() -> None:\n    async with {name}() as {entry.client}:\n{_indented(inside, 8)}\n\n\n"
        "asyncio.run(main())\n"
    )


def _call(entry: Entry, arguments: Mapping[str, Any], is_async: bool) -> str:
    passed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{'await ' if is_async else ''}{entry.call}({passed})"


def _indented(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line if line else line for line in text.splitlines())


def formatted(programs: Iterable[str]) -> list[str]:
    """Format Python programs as the project's own code, in one run of the formatter."""
    with tempfile.TemporaryDirectory(prefix="invigilate-samples-") as folder:
        paths = []
        for number, program in enumerate(programs):
            paths.append(Path(folder) / f"sample_{number}.py")
            paths[-1].write_text(program, encoding="utf-8")
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet", f"--line-length={WIDTH}", folder]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
        return [path.read_text(encoding="utf-8") for path in paths]


def command_line(entry: Entry, arguments: Mapping[str, Any]) -> str:
    """The command that does the same in a shell."""
    secrets, options = [], list[str]()
    for field in entry.operation.fields:
        if field.name not in arguments:
            continue
        value = arguments[field.name]
        if is_sensitive(field):
            secrets.append(f"{variable(field.name)}={_word(_text(field, value))}")
            options.append(f"--secret {plain_name(field.name)}")
        else:
            options += [f"{option_name(field.name)} {_word(each)}" for each in _values(field, value)]
    words = _FRIENDLY.get(entry.call)
    if words is None:
        resource = entry.resource.name.partition(".")[2]
        words = " ".join(["api", entry.api.key, *(each.replace("_", "-") for each in (resource, entry.name))])
    if not _only_reads(entry):
        options.append("--yes")
    return _lines([*secrets, f"invigilate {words}", *options])


def _only_reads(entry: Entry) -> bool:
    operation = entry.operation
    reading = only_reads(entry.name.replace("_", "-"), operation)
    return operation.pagination is not None or (operation.idempotent and reading)


def _values(field: Field, value: Any) -> list[str]:
    if isinstance(value, list) and field.type == "array" and not any(isinstance(each, dict | list) for each in value):
        return [_text(field, each) for each in value]
    return [_text(field, value)]


def _text(field: Field, value: Any) -> str:
    if field.type == "comma" and isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _word(value: str) -> str:
    return f'"${value.variable}"' if isinstance(value, Setting) else shlex.quote(value)


def _lines(parts: Sequence[str]) -> str:
    """Join the parts of a command; a long one takes a line for each."""
    line = " ".join(parts)
    return line if len(line) <= WIDTH and "\n" not in line else " \\\n  ".join(parts)


def curl(entry: Entry, arguments: Mapping[str, Any]) -> str:
    """The request that the call sends, as a command of curl."""
    operation, variables = entry.operation, dict(entry.api.variables)
    defaults = {field.name: f"$({field.client_default})" for field in operation.fields if field.client_default}
    request = operation.request({**defaults, **arguments})
    target = re.sub(r"%24%28(\w+)%29", lambda match: f"${variables[match[1]]}", request.target)
    headers = {name: re.sub(r"\$\((\w+)\)", lambda m: f"${variables[m[1]]}", value) for name, value in
               (*_credentials(entry), *request.headers.items()) if name != "Accept"}  # fmt: skip
    method = f" -X {operation.method}" if (operation.method, request.content is None) != ("GET", True) else ""
    parts = [f'curl --fail-with-body{method} "${variables["base_url"]}{target}"']
    parts += [f'-H "{name}: {value}"' for name, value in headers.items()]
    if operation.media == "application/x-www-form-urlencoded":
        parts = [each for each in parts if not each.startswith('-H "Content-Type')]
        for field in operation.fields:
            value = arguments[field.name]
            shown = f"${value.variable}" if isinstance(value, Setting) else value
            parts.append(f'--data-urlencode "{field.wire_name}={shown}"')
    elif request.content is not None:
        body = json.loads(request.content)
        text = json.dumps(body, ensure_ascii=False)
        parts.append(
            f"-d {shlex.quote(text if len(text) < WIDTH - 6 else json.dumps(body, ensure_ascii=False, indent=2))}"
        )
    return " \\\n  ".join(parts)


def _credentials(entry: Entry) -> list[tuple[str, str]]:
    if not entry.operation.secured:
        return []
    (scheme,) = entry.document["components"]["securitySchemes"].values()
    if scheme["type"] == "apiKey":
        return [(scheme["name"], "$(token)")]
    return [("Authorization", "Bearer $(access_token)")]
