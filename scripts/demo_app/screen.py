"""Output of the demo: colors and a progress bar on a terminal, otherwise plain lines."""

from __future__ import annotations

import inspect
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

_MARGIN = 3
_NAMES = 13
_LONGEST_BAR = 60
_WIDEST = 100


class _Speed(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed / task.elapsed:,.0f} rows/s" if task.elapsed else "", style="cyan")


class Screen:
    """The terminal, or the file that stdout goes to."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._chapters = 0

    def title(self, title: str, text: str) -> None:
        """Print the title."""
        self._console.print()
        self._console.print(Text(title, style="bold"))
        for line in Text(text).wrap(self._console, self._console.width):
            line.rstrip()
            self._console.print(line)

    def chapter(self, title: str) -> None:
        """Print the heading of a chapter."""
        self._chapters += 1
        self._console.print()
        self._console.print(Text.assemble((f"{self._chapters}. ", "bold cyan"), (title, "bold")))

    def gap(self) -> None:
        """Print an empty line."""
        self._console.print()

    def end(self, text: str) -> None:
        """Print the last line."""
        self._console.print()
        self._console.print(Text(text), soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a sentence or two."""
        self._paragraph(Text(text))

    def fact(self, name: str, value: str, style: str = "") -> None:
        """Print a name and a value. A value without spaces stays on one line, so that it can be copied."""
        lines = [Text(value, style)]
        if self._console.is_terminal and " " in value:
            lines = list(lines[0].wrap(self._console, min(_WIDEST, self._console.width - _MARGIN) - _NAMES))
        for line in lines:
            line.rstrip()
            self._line(Text.assemble((f"{name:<{_NAMES}}", "cyan"), line))
            name = ""

    def error(self, error: Exception) -> None:
        """Print an error as a program sees it."""
        line = Text.assemble((type(error).__name__, "bold red"), f": {error}")
        if self._console.is_terminal:
            self._paragraph(line)
        else:
            self._line(line)  # in one line, as in a log

    def call(self, function: Callable[..., object]) -> None:
        """Print the body of a function of `calls`."""
        source = textwrap.dedent(inspect.getsource(function))
        body = source.partition('"""')[2].partition('"""\n')[2]
        self.code(textwrap.dedent(body).removeprefix("return "))
        self.gap()

    def code(self, source: str) -> None:
        """Print Python source."""
        source = source.strip("\n")
        if self._console.is_terminal:
            text = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(source)
        else:
            text = Text(source)
        for line in text.split("\n"):
            # Not wrapped, so that lines can be copied.
            self._line(line)

    def table(self, columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], *, total: bool = False) -> None:
        """Print a table.

        Args:
            columns: headings, each with whether its column holds numbers.
            rows: the cells.
            total: whether the last row is the sum of the others.
        """
        table = Table(box=None, pad_edge=False, header_style="cyan", padding=(0, 2, 0, 0))
        for heading, number in columns:
            table.add_column(heading, justify="right" if number else "left", no_wrap=number)
        for position, row in enumerate(rows, 1):
            table.add_row(*(Text(cell) for cell in row), style="bold" if total and position == len(rows) else "")
        self._console.print(Padding(table, (0, 0, 0, _MARGIN), expand=False))

    def bars(self, rows: Mapping[str, Mapping[str, int]], styles: Mapping[str, str]) -> None:
        """Print a bar for each row, with one part for each style."""
        signs = "#=." if self._console.options.ascii_only else "█▒░"
        marks = dict(zip(styles, signs, strict=True))
        longest = max((sum(parts.values()) for parts in rows.values()), default=0) or 1
        label = max(map(len, rows), default=0)
        width = max(10, min(_LONGEST_BAR, self._console.width - 2 * _MARGIN - label - 10))
        legend = Text("  ").join(Text(f"{mark} {part}", style=styles[part]) for part, mark in marks.items())
        self._line(legend)
        for name, parts in rows.items():
            line = Text(f"{name:<{label}} ")
            done = shown = 0
            for part, mark in marks.items():
                # Rounded at the ends, not part by part, so that the bar is as long as the sum of its parts.
                done += parts.get(part, 0)
                end = round(done / longest * width)
                line.append(mark * (end - shown), style=styles[part])
                shown = end
            line.append(f" {done:,}")
            self._line(line)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int | None], None]]:
        """Show the number done, the rate, and the time left.

        Yields a function that takes the number done and the total.
        """
        started, latest = time.perf_counter(), 0
        bar = Progress(
            TextColumn(" " * (_MARGIN - 1)),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + what),
            _Speed(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        with bar:
            task = bar.add_task("", total=0)

            def report(done: int, total: int | None) -> None:
                nonlocal latest
                latest = done
                bar.update(task, completed=done, total=total if total is not None else done)

            yield report
        seconds = time.perf_counter() - started
        if not self._console.is_terminal:
            self.say(f"{latest:,} {what} in {seconds:.1f} s ({latest / max(seconds, 1e-9):,.0f} rows/s)")

    def _paragraph(self, text: Text) -> None:
        # Wrapped here, because the console would pad lines with spaces.
        for line in text.wrap(self._console, min(_WIDEST, self._console.width - _MARGIN)):
            line.rstrip()
            self._line(line)

    def _line(self, line: Text) -> None:
        self._console.print(Text(" " * _MARGIN) + line, soft_wrap=True)
