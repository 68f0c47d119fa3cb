"""Progress: a moving line on stderr if it is a terminal, otherwise nothing."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Protocol


class Report(Protocol):
    """Takes the number done, the total, and the current phase where there are several."""

    def __call__(self, done: int, total: int | None, doing: str = "") -> None:
        """Show the progress."""


@contextmanager
def progress(what: str) -> Generator[Report]:
    """Show the number done, the rate and the time left.

    Args:
        what: what is counted, such as rows.
    """
    if not sys.stderr.isatty():
        yield nothing
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    from .output import console, discard

    class Counted(ProgressColumn):
        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f" of {task.total:,.0f}"
            return Text(f"{task.description}{task.completed:,.0f}{of} {what}")

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {what}/s" if speed else "", style="cyan")

    bar = Progress(
        TextColumn("invigilate:"),
        BarColumn(bar_width=24),
        Counted(),
        Speed(),
        TimeRemainingColumn(compact=True),
        console=console(sys.stderr),
        # stdout is not captured: it may go somewhere else.
        redirect_stdout=False,
        transient=True,
        speed_estimate_period=5,
    )
    bar.start()
    try:
        task = bar.add_task("", total=None)

        def report(done: int, total: int | None, doing: str = "") -> None:
            description = f"{doing} " if doing else ""
            # A terminal that is gone does not end the command.
            with suppress(OSError):
                if description != bar.tasks[0].description:
                    bar.reset(task, description=description)
                bar.update(task, completed=done, total=total)

        yield report
    finally:
        try:
            bar.stop()
        except OSError:
            discard(sys.stderr)


def nothing(done: int, total: int | None, doing: str = "") -> None:
    """Show nothing."""
