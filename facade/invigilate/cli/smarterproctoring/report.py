"""`invigilate report`: rows, exports and charts of the service distribution report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from invigilate import Page, Pager
from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.fields import option_name
from invigilate.cli.options import AsJson, Passed, bind
from invigilate.cli.output import Column, column, field_at, for_people, listing, named, note, one_line
from invigilate.cli.plans import complete
from invigilate.cli.progress import Report, nothing, progress
from invigilate.errors import APIStatusError
from invigilate.smarterproctoring.resources import Reports
from invigilate_runtime import dump
from smarterproctoring_client.models import ServiceDistributionRow as Row

from .clients import proctoring
from .exports import (
    Checkpoint,
    CsvSafe,
    InstallColumn,
    Nested,
    NoCheckpoint,
    Parallel,
    Window,
    WindowBy,
    check_output,
    export,
)
from .tally import Tally, sessions

_COLUMNS = (
    column("appointmentDate", Row, lambda row: row.appointment_date),
    column("serviceType", Row, lambda row: row.service_type),
    column("status", Row, lambda row: row.status),
    column("billable", Row, lambda row: row.billable),
    column("exam", Row, lambda row: row.exam),
    column("course", Row, lambda row: row.course),
    column("sid", Row, lambda row: row.sid),
)
_INSTALL = "installSid"
_PAGE = 1000
_TOO_LARGE = frozenset({400, 413, 422})
"""Statuses by which a server may refuse a page size; none is documented."""
_CHARTS = (".html", ".svg", ".png")
_HOW = "Reading"
_WHAT = "Output"

PageSize = Annotated[
    int | None,
    typer.Option(min=1, max=100_000, metavar="N", help="Rows per page; defaults to 1000.", rich_help_panel=_HOW),
]
Prefetch = Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Pages fetched ahead.", rich_help_panel=_HOW)]
MaxRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many rows.", rich_help_panel=_HOW)]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Columns to print, by documented names; a dot leads into an object: status,course.code. A table keeps "
        "all of them.",
        rich_help_panel=_WHAT,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Export to a .csv, .jsonl or .parquet file.", rich_help_panel=_WHAT),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file of --output or --chart.", rich_help_panel=_WHAT)
]
Bars = Annotated[bool, typer.Option("--bars", help="Count sessions, and print bars.", rich_help_panel=_WHAT)]
Chart = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Count sessions, and draw a .html, .svg or .png.", rich_help_panel=_WHAT),
]
Theme = Annotated[
    str | None,
    typer.Option(
        metavar="light|dark",
        help="Colors of the chart. Defaults to light, and for .html to those of the reader's system.",
        rich_help_panel=_WHAT,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    bind(
        app,
        "report",
        Reports.service_distribution.describe,
        help="Print the service distribution report: one row for each exam session, of one install or several.\n\n"
        "Times after are inclusive, times before exclusive; a bare date is the start of that day.",
        examples=[
            "invigilate report --statuses Closed --max-rows 10",
            "invigilate report --timezone Europe/Berlin --appointment-date-after 2026-10-01 "
            "--appointment-date-before 2026-11-01 --bars",
            "invigilate report --output report.csv",
            "invigilate report --output october.parquet --timezone Europe/Berlin --appointment-date-after 2026-10-01 "
            "--appointment-date-before 2026-11-01 --window-by appointment_date",
            "invigilate report --chart report.svg --theme dark",
        ],
        leave_out=["limit"],
        repeated=["install_sid"],
    )(_report)


def _report(
    passed: Passed,
    json: AsJson = False,
    columns: Columns = None,
    output: Output = None,
    overwrite: Overwrite = False,
    bars: Bars = False,
    chart: Chart = None,
    theme: Theme = None,
    max_rows: MaxRows = None,
    page_size: PageSize = None,
    prefetch: Prefetch = 8,
    nested: Nested = None,
    csv_safe: CsvSafe = False,
    install_column: InstallColumn = None,
    window_by: WindowBy = None,
    window: Window = None,
    parallel: Parallel = None,
    checkpoint: Checkpoint = None,
    no_checkpoint: NoCheckpoint = False,
) -> None:
    wanted: dict[str, Any] = {
        "nested": nested,
        "csv_safe": csv_safe or None,
        "install_column": install_column,
        "window_by": window_by,
        "window": window,
        "parallel": parallel,
        "checkpoint": checkpoint,
        "no_checkpoint": no_checkpoint or None,
    }
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if theme is not None and theme not in {"light", "dark"}:
        raise usage("--theme: expected light or dark")
    if theme is not None and chart is None:
        raise usage("--theme: needs --chart")
    if overwrite and chart is None and output is None:
        raise usage("--overwrite: needs --output or --chart")
    if json and chart is not None and not bars:
        raise usage("--json: a chart is not JSON; add --bars to print the numbers")
    if output is not None and (chart or bars or json or columns or max_rows or "offset" in passed.arguments):
        raise usage(
            "--output: exports the whole report; it cannot be combined with --json, --columns, --bars, --chart, "
            "--max-rows or --offset"
        )
    if output is None and wanted:
        raise usage(f"{', '.join(map(option_name, wanted))}: only for --output")
    installs = _installs(passed)
    own = "" if installs else complete(passed.describe, passed.arguments)["install_sid"]
    if output is not None:
        options = check_output(output, wanted)
        options |= {"page_size": page_size or _PAGE, "prefetch": prefetch, "overwrite": overwrite}
        export(passed, installs, output, options)
        return
    if columns is not None and (chart or bars or json):
        raise usage("--columns: only for rows; --json has all fields")
    if chart is not None:
        _check_chart(chart, overwrite=overwrite)
    shown = _columns(columns, several=len(installs) > 1)
    names = [each.name for each in shown]
    # As in exports, rows have their install if it was passed.
    labels = installs or ([own] if _INSTALL in names else [])
    rows = _Rows(passed, installs, labels, max_rows, page_size, prefetch)
    if chart is None and not bars:
        # Rows on a terminal show the progress themselves.
        with nullcontext(nothing) if for_people() else progress("rows") as report:
            read = map(dump, rows.read(report)) if columns is not None else rows.read(report)
            found = _Watched(read, [] if json else [name for name in names if "." in name])
            listing(found, shown, as_json=json, place=passed.place, every=columns is not None)
        for name in found.missing():
            note(f"--columns: no row has {one_line(name)}")
        return
    tally = Tally(passed.place)
    with progress("rows") as report:
        for row in rows.read(report):
            tally.add(row)
    if bars:
        from .bars import print_bars

        print_bars(tally, as_json=json)
    if chart is not None:
        from .charts import write_chart

        write_chart(tally, chart, "dark" if theme == "dark" else "light" if theme == "light" else None)
        note(f"{chart}: {sessions(tally.total)}")


def _installs(passed: Passed) -> list[str]:
    installs: list[str] = passed.arguments.pop("install_sid", [])
    if len(set(installs)) != len(installs):
        raise usage("--install-sid: the same install is passed twice")
    return installs


class _Rows:
    """The rows of one install after the other, with pages fetched ahead."""

    def __init__(
        self,
        passed: Passed,
        installs: list[str],
        labels: list[str],
        most: int | None,
        page_size: int | None,
        ahead: int,
    ) -> None:
        self._labels, self._most = labels, most
        self._client = proctoring()
        # No page size limit is documented. If the server refuses this one, it is asked for its own.
        self._adapts = page_size is None
        size = page_size or _PAGE
        self._size = min(size, most or size)
        self._ahead = 1 if self._size == most else ahead
        # All arguments are checked here, before anything is sent.
        named: list[str | None] = [*installs] or [None]
        self._pagers = [self._pager(passed, sid, self._size) for sid in named]
        self._smaller = [self._pager(passed, sid, None) for sid in named]

    def _pager(self, passed: Passed, sid: str | None, size: int | None) -> Pager[Any]:
        view = self._client if sid is None else self._client.for_install(sid)
        limit: dict[str, Any] = {} if size is None else {"limit": size}
        pager = view.reports.service_distribution(**passed.arguments, **limit)
        return pager.prefetch(self._ahead) if self._ahead > 1 else pager

    def _pages(self, position: int) -> Iterator[Page[Any]]:
        pages = self._pagers[position].pages()
        try:
            first = next(pages, None)
        except APIStatusError as error:
            if not self._adapts or error.status_code not in _TOO_LARGE:
                raise
            note(f"the server refused pages of {self._size:,} rows; using its own page size: {error}")
            # The other installs are on the same server.
            self._pagers, self._adapts = self._smaller, False
            yield from self._pagers[position].pages()
            return
        if first is not None:
            yield first
            yield from pages

    def read(self, report: Report) -> Iterator[Any]:
        """Yield the rows, and report the progress."""
        done = 0
        with self._client:
            for position in range(len(self._pagers)):
                before = done
                for page in self._pages(position):
                    for row in page:
                        done += 1
                        yield self._named(row, position)
                        if done == self._most:
                            return
                    # The totals of installs that were not read yet are unknown.
                    whole = None if page.total is None or len(self._pagers) > 1 else before + page.total
                    report(done, whole if self._most is None or whole is None else min(whole, self._most))

    def _named(self, row: Any, position: int) -> Any:
        if self._labels and isinstance(row, Row):
            row.additional_properties.setdefault(_INSTALL, self._labels[position])
        return row


def _columns(wanted: str | None, *, several: bool) -> Sequence[Column]:
    install = column(_INSTALL, Row, lambda row: row.additional_properties.get(_INSTALL))
    if wanted is None:
        return [*([install] if several else []), *_COLUMNS]
    known: dict[str, str] = vars(Row)["_NAMES"]
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        first, dot, _ = name.partition(".")
        if first not in {*known, _INSTALL}:
            wrong = f"{one_line(name)!r}" if name else "an empty name"
            raise usage(f"--columns: expected names among {', '.join(known)}, separated by commas, got {wrong}")
        if dot and "dict[" not in str(Row.__annotations__.get(known.get(first, ""), "")):
            raise usage(f"--columns: {first} is not an object, so it has no field {one_line(name.partition('.')[2])}")
    return [named(name) for name in names]


class _Watched:
    """Rows, and which of some nested fields none of them has: the fields of objects are undocumented."""

    def __init__(self, rows: Iterator[Any], names: list[str]) -> None:
        self._rows, self._names = rows, names
        self._seen: set[str] = set()
        self._any = False

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self._any = True
            if len(self._seen) < len(self._names):
                self._seen.update(name for name in self._names if field_at(row, name) is not None)
            yield row

    def missing(self) -> list[str]:
        """Return those that no row has, if there are rows."""
        return [name for name in self._names if name not in self._seen] if self._any else []


def _check_chart(path: Path, *, overwrite: bool) -> None:
    if path.suffix not in _CHARTS:
        raise usage(f"--chart: expected a file name ending in one of {', '.join(_CHARTS)}")
    if path.exists() and not overwrite:
        raise usage(f"--chart: {path} exists; --overwrite replaces it")
    if path.exists() and not path.is_file():
        raise usage(f"--chart: {path} is not a regular file; name another file")
    if not path.absolute().parent.is_dir():
        raise usage(f"--chart: there is no folder {path.parent}")
    if find_spec("altair") is None or find_spec("vl_convert") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'charts need an extra: pip install "invigilate[chart]"')
