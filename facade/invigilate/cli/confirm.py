"""Asks before a change is sent."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from .exits import ExitCode, Failure
from .output import note


def confirm(lines: Iterable[str], question: str, *, yes: bool) -> None:
    """Show what will be sent, and ask on the terminal.

    Args:
        lines: what will be sent.
        question: the question, without a question mark.
        yes: neither show nor ask.

    Raises:
        Failure: if the change is not confirmed, or there is no terminal.
    """
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
