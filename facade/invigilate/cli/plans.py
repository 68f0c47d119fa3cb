"""Calls that were checked and written out, and not sent: what a dry run shows, and what is asked about."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from invigilate._base import check_base_url, setting
from invigilate._clients import _SMARTERPROCTORING  # pyright: ignore[reportPrivateUsage]
from invigilate._engine import Prepared
from invigilate._requests import prepare
from invigilate.errors import InvalidArgumentError
from smarterproctoring_client.calls import Call

from .exits import ExitCode, Failure
from .fields import Describe, masked, operation_of, option_name
from .output import for_people, one_line, say, to_json

Target = tuple[tuple[str, str], ...]
"""What a call changes: the arguments of its path."""


class Plan(NamedTuple):
    """One call that can be sent.

    Attributes:
        call: what is sent, under the policies of the client.
        prepared: the same, written out.
        line: of the file that it comes from; `None` for one from options.
    """

    call: Call[Any]
    prepared: Prepared
    line: int | None = None

    @property
    def target(self) -> Target:
        """The arguments of the path: two calls with the same ones change the same thing."""
        fields = self.call.operation.fields
        arguments = self.prepared.arguments
        return tuple((field.name, str(arguments[field.name])) for field in fields if field.place == "path")

    @property
    def path(self) -> str:
        """Path and query, as they are sent."""
        return self.prepared.request.target

    def body(self) -> dict[str, Any]:
        """What is sent, with sensitive values masked."""
        content = self.prepared.request.content
        members: Mapping[str, Any] = json.loads(content) if content else {}
        return masked(tuple(field for field in self.call.operation.fields if field.place == "body"), members)

    def to_dict(self) -> dict[str, Any]:
        """Give what is sent as JSON takes it."""
        line = {} if self.line is None else {"line": self.line}
        return {**line, "method": self.prepared.request.method, "path": self.path, "body": self.body()}

    def __str__(self) -> str:
        """What is sent, in one line."""
        body = json.dumps(self.body(), ensure_ascii=False)
        return one_line(f"{self.prepared.request.method} {self.path} {body}")


def base_url() -> str:
    """Give the address that calls are sent to, without a slash at its end. It needs no token.

    Raises:
        ConfigurationError: if the environment names one that no call is sent to, such as one with a user.
    """
    text = setting(None, "SMARTERPROCTORING_BASE_URL", _SMARTERPROCTORING["production"])
    return check_base_url(text, allow_insecure_http=False)[0]


def complete(describe: Describe, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Add the install of the environment, so that it is named wherever a call is shown, and see that nothing misses.

    Raises:
        InvalidArgumentError: if an argument is missing.
        Failure: if no install is known.
    """
    given = dict(arguments)
    for field in operation_of(describe).fields:
        if field.name in given:
            continue
        install = setting(None, "SMARTERPROCTORING_INSTALL_SID") if field.client_default == "install_sid" else None
        if install is not None:
            given[field.name] = install
        elif field.required and field.client_default is not None:
            raise Failure(ExitCode.SETTINGS, f"give {option_name(field.name)}, or set SMARTERPROCTORING_INSTALL_SID")
        elif field.required:
            raise InvalidArgumentError(field.name, "a value, since it is required", "none")
    return given


def plan(describe: Describe, arguments: Mapping[str, Any], line: int | None = None) -> Plan:
    """Check the arguments of a call and write it out.

    Args:
        describe: the generated function of the operation.
        arguments: by Python name.
        line: of the file that they come from.

    Raises:
        InvalidArgumentError: if an argument is wrong or missing.
        Failure: if no install is known.
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
            say(*line, item.prepared.request.method, item.path, to_json(item.body()))


def show_command(target: Target) -> str:
    """The command that reads a session back."""
    options = " ".join(f"{option_name(name)} {shlex.quote(value)}" for name, value in target)
    return f"invigilate sessions show {options}"
