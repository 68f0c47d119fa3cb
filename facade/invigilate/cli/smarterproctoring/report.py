"""`invigilate report`: rows, exports and charts of the service distribution report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from invigilate import Pager
from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.fields import option_name
from invigilate.cli.options import AsJson, Columns, MaxRows, Passed, bind, column_names
from invigilate.cli.output import for_people, list_all, listing, note
from invigilate.cli.plans import complete
from invigilate.cli.progress import Report, nothing, progress
from invigilate.cli.registry import client_of
from invigilate.errors import APIStatusError
from invigilate.smarterproctoring.resources import Reports
from smarterproctoring_client.models import ServiceDistributionRow as Row

from .exports import OPTIONS, check_output, export
from .tally import Tally, print_bars, sessions

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

_COLUMNS = ("appointmentDate", "serviceType", "status", "billable", "exam", "course", "sid")
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
            "invigilate report --chart report.svg",
        ],
        leave_out=["limit"],
        repeated=["install_sid"],
        more=OPTIONS,
    )(_report)


def _report(
    passed: Passed,
    json: AsJson = False,
    columns: Columns = None,
    output: Output = None,
    overwrite: Overwrite = False,
    bars: Bars = False,
    chart: Chart = None,
    max_rows: MaxRows = None,
    page_size: PageSize = None,
    prefetch: Prefetch = 8,
    **exported: Any,
) -> None:
    wanted = {name: value for name, value in exported.items() if value is not None}
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
    names = column_names(columns, as_json=bool(chart or bars or json))
    if chart is not None:
        _check_chart(chart, overwrite=overwrite)
    # As in exports, rows have their install if it was passed.
    labels = installs or ([own] if _INSTALL in names else [])
    read = partial(_read, passed, installs, labels, max_rows, page_size, prefetch)
    if chart is None and not bars:
        # Rows on a terminal show the progress themselves.
        with nullcontext(nothing) if for_people() else progress("rows") as report:
            if names:
                list_all(read(report), as_json=json, place=passed.place, names=names)
            else:
                shown = [*([_INSTALL] if len(installs) > 1 else []), *_COLUMNS]
                listing(read(report), shown, as_json=json, place=passed.place)
        return
    tally = Tally(passed.place)
    with progress("rows") as report:
        for row in read(report):
            tally.add(row)
    if bars:
        print_bars(tally, as_json=json)
    if chart is not None:
        from .charts import write_chart

        write_chart(tally, chart)
        note(f"{chart}: {sessions(tally.total)}")


def _installs(passed: Passed) -> list[str]:
    installs: list[str] = passed.arguments.pop("install_sid", [])
    if len(set(installs)) != len(installs):
        raise usage("--install-sid: the same install is passed twice")
    return installs


def _read(
    passed: Passed,
    installs: list[str],
    labels: list[str],
    most: int | None,
    page_size: int | None,
    ahead: int,
    report: Report,
) -> Iterator[Any]:
    """Yield the rows of one install after the other, with pages fetched ahead, and report the progress."""
    size = min(page_size or _PAGE, most or page_size or _PAGE)
    done, adapts = 0, page_size is None
    with cast("SmarterProctoring", client_of(passed.describe)) as client:
        views = [client.for_install(sid) for sid in installs] or [client]

        def pagers(limit: dict[str, Any]) -> list[Pager[Any]]:
            found = [view.reports.service_distribution(**passed.arguments, **limit) for view in views]
            return found if size == most else [each.prefetch(ahead) for each in found]

        # All arguments are checked here, before anything is sent.
        waiting = pagers({"limit": size})
        for position in range(len(views)):
            pages = waiting[position].pages()
            try:
                first = next(pages, None)
            except APIStatusError as error:
                # No page size limit is documented. If the server refuses this one, it is asked for its own.
                if not adapts or error.status_code not in _TOO_LARGE:
                    raise
                note(f"the server refused pages of {size:,} rows; using its own page size: {error}")
                # The other installs are on the same server.
                waiting, adapts = pagers({}), False
                pages = waiting[position].pages()
                first = next(pages, None)
            before = done
            for page in chain([] if first is None else [first], pages):
                for row in page:
                    done += 1
                    if labels and isinstance(row, Row):
                        row.additional_properties.setdefault(_INSTALL, labels[position])
                    yield row
                    if done == most:
                        return
                # The totals of installs that were not read yet are unknown.
                whole = None if page.total is None or len(views) > 1 else before + page.total
                report(done, whole if most is None or whole is None else min(whole, most))


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
