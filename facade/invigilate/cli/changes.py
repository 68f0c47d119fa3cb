"""What changes something: shown, asked about, sent once, and written down."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from .clients import proctoring
from .confirm import confirm
from .exits import ExitCode, usage
from .options import AsJson, Given
from .output import one_line, record, to_json
from .plans import plan, show_plans
from .printing import printed
from .rows import read_plans
from .runs import Run
from .unknowns import answer, ended_as_by_ctrl_c, interrupted, read_first

_MANY = "Many at once"
_SENDING = "Before it is sent"

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.", rich_help_panel=_SENDING)
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.", rich_help_panel=_SENDING)]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Rows to send: a column for each argument.", rich_help_panel=_MANY),
]
Results = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What came of each row; a broken run goes on from it. By default FILE.results.jsonl beside the rows.",
        rich_help_panel=_MANY,
    ),
]
RetryRefused = Annotated[
    bool, typer.Option("--retry-refused", help="Send rows that were refused once more.", rich_help_panel=_MANY)
]
Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LINE:MARK",
        help="You have read back that this row went through. The mark is that of the unknown outcome, as the run "
        "printed it. Can be repeated.",
        rich_help_panel=_MANY,
    ),
]
SendAgain = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LINE:MARK",
        help="You have read back that this row did NOT go through: send it. The mark is that of the unknown outcome, "
        "as the run printed it. Can be repeated.",
        rich_help_panel=_MANY,
    ),
]


def change(
    given: Given,
    json: AsJson = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    csv: Csv = None,
    results: Results = None,
    retry_refused: RetryRefused = False,
    confirmed: Confirmed = None,
    send_again: SendAgain = None,
) -> None:
    """Change one thing, as the options say, or many, as a CSV file says."""
    with ended_as_by_ctrl_c():
        _change(given, json, dry_run, yes, csv, results, retry_refused, confirmed, send_again)


def _change(
    given: Given,
    json: bool,
    dry_run: bool,
    yes: bool,
    csv: Path | None,
    results: Path | None,
    retry_refused: bool,
    confirmed: list[str] | None,
    send_again: list[str] | None,
) -> None:
    if csv is None:
        if results or retry_refused or confirmed or send_again:
            raise usage("--results, --retry-refused, --confirmed, --send-again: they go with --csv")
        _one(given, as_json=json, dry_run=dry_run, yes=yes)
        return
    path = results or csv.with_name(f"{csv.name}.results.jsonl")
    if path.absolute() == csv.absolute():
        raise usage("--results: it is the file of the rows")
    Run(read_plans(csv, given.describe, given.arguments, given.place), path, retry_refused=retry_refused).start(
        as_json=json, dry_run=dry_run, yes=yes, confirmed=confirmed or [], send_again=send_again or []
    )


def _one(given: Given, *, as_json: bool, dry_run: bool, yes: bool) -> None:
    item = plan(given.describe, given.arguments)
    if dry_run:
        show_plans([item], as_json=as_json)
        return
    with proctoring() as client:
        confirm([str(item)], "Send it", yes=yes)
        before = read_first(client, item)
        try:
            found = answer(client, item, before)
            code = printed(
                lambda: _show(found, as_json=as_json, place=given.place), "the change was made, but its answer"
            )
        except KeyboardInterrupt as error:
            raise (error if error.args else interrupted(item)) from None
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _show(found: Any, *, as_json: bool, place: tzinfo | None) -> None:
    if hasattr(found, "to_dict"):
        record(found.to_dict(), as_json=as_json, place=place)
    else:
        print(to_json(found) if as_json else one_line(str(found)))
