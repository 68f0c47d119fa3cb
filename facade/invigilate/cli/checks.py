"""What no page forbids and nobody means: times in the wrong order, and changes that change nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from invigilate.errors import InvalidTimestampError
from smarterproctoring_client.calls import Field

from .exits import usage
from .fields import Describe, operation_of, option_name

_PAIRS = (("_after", "_before"), ("start_", "end_"))
"""What names of an earlier and of a later time differ in."""


class _Given(Protocol):
    @property
    def describe(self) -> Describe: ...

    @property
    def arguments(self) -> dict[str, Any]: ...


def check_order(describe: Describe, arguments: Mapping[str, Any], called: Callable[[str], str]) -> None:
    """Check that of two times the later one does not come first.

    Args:
        describe: the generated function of the operation.
        arguments: by Python name, with times as they are sent.
        called: gives the name of an argument as whoever gave it knows it.

    Raises:
        InvalidTimestampError: if an end is before its start, or no time is between two bounds.
    """
    for field in operation_of(describe).fields:
        for first, second in _PAIRS:
            other = field.name.replace(first, second)
            earlier, later = arguments.get(field.name), arguments.get(other)
            if field.kind != "timestamp" or other == field.name or earlier is None or later is None:
                continue
            # Texts of one form and of four digits for the year, so that their order is that of the instants.
            if first == "_after" and later <= earlier:
                raise InvalidTimestampError(other, f"a time after {called(field.name)}", "one that is not")
            if later < earlier:
                raise InvalidTimestampError(other, f"no time before {called(field.name)}", "one that is")


def unchanged(describe: Describe, arguments: Mapping[str, Any]) -> Sequence[Field]:
    """Say what is missing if an existing thing is to be changed, and nothing of it was given.

    Args:
        describe: the generated function of the operation.
        arguments: by Python name.

    Returns:
        What could be given; nothing if something was, or has to be.
    """
    operation = operation_of(describe)
    body = [field for field in operation.fields if field.place == "body"]
    if operation.method != "PUT" or any(field.required or field.name in arguments for field in body):
        return ()
    return body


def meaningful(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command that changes one thing or many refuse to change nothing; rows are checked where they are read."""

    @functools.wraps(function)
    def command(given: _Given, **values: Any) -> None:
        missing = () if values.get("csv") is not None else unchanged(given.describe, given.arguments)
        if missing:
            options = [option_name(field.name) for field in missing if not field.sensitive]
            secret = " or a --secret" if any(field.sensitive for field in missing) else ""
            raise usage(f"nothing to change: give one of {', '.join(options)}{secret}")
        function(given, **values)

    return command
