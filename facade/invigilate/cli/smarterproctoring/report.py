"""`invigilate report`: rows, exports and charts of the service distribution report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from invigilate._shapes import is_object
from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.exports import Checkpoint, CsvSafe, Overwrite, Prefetch, export, pagers
from invigilate.cli.options import AsJson, Columns, MaxRows, Passed, bind, column_names
from invigilate.cli.output import for_people, list_all, listing, note
from invigilate.cli.plans import complete
from invigilate.cli.progress import Report, nothing, progress
from invigilate.cli.registry import client_of
from invigilate.smarterproctoring.resources import Reports

from .tally import Tally, print_bars, sessions

_COLUMNS = ["appointmentDate", "serviceType", "status", "billable", "exam", "course", "sid"]
_INSTALL = "installSid"
_PAGE = 1000
_CHARTS = (".html", ".svg", ".png")
_WHAT = "Output"

PageSize = Annotated[int | None, typer.Option(min=1, max=100_000, metavar="N", help="Rows per page; defaults to 1000.")]
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Export to a .csv, .jsonl or .parquet file.", rich_help_panel=_WHAT),
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
            "invigilate report --chart report.svg",
        ],
        leave_out=["limit"],
        repeated=["install_sid"],
    )(_report)


def _report(
    passed: Passed,
    as_json: AsJson = False,
    columns: Columns = None,
    output: Output = None,
    overwrite: Overwrite = False,
    csv_safe: CsvSafe = False,
    checkpoint: Checkpoint = None,
    bars: Bars = False,
    chart: Chart = None,
    max_rows: MaxRows = None,
    page_size: PageSize = None,
    prefetch: Prefetch = 8,
) -> None:
    if overwrite and chart is None and output is None:
        raise usage("--overwrite: needs --output or --chart")
    if as_json and chart is not None and not bars:
        raise usage("--json: a chart is not JSON; add --bars to print the numbers")
    if output is None and (csv_safe or checkpoint):
        raise usage(f"{'--csv-safe' if csv_safe else '--checkpoint'}: only for --output")
    passed.arguments.update({} if page_size is None else {"limit": min(page_size, max_rows or page_size)})
    if output is not None:
        if chart or bars or columns or max_rows or "offset" in passed.arguments:
            raise usage(
                "--output: exports the whole report; it cannot be combined with --columns, --bars, --chart, "
                "--max-rows or --offset"
            )
        export(passed, output, overwrite, csv_safe, checkpoint, prefetch, json=as_json)
        return
    names = column_names(columns, as_json=bool(chart or bars or as_json))
    if chart is not None:
        _check_chart(chart, overwrite=overwrite)
    if _INSTALL in names and "install_sid" not in passed.arguments:
        passed.arguments["install_sid"] = [complete(passed.describe, passed.arguments)["install_sid"]]
    several = len(passed.arguments.get("install_sid", ())) > 1
    read = partial(_read, passed, max_rows, prefetch)
    if chart is None and not bars:
        # Rows on a terminal show the progress themselves.
        with nullcontext(nothing) if for_people() else progress("rows") as report:
            if names:
                list_all(read(report), as_json=as_json, place=passed.place, names=names)
            else:
                listing(read(report), [_INSTALL] * several + _COLUMNS, as_json=as_json, place=passed.place)
        return
    tally = Tally(passed.place)
    with progress("rows") as report:
        for row in read(report):
            tally.add(row)
    if bars:
        print_bars(tally, as_json=as_json)
    if chart is not None:
        from .charts import write_chart

        write_chart(tally, chart)
        note(f"{chart}: {sessions(tally.total)}")


def _read(passed: Passed, most: int | None, ahead: int, report: Report) -> Iterator[Any]:
    """Yield the rows of one install after the other, as JSON, and report the progress."""
    from invigilate.export.sources import Part

    size = min(_PAGE, most or _PAGE)
    done, sizes = 0, [size, None]  # if a server refuses such a page, it is asked for its own size
    with client_of(passed.describe) as client:
        _, found = pagers(client, passed, 1 if size == most else ahead)
        parts = [Part(pager, install, None, sizes) for install, pager in found.items()]
        for part in parts:
            before = done
            with closing(part.pages()) as pages:  # before the client is
                for page in pages:
                    for row in map(json.loads, map(bytes, page)):
                        done += 1
                        yield {_INSTALL: part.label, **row} if part.label is not None and is_object(row) else row
                        if done == most:
                            return
                    # The totals of installs that were not read yet are unknown.
                    whole = None if page.total is None or len(parts) > 1 else before + page.total
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
