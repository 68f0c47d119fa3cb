"""Prints what came of a change. That may fail when the change is made, and whoever made it has to learn of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from invigilate.errors import APIError

from .exits import ExitCode
from .output import cell, console, discard, for_people, listing, member, note

_GAP, _INDENT = "  ", "      "
_NARROWEST_TEXT = 20


def printed(show: Callable[[], None], made: str) -> ExitCode:
    """Print, and say on stderr if that cannot be done.

    Args:
        show: what prints.
        made: what is true all the same, with the subject of "cannot be printed" at its end.

    Returns:
        `OK`, or what to exit with if nothing else is wrong.

    Raises:
        KeyboardInterrupt: with a text, if printing is cut off.
    """
    try:
        show()
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{made} is not printed to its end") from None
    except Exception as error:
        discard(sys.stdout)
        note(f"{made} cannot be printed: {getattr(error, 'strerror', None) or type(error).__name__}")
        return ExitCode.PIPE_CLOSED if isinstance(error, BrokenPipeError) else ExitCode.FAILED
    return ExitCode.OK


def said(error: APIError) -> str:
    """What an error says, without method and path: for where the row that it is about is named beside it."""
    return str(error).removeprefix(f"{error.method} {error.path}: ")


def show_outcomes(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print what came of rows. People are shown all of it, in as many lines as it takes.

    Args:
        rows: what came of each.
        columns: what to print of each; the last one is text, and takes the room that is left.
        as_json: print a line of JSON for each.
    """
    if as_json or not for_people():
        listing(rows, columns, as_json=as_json)
        return
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    screen = console()
    headings = [name.replace("_", " ") for name in columns]
    lines = [[cell(member(row, column)) for column in columns] for row in rows]
    widths = [max(map(cell_len, texts)) for texts in zip(headings, *lines, strict=True)][:-1]
    start = sum(widths) + len(_GAP) * len(widths)
    # Where too little is left beside the other columns, the text stands below them.
    below = screen.width - start < _NARROWEST_TEXT
    start = len(_INDENT) if below else start

    def show(texts: Sequence[str], style: str = "") -> None:
        head = _GAP.join(set_cell_size(text, width) for text, width in zip(texts, widths, strict=False))
        parts = [part.plain for part in Text(texts[-1]).wrap(screen, max(1, screen.width - start), overflow="fold")]
        if not below:
            head += _GAP + (parts.pop(0) if parts else "")
        for line in [head, *(" " * start + part for part in parts if part)]:
            screen.print(Text(line.rstrip(), style))

    show(headings, "bold cyan")
    for line in lines:
        show(line)
