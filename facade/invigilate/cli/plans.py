"""Requests that were checked and encoded, and not sent: what a dry run and a question show."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from invigilate._masking import MASK
from invigilate._requests import prepare
from invigilate._settings import setting
from invigilate._values import PreparedRequest
from invigilate.errors import InvalidArgumentError, OutcomeUnknownError
from invigilate_runtime import Call, Field

from .exits import ExitCode, Failure
from .fields import Describe, is_sensitive, masked, operation_of, option_name, use_secret
from .output import for_people, note, one_line, say, to_json
from .registry import variable_of

Target = tuple[tuple[str, str], ...]
"""What a request changes: the arguments of its path, or the line that it comes from."""
REQUIRED = "a value, since it is required"


class Guard:
    """What is known of a change beyond its specification; this one knows nothing.

    Attributes:
        subject: what is read before it is changed.
        renewed: what happens to rows that were sent before, if a run has lost its results.
        twice: what sending a row again can do, in parentheses.
    """

    subject = "it"
    renewed = "with a new file, every row is sent, so first remove from the CSV file those that went through"
    twice = ""

    def look_at(self, item: Plan) -> str | None:
        """Return the command that shows what a change has done."""
        return None

    def read_before(self, client: Any, item: Plan) -> Any:
        """Read what a request changes before it is sent.

        Raises:
            APIError: if it could not be read, so that it is unknown whether the change was already made.
        """

    def why_held(self, item: Plan, before: Any) -> str | None:
        """Return why a request must not be sent without a person's decision, or `None` if nothing speaks against it."""

    def mark_of(self, item: Plan, before: Any) -> str:
        """Return the mark of a request and of what was read before: a decision for it covers nothing else."""
        raise NotImplementedError

    def read_back(self, client: Any, error: OutcomeUnknownError, before: Any) -> str | None:
        """Read what a request did whose outcome is unknown, and return it in words; it is not retried in any case."""


GUARDS: dict[str, Guard] = {}
"""The guards of operations that have one, by the name of the generated module."""
_UNGUARDED = Guard()


class Plan(NamedTuple):
    """A request that can be sent.

    Attributes:
        describe: the generated function of its operation.
        call: the call, for a client to send.
        prepared: its request, encoded.
        line: the line of the file that it comes from; `None` for one from options.
    """

    describe: Describe
    call: Call[Any]
    prepared: PreparedRequest
    line: int | None = None

    @property
    def guard(self) -> Guard:
        """What else is known of the change."""
        return GUARDS.get(self.describe.__module__, _UNGUARDED)

    @property
    def target(self) -> Target:
        """What the request changes: a file has one row for each.

        It is the arguments of the path where a second change of the same thing cannot be meant: if it is guarded, or
        replaced. Otherwise, as where points are awarded, it is the line.
        """
        operation, arguments = self.call.operation, self.prepared.arguments
        path = [field.name for field in operation.fields if field.location == "path"]
        replaces = operation.idempotent and operation.method == "PUT"
        if self.line is None or (path and (replaces or self.guard is not _UNGUARDED)):
            return tuple((name, str(arguments[name])) for name in path)
        return (("line", str(self.line)),)

    @property
    def path(self) -> str:
        """Path and query, with sensitive values masked."""
        fields = self.call.operation.fields
        hidden = [field.name for field in fields if field.sensitive and field.location in {"path", "query"}]
        passed = {name: MASK for name in hidden if name in self.call.arguments}
        if not passed:
            return self.prepared.request.target
        return self.call.operation.request({**self.call.arguments, **passed}).target.replace(quote(MASK), MASK)

    def body(self) -> Any:
        """The body with sensitive values masked; `None` without one. Files are described."""
        content, operation = self.prepared.request.content, self.call.operation
        if content is None:
            return None
        media = str(operation.media)
        if media == "application/x-www-form-urlencoded":
            sent: Any = dict(parse_qsl(content.decode()))
        elif media.endswith("json"):
            sent = json.loads(content)
        else:
            return f"({len(content)} bytes of {media})"
        whole = [field for field in operation.fields if field.location == "content"]
        fields = tuple(field for field in operation.fields if field.location == "body")
        return masked(whole[0] if whole else Field("", "", "", "object", fields=fields), sent)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as a JSON object."""
        line = {} if self.line is None else {"line": self.line}
        return {**line, "method": self.prepared.request.method, "path": self.path, "body": self.body()}

    def __str__(self) -> str:
        """The request in one line."""
        body = self.body()
        shown = "" if body is None else f" {json.dumps(body, ensure_ascii=False)}"
        return one_line(f"{self.prepared.request.method} {self.path}{shown}")


def complete(describe: Describe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the environment supplies, so that it is shown with the request, and check that nothing is missing."""
    passed = dict(arguments)
    for field in operation_of(describe).fields:
        if field.name in passed:
            continue
        variable = variable_of(describe, field.client_default) if field.client_default is not None else None
        value = setting(None, variable) if variable is not None else None
        if value is not None:
            passed[field.name] = value
        elif field.required and variable is not None:
            raise Failure(ExitCode.SETTINGS, f"pass {option_name(field.name)}, or set {variable}")
        elif field.required:
            hint = use_secret(field.name) if is_sensitive(field) else ""
            raise InvalidArgumentError(field.name, REQUIRED, "nothing", hint)
    return passed


def plan(describe: Describe, arguments: Mapping[str, Any], line: int | None = None) -> Plan:
    """Check the arguments of a call and encode its request."""
    call: Call[Any] = describe(**complete(describe, arguments))
    return Plan(describe, call, prepare(call, {}, check_sids=True, page={}), line)


def show_plans(plans: Sequence[Plan], *, as_json: bool) -> None:
    """Print what would be sent."""
    for item in plans:
        if as_json:
            print(to_json(item.to_dict()))
        elif for_people():
            say(f"line {item.line}: {item}" if item.line is not None else str(item))
        else:
            line = [] if item.line is None else [str(item.line)]
            body = [] if item.body() is None else [to_json(item.body())]
            say(*line, item.prepared.request.method, item.path, *body)


def confirm(lines: Iterable[str], question: str, *, yes: bool) -> None:
    """Show what will be sent, and ask on the terminal."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent: there is no terminal to ask on; pass --yes to confirm")
    for each in lines:
        note(each)
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise KeyboardInterrupt("nothing was sent") from None
    if not line.endswith("\n"):
        print(file=sys.stderr)  # Ctrl-D leaves the line of the question open
    if line.strip().lower() not in {"y", "yes"}:
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent")
