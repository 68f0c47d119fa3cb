"""Arguments that must not be on a command line, where every user of the machine can read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Field

from .exits import ExitCode, Failure, usage
from .fields import plain_name, value_of


def variable(name: str) -> str:
    """Return the environment variable of a sensitive argument: `card_token` is `INVIGILATE_CARD_TOKEN`."""
    return f"INVIGILATE_{plain_name(name).upper()}"


def secret_values(fields: Sequence[Field], wanted: Sequence[str], place: tzinfo | None = None) -> dict[str, Any]:
    """Read sensitive arguments from the environment, or ask for them on the terminal.

    Each must be requested by name, so that a variable that happens to be set is not sent.

    Args:
        fields: the sensitive arguments of an operation.
        wanted: the names of those to send.
        place: the time zone of times without an offset.

    Raises:
        Failure: if there is no such argument, no source for it, or its value is wrong.
        KeyboardInterrupt: with a message, if the question is interrupted.
    """
    known = {plain_name(field.name): field for field in fields}
    values: dict[str, Any] = {}
    for text in wanted:
        field = known.get(text.replace("-", "_"))
        if field is None:
            raise usage(f"--secret: expected one of {', '.join(known)}")
        name = plain_name(field.name)
        value = os.environ.get(variable(name)) or _ask(name)
        if not value:
            raise usage(f"--secret {name}: it is empty")
        try:
            values[field.name] = value_of(field, value, place)
        except InvalidArgumentError as error:
            raise usage(f"--secret {name}: expected {error.expected}, got {error.passed}") from None
    return values


def _ask(name: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"--secret {name}: set {variable(name)}, or run this in a terminal to be asked")
    from getpass import getpass

    try:
        return getpass(f"{name} (not shown): ", stream=sys.stderr)
    except (KeyboardInterrupt, EOFError) as error:
        print(file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt("nothing was sent") from None
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent") from None
