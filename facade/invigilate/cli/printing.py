"""Prints the results of changes. Printing may fail after a change was made, which must still be reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .exits import ExitCode
from .output import cell, console, discard, field_at, for_people, listing, note


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
    """Print the outcomes of rows; a terminal shows them in full, on as many lines as needed."""
    if as_json or not for_people():
        listing(rows, columns, as_json=as_json)
        return
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold cyan")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name != columns[-1])
    for row in rows:
        table.add_row(*(Text(cell(field_at(row, name))) for name in columns))
    screen = console()
    # A terminal too narrow for the longest word wraps the lines itself, and nothing is cut off.
    screen.width = max(screen.width, Measurement.get(screen, screen.options.update(width=1000), table).minimum)
    screen.print(table, soft_wrap=False)
