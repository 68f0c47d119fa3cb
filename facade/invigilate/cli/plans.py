"""Requests that were checked and encoded, and not sent: what a dry run and a question show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from invigilate._clients import setting
from invigilate._masking import MASK
from invigilate._requests import prepare
from invigilate._values import PreparedRequest
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Call

from .exits import ExitCode, Failure
from .fields import Describe, masked, operation_of, option_name
from .output import for_people, one_line, say, to_json
from .registry import variable_of

Target = tuple[tuple[str, str], ...]
"""What a request changes: the arguments of its path."""
REQUIRED = "a value, since it is required"


class Plan(NamedTuple):
    """A request that can be sent.

    Attributes:
        call: the call, for a client to send.
        prepared: its request, encoded.
        line: the line of the file that it comes from; `None` for one from options.
    """

    call: Call[Any]
    prepared: PreparedRequest
    line: int | None = None

    @property
    def target(self) -> Target:
        """The arguments of the path: two requests with the same ones change the same thing."""
        fields = self.call.operation.fields
        arguments = self.prepared.arguments
        return tuple((field.name, str(arguments[field.name])) for field in fields if field.location == "path")

    @property
    def path(self) -> str:
        """Path and query, with sensitive values masked."""
        fields = self.call.operation.fields
        hidden = [field.name for field in fields if field.sensitive and field.location in {"path", "query"}]
        passed = {name: MASK for name in hidden if name in self.call.arguments}
        if not passed:
            return self.prepared.request.target
        return self.call.operation.request({**self.call.arguments, **passed}).target.replace(quote(MASK), MASK)

    def body(self) -> dict[str, Any] | None:
        """The body with sensitive values masked; `None` without one."""
        content = self.prepared.request.content
        if content is None:
            return None
        is_json = self.call.operation.media == "application/json"
        sent: dict[str, Any] = json.loads(content) if is_json else dict(parse_qsl(content.decode()))
        return masked(tuple(field for field in self.call.operation.fields if field.location == "body"), sent)

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
    """Add what the environment supplies, so that it is shown with the request, and check that nothing is missing.

    Raises:
        InvalidArgumentError: if an argument is missing.
        Failure: if the environment should supply it.
    """
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
            raise InvalidArgumentError(field.name, REQUIRED, "nothing")
    return passed


def plan(describe: Describe, arguments: Mapping[str, Any], line: int | None = None) -> Plan:
    """Check the arguments of a call and encode its request.

    Args:
        describe: the generated function of the operation.
        arguments: by Python name.
        line: the line of the file that they come from.

    Raises:
        InvalidArgumentError: if an argument is wrong or missing.
        Failure: if the environment should supply one.
    """
    call: Call[Any] = describe(**complete(describe, arguments))
    return Plan(call, prepare(call, {}, check_sids=True, page={}), line)


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
