"""Prints the results of changes. Printing may fail after a change was made, which must still be reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .exits import ExitCode
from .output import cell, console, discard, field_at, for_people, listing, named, note

_GAP, _INDENT = "  ", "      "
_NARROWEST_TEXT = 20


def printed(show: Callable[[], None], made: str) -> ExitCode:
    """Print a result, and report on stderr if it cannot be printed.

    Args:
        show: prints the result.
        made: what was done anyway, ending with the subject of "cannot be printed".

    Returns:
        `OK`, or what to exit with if nothing else is wrong.

    Raises:
        KeyboardInterrupt: with a message, if printing is interrupted.
    """
    try:
        show()
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{made} was not printed completely") from None
    except Exception as error:
        discard(sys.stdout)
        note(f"{made} cannot be printed: {getattr(error, 'strerror', None) or type(error).__name__}")
        return ExitCode.PIPE_CLOSED if isinstance(error, BrokenPipeError) else ExitCode.FAILED
    return ExitCode.OK


def show_outcomes(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print the outcomes of rows; a terminal shows them in full, on as many lines as needed.

    Args:
        rows: the outcome of each.
        columns: the fields to print; the last one takes the remaining width.
        as_json: print each outcome as a line of JSON.
    """
    if as_json or not for_people():
        listing(rows, [named(name) for name in columns], as_json=as_json)
        return
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    screen = console()
    headings = [name.replace("_", " ") for name in columns]
    lines = [[cell(field_at(row, column)) for column in columns] for row in rows]
    widths = [max(map(cell_len, texts)) for texts in zip(headings, *lines, strict=True)][:-1]
    start = sum(widths) + len(_GAP) * len(widths)
    # Where too little width remains, the text goes below the other columns.
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
