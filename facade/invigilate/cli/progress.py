"""How far something has come: a moving line on stderr when it is a terminal, and nothing otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Report = Callable[[int, int | None], None]
"""Takes how many are done, and of how many."""


@contextmanager
def progress(what: str) -> Generator[Report]:
    """Show what is done, rows per second and the time left.

    Args:
        what: the things that are counted, such as rows.
    """
    if not sys.stderr.isatty():
        yield nothing
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    from .output import console

    class Counted(ProgressColumn):
        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f" of {task.total:,.0f}"
            return Text(f"{task.completed:,.0f}{of} {what}")

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
        # What the command prints is not taken over: it may go somewhere else.
        redirect_stdout=False,
        transient=True,
        speed_estimate_period=5,
    )
    with bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def nothing(_done: int, _total: int | None) -> None:
    """Show nothing."""
