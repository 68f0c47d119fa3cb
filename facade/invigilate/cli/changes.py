"""What changes something: shown, asked about, sent once, and written down."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invigilate.errors import APIError

from .already import UNREADABLE, mark_of, read_before, why_held
from .clients import proctoring
from .confirm import confirm
from .exits import ExitCode, Failure, code_of, usage
from .options import AsJson, Given
from .output import one_line, record, say, to_json
from .plans import Plan, plan, show_command, show_plans
from .printing import printed
from .rows import read_plans
from .runs import Run
from .unknowns import answer, ended_as_by_ctrl_c, interrupted

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

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
    bool, typer.Option("--retry-refused", help="Send rows that were refused again.", rich_help_panel=_MANY)
]
Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LINE:MARK",
        help="You have checked that this row went through, or accept it as done. The run prints the mark. Several with "
        "commas, or the option again.",
        rich_help_panel=_MANY,
    ),
]
SendAgain = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LINE:MARK",
        help="You have checked that this row did NOT go through, or want it sent anyway: send it. Several with commas; "
        "without --csv, the mark alone.",
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
        named = {"--results": results, "--retry-refused": retry_refused, "--confirmed": confirmed}
        given_names = [name for name, value in named.items() if value]
        if given_names:
            raise usage(f"{', '.join(given_names)}: needs --csv")
        _one(given, as_json=json, dry_run=dry_run, yes=yes, send_again=send_again or [])
        return
    path = results or csv.with_name(f"{csv.name}.results.jsonl")
    if path.absolute() == csv.absolute():
        raise usage("--results: that is the CSV file itself")
    if not path.absolute().parent.is_dir():
        raise usage(f"--results: there is no folder {path.parent}; nothing was sent")
    Run(read_plans(csv, given.describe, given.arguments, given.place), path, retry_refused=retry_refused).start(
        as_json=json, dry_run=dry_run, yes=yes, confirmed=confirmed or [], send_again=send_again or []
    )


def _one(given: Given, *, as_json: bool, dry_run: bool, yes: bool, send_again: list[str]) -> None:
    item = plan(given.describe, given.arguments)
    if dry_run:
        show_plans([item], as_json=as_json)
        return
    with proctoring() as client:
        confirm([str(item)], "Send it", yes=yes)
        before = _read_first(client, item, send_again)
        try:
            found = answer(client, item, before)
            code = printed(
                lambda: _show(found, as_json=as_json, place=given.place), "the change was made, but its response"
            )
        except KeyboardInterrupt as error:
            raise (error if error.args else interrupted(item)) from None
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _read_first(client: SmarterProctoring, item: Plan, send_again: list[str]) -> Any:
    """Read the session of the one call, and end here if it suggests that the call was made already."""
    try:
        before = read_before(client, item)
    except APIError as error:
        raise Failure(code_of(error), f"{UNREADABLE}{error}") from error
    reason = why_held(item, before)
    mark = None if reason is None else mark_of(item, before)
    if reason is not None and mark not in send_again:
        wrong = [f"--send-again {send_again[0]}: that is not the current mark of this change"] if send_again else []
        then = (f"next: {show_command(item.target)}", f"to send it anyway, add --send-again {mark}")
        raise Failure(ExitCode.OUTCOME_UNKNOWN, reason, *wrong, *then)
    if send_again not in ([], [mark]):
        raise usage(f"--send-again {send_again[0]}: nothing holds this change, so it needs no mark; nothing was sent")
    return before


def _show(found: Any, *, as_json: bool, place: tzinfo | None) -> None:
    if hasattr(found, "to_dict"):
        record(found.to_dict(), as_json=as_json, place=place)
    elif as_json:
        print(to_json(found))
    else:
        say(one_line(str(found)))
