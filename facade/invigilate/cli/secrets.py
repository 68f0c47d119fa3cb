"""Arguments that must not stand on a command line, where every user of the machine can read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from smarterproctoring_client.calls import Field

from .exits import ExitCode, Failure, usage
from .fields import plain_name


def variable(name: str) -> str:
    """Give the environment variable of a sensitive argument: `card_token` is `INVIGILATE_CARD_TOKEN`."""
    return f"INVIGILATE_{plain_name(name).upper()}"


def secret_values(fields: Sequence[Field], wanted: Sequence[str]) -> dict[str, str]:
    """Get sensitive arguments from the environment, or from whoever sits at the terminal.

    Nothing is sent because a variable happens to be set: each is asked for by name.

    Args:
        fields: the sensitive arguments of an operation.
        wanted: the names of those to send.

    Raises:
        Failure: if there is no such argument, or nowhere to get it from.
        KeyboardInterrupt: with a text, if whoever is asked interrupts it.
    """
    known = {plain_name(field.name): field.name for field in fields}
    values: dict[str, str] = {}
    for text in wanted:
        name = known.get(text.replace("-", "_"))
        if name is None:
            raise usage(f"--secret: expected one of {', '.join(known)}")
        value = os.environ.get(variable(name)) or _ask(name)
        if not value:
            raise usage(f"--secret {plain_name(name)}: it is empty")
        values[name] = value
    return values


def _ask(name: str) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"--secret {plain_name(name)}: set {variable(name)}; without a terminal nobody can be asked")
    from getpass import getpass

    try:
        return getpass(f"{plain_name(name)} (not shown): ", stream=sys.stderr)
    except (KeyboardInterrupt, EOFError) as error:
        print(file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt("nothing was sent") from None
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent") from None
