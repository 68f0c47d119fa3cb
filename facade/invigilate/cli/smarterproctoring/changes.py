"""Changes: shown, confirmed, sent once, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from invigilate.cli.confirm import confirm
from invigilate.cli.exits import ExitCode, Failure, code_of, usage
from invigilate.cli.interrupts import signals_as_ctrl_c
from invigilate.cli.options import AsJson, DryRun, Passed, Yes
from invigilate.cli.output import show_result
from invigilate.cli.plans import Plan, plan, show_plans
from invigilate.cli.printing import printed
from invigilate.errors import APIError

from .clients import proctoring, show_command
from .guards import UNREADABLE, mark_of, read_before, why_held
from .rows import read_plans
from .runs import Run
from .unknowns import interrupted, send

if TYPE_CHECKING:
    from invigilate import SmarterProctoring
    from smarterproctoring_client.models import ExamSession

_MANY = "Rows of a file"

Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Rows to send: a column for each argument.", rich_help_panel=_MANY),
]
Results = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where the outcome of each row is recorded; an interrupted run continues from it. Defaults to "
        "FILE.results.jsonl beside the rows.",
        rich_help_panel=_MANY,
    ),
]
RetryRefused = Annotated[
    bool, typer.Option("--retry-refused", help="Retry rows that the server refused.", rich_help_panel=_MANY)
]
Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LINE:MARK",
        help="You checked that this row went through, or accept it as done. The run prints the mark. Repeatable, "
        "or takes several separated by commas.",
        rich_help_panel=_MANY,
    ),
]
Retry = Annotated[
    list[str] | None,
    typer.Option(
        "--retry",
        metavar="LINE:MARK",
        help="You checked that this row did NOT go through, or want it sent anyway: send it. Repeatable, or takes "
        "several separated by commas; without --csv, pass the mark alone.",
        rich_help_panel=_MANY,
    ),
]


def change(
    passed: Passed,
    json: AsJson = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    csv: Csv = None,
    results: Results = None,
    retry_refused: RetryRefused = False,
    confirmed: Confirmed = None,
    retry: Retry = None,
) -> None:
    """Send one change from options, or many from a CSV file."""
    with signals_as_ctrl_c():
        if csv is not None:
            _many(passed, csv, results, retry_refused=retry_refused).start(
                as_json=json, dry_run=dry_run, yes=yes, confirmed=confirmed or [], retry=retry or []
            )
            return
        named = {"--results": results, "--retry-refused": retry_refused, "--confirmed": confirmed}
        needless = [name for name, value in named.items() if value]
        if needless:
            raise usage(f"{', '.join(needless)}: needs --csv")
        _one(passed, as_json=json, dry_run=dry_run, yes=yes, retry=retry or [])


def _many(passed: Passed, csv: Path, results: Path | None, *, retry_refused: bool) -> Run:
    path = results or csv.with_name(f"{csv.name}.results.jsonl")
    if path.absolute() == csv.absolute():
        raise usage("--results: that is the CSV file itself")
    if not path.absolute().parent.is_dir():
        raise usage(f"--results: there is no folder {path.parent}; nothing was sent")
    return Run(read_plans(csv, passed.describe, passed.arguments, passed.place), path, retry_refused=retry_refused)


def _one(passed: Passed, *, as_json: bool, dry_run: bool, yes: bool, retry: list[str]) -> None:
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=as_json)
        return
    with proctoring() as client:
        confirm([str(item)], "Send it", yes=yes)
        before = _read_first(client, item, retry)
        try:
            found = send(client, item, before)
            code = printed(
                lambda: show_result(found, as_json=as_json, place=passed.place),
                "the change was made, but its response",
            )
        except KeyboardInterrupt as error:
            raise (error if error.args else interrupted(item)) from None
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _read_first(client: SmarterProctoring, item: Plan, retry: list[str]) -> ExamSession | None:
    """Read the session of the change, and end here if it suggests that the change was already made."""
    try:
        before = read_before(client, item)
    except APIError as error:
        raise Failure(code_of(error), f"{UNREADABLE}{error}") from error
    reason = why_held(item, before)
    mark = None if reason is None or before is None else mark_of(item, before)
    if reason is not None and mark not in retry:
        wrong = [f"--retry {retry[0]}: not the current mark of this change"] if retry else []
        then = (f"next: {show_command(item.target)}", f"to send it anyway, add --retry {mark}")
        raise Failure(ExitCode.OUTCOME_UNKNOWN, reason, *wrong, *then)
    if retry not in ([], [mark]):
        raise usage(f"--retry {retry[0]}: this change is not held, so it needs no mark; nothing was sent")
    return before
