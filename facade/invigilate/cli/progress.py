"""Progress: a moving line on stderr if it is a terminal, otherwise nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from .output import console, discard

Report = Callable[..., None]
"""Takes the number done, the total, and what else is shown: the phase before them, and details after them."""


@contextmanager
def progress(what: str) -> Generator[Report]:
    """Show the number done, the rate and the time left."""
    if not sys.stderr.isatty():
        yield nothing
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("invigilate:"),
        BarColumn(bar_width=24),
        TextColumn("{task.description}"),
        TimeRemainingColumn(compact=True),
        console=console(sys.stderr),
        # stdout is not captured: it may go somewhere else.
        redirect_stdout=False,
        transient=True,
    )
    bar.start()
    try:
        task = bar.add_task("", total=None)

        def report(done: int, total: int | None, doing: str = "", details: str = "") -> None:
            of = "" if total is None else f" of {total:,}"
            text = f"{doing} {done:,}{of} {what}{details}  {bar.tasks[0].speed or 0:,.0f} {what}/s"
            # A terminal that is gone does not end the command.
            with suppress(OSError):
                bar.update(task, completed=done, total=total, description=text.lstrip())

        yield report
    finally:
        try:
            bar.stop()
        except OSError:
            discard(sys.stderr)


def nothing(*_: object) -> None:
    """Show nothing."""
