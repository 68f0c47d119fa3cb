"""Asks before something is changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from .exits import ExitCode, Failure
from .output import note


def confirm(lines: Iterable[str], question: str, *, yes: bool) -> None:
    """Show what will be done, and ask whoever sits at the terminal.

    Args:
        lines: what will be done.
        question: without a question mark.
        yes: go on, and neither show nor ask.

    Raises:
        Failure: if the answer is not yes, or nobody can be asked.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(
            ExitCode.NOT_CONFIRMED, "nothing was sent: without a terminal nobody can be asked; --yes confirms it"
        )
    for line in lines:
        note(line)
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise KeyboardInterrupt("nothing was sent") from None
    if not answer.endswith("\n"):
        print(file=sys.stderr)  # Ctrl-D leaves the line of the question open
    if answer.strip().lower() not in {"y", "yes"}:
        raise Failure(ExitCode.NOT_CONFIRMED, "nothing was sent")
