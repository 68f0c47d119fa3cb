"""Refuses what the API does not document as wrong, and nobody intends: times in the wrong order, and empty changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from invigilate.errors import InvalidTimestampError
from invigilate_runtime import Field

from .fields import Describe, operation_of

_PAIRS = (("_after", "_before"), ("start_", "end_"))
"""The parts in which the names of an earlier and a later time differ."""


def check_order(describe: Describe, arguments: Mapping[str, Any], called: Callable[[str], str]) -> None:
    """Check that times are in the right order."""
    for field in operation_of(describe).fields:
        for first, second in _PAIRS:
            other = field.name.replace(first, second)
            earlier, later = arguments.get(field.name), arguments.get(other)
            if field.type != "timestamp" or other == field.name or earlier is None or later is None:
                continue
            # Strings in one format, with four digits for the year, sort like the instants.
            if first == "_after" and later <= earlier:
                raise InvalidTimestampError(other, f"a time after {called(field.name)}", "an earlier one, or the same")
            if later < earlier:
                raise InvalidTimestampError(other, f"a time not before {called(field.name)}", "an earlier one")


def unchanged(describe: Describe, arguments: Mapping[str, Any]) -> Sequence[Field]:
    """Return the arguments of which one is needed, if a change would change nothing."""
    operation = operation_of(describe)
    body = [field for field in operation.fields if field.location == "body"]
    if operation.method != "PUT" or any(field.required or field.name in arguments for field in body):
        return ()
    return body
