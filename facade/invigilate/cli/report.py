"""`invigilate report`: rows, exports, bars and charts of the service distribution report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from invigilate._paging import Page, Pager
from invigilate._resources import Reports
from invigilate.errors import APIStatusError

from .clients import proctoring
from .exits import ExitCode, Failure, usage
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
from .fields import option_name
from .options import AsJson, Given, bind
from .output import for_people, listing, member, note, one_line, rows_of
from .plans import complete
from .progress import Report, nothing, progress
from .tally import Tally, sessions

_COLUMNS = ("appointmentDate", "serviceType", "status", "billable", "exam", "course", "sid")
_INSTALL = "installSid"
_PAGE = 1000
_TOO_LARGE = frozenset({400, 413, 422})
"""What a server says to a page that it finds too large; nothing is documented."""
_CHARTS = (".html", ".svg", ".png")
_HOW = "How it is read"
_WHAT = "What comes of it"

PageSize = Annotated[
    int | None,
    typer.Option(min=1, max=100_000, metavar="N", help="Rows of a page; by default 1000.", rich_help_panel=_HOW),
]
Prefetch = Annotated[
    int, typer.Option(min=1, max=100, metavar="N", help="Pages that are fetched at a time.", rich_help_panel=_HOW)
]
MaxRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many rows.", rich_help_panel=_HOW)]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Columns, by documented names; a dot leads into an object: status,course.code. None of "
        "them is left out of a table.",
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
Bars = Annotated[bool, typer.Option("--bars", help="Count sessions, and draw bars.", rich_help_panel=_WHAT)]
Chart = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Count sessions, and draw a .html, .svg or .png.", rich_help_panel=_WHAT),
]
Theme = Annotated[
    str | None,
    typer.Option(
        metavar="light|dark",
        help="Colours of the chart. By default light, and for .html those of the reader's system.",
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
        "After times are inclusive, before times exclusive, and a bare date means the start of that day.",
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
        several_installs=True,
    )(_report)


def _report(
    given: Given,
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
        raise usage("--theme: goes with --chart only")
    if overwrite and chart is None and output is None:
        raise usage("--overwrite: goes with --output or --chart only")
    if json and chart is not None and not bars:
        raise usage("--json: a chart is no JSON; with --bars, the numbers are printed, too")
    if output is not None and (chart or bars or json or columns or max_rows or "offset" in given.arguments):
        raise usage(
            "--output: exports the whole report, and goes with none of --json, --columns, --bars, --chart, "
            "--max-rows and --offset"
        )
    if output is None and wanted:
        raise usage(f"{', '.join(map(option_name, wanted))}: for --output only")
    installs = _installs(given)
    own = "" if installs else complete(given.describe, given.arguments)["install_sid"]
    if output is not None:
        options = check_output(output, wanted)
        options |= {"page_size": page_size or _PAGE, "prefetch": prefetch, "overwrite": overwrite}
        export(given, installs, output, options)
        return
    if columns is not None and (chart or bars or json):
        raise usage("--columns: goes with rows only, and --json has all members")
    if chart is not None:
        _check_chart(chart, overwrite=overwrite)
    names = _columns(columns, several=len(installs) > 1)
    # As in exports, rows say their install if it was named.
    labels = installs or ([own] if _INSTALL in names else [])
    rows = _Rows(given, installs, labels, max_rows, page_size, prefetch)
    if chart is None and not bars:
        # Rows that run over the terminal show by themselves how far it has come.
        with nullcontext(nothing) if for_people() else progress("rows") as report:
            found = _Watched(rows_of(rows.read(report)), [] if json else [name for name in names if "." in name])
            listing(found, names, as_json=json, place=given.place, every=columns is not None)
        for name in found.missing():
            note(f"--columns: no row has {one_line(name)}")
        return
    tally = Tally(given.place)
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


def _installs(given: Given) -> list[str]:
    installs: list[str] = given.arguments.pop("install_sid", [])
    if len(set(installs)) != len(installs):
        raise usage("--install: the same install is given twice")
    return installs


class _Rows:
    """The rows of one install after the other, with pages in flight."""

    def __init__(
        self,
        given: Given,
        installs: list[str],
        labels: list[str],
        most: int | None,
        page_size: int | None,
        ahead: int,
    ) -> None:
        self._labels, self._most = labels, most
        self._client = proctoring()
        # No page says how large a page may be. A server that refuses this is asked for what it gives by itself.
        self._adapts = page_size is None
        size = page_size or _PAGE
        self._size = min(size, most or size)
        self._ahead = 1 if self._size == most else ahead
        # All arguments are checked here, before anything is sent.
        named: list[str | None] = [*installs] or [None]
        self._pagers = [self._pager(given, sid, self._size) for sid in named]
        self._smaller = [self._pager(given, sid, None) for sid in named]

    def _pager(self, given: Given, sid: str | None, size: int | None) -> Pager[Any]:
        view = self._client if sid is None else self._client.for_install(sid)
        limit: dict[str, Any] = {} if size is None else {"limit": size}
        pager = view.reports.service_distribution(**given.arguments, **limit)
        return pager.prefetch(self._ahead) if self._ahead > 1 else pager

    def _pages(self, position: int) -> Iterator[Page[Any]]:
        pages = self._pagers[position].pages()
        try:
            first = next(pages, None)
        except APIStatusError as error:
            if not self._adapts or error.status_code not in _TOO_LARGE:
                raise
            note(f"pages of {self._size:,} rows are refused, so the server is asked for its own: {error}")
            # Other installs are on the same server.
            self._pagers, self._adapts = self._smaller, False
            yield from self._pagers[position].pages()
            return
        if first is not None:
            yield first
            yield from pages

    def read(self, report: Report) -> Iterator[Any]:
        """Give the rows, and tell how many of how many they are."""
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
                    # Totals of installs that were not read yet are not known.
                    whole = None if page.total is None or len(self._pagers) > 1 else before + page.total
                    report(done, whole if self._most is None or whole is None else min(whole, self._most))

    def _named(self, row: Any, position: int) -> Any:
        if self._labels and hasattr(row, "additional_properties"):
            row.additional_properties.setdefault(_INSTALL, self._labels[position])
        return row


def _columns(given: str | None, *, several: bool) -> list[str]:
    if given is None:
        return [*([_INSTALL] if several else []), *_COLUMNS]
    from smarterproctoring_client.models import ServiceDistributionRow

    every: Any = ServiceDistributionRow
    known = every(**dict.fromkeys(every._NAMES)).to_dict()
    names = [name.strip() for name in given.split(",")]
    for name in names:
        first, dot, _ = name.partition(".")
        if first not in {*known, _INSTALL}:
            wrong = f"{one_line(name)!r}" if name else "an empty name"
            raise usage(f"--columns: expected some of {', '.join(known)}, with commas in between, got {wrong}")
        if dot and not _has_members(every, first):
            raise usage(f"--columns: {first} has no members, so there is no {one_line(name)}")
    return names


class _Watched:
    """Rows, and which of some members none of them has: what is in an object is not documented."""

    def __init__(self, rows: Iterator[dict[str, Any]], names: list[str]) -> None:
        self._rows, self._names = rows, names
        self._seen: set[str] = set()
        self._any = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self._any = True
            if len(self._seen) < len(self._names):
                self._seen.update(name for name in self._names if member(row, name) is not None)
            yield row

    def missing(self) -> list[str]:
        """Those that no row has, if there are rows."""
        return [name for name in self._names if name not in self._seen] if self._any else []


def _has_members(model: Any, wire: str) -> bool:
    """Whether a member may be an object, as its type says. Which members that has is not documented."""
    names = {name: key for key, name in zip(model._NAMES, model(**dict.fromkeys(model._NAMES)).to_dict(), strict=True)}
    return "dict[" in str(model.__annotations__.get(names.get(wire, ""), ""))


def _check_chart(path: Path, *, overwrite: bool) -> None:
    if path.suffix not in _CHARTS:
        raise usage(f"--chart: expected a file that ends in one of {', '.join(_CHARTS)}")
    if path.exists() and not overwrite:
        raise usage(f"--chart: {path} exists; --overwrite replaces it")
    if path.exists() and not path.is_file():
        raise usage(f"--chart: {path} is not a regular file; name another one")
    if not path.absolute().parent.is_dir():
        raise usage(f"--chart: there is no folder {path.parent}")
    if find_spec("altair") is None or find_spec("vl_convert") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'charts need an extra: pip install "invigilate[chart]"')
