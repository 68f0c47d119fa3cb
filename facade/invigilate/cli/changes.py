"""Changes: shown, confirmed, sent once, and recorded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invigilate.errors import APIError

from .checks import unchanged
from .exits import ExitCode, Failure, code_of, usage
from .fields import is_sensitive, option_name
from .options import AsJson, DryRun, Passed, Yes
from .output import show_result
from .plans import Plan, confirm, plan, show_plans
from .printing import printed
from .registry import client_of
from .rows import read_plans
from .runs import Run
from .unknowns import interrupted, send, unreadable

if TYPE_CHECKING:
    from invigilate._clients import SyncClient

_MANY = "Rows of a file"

Rows = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", help="A CSV file of rows to send: a column for each argument.", rich_help_panel=_MANY
    ),
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
        "several separated by commas; without --from, pass the mark alone.",
        rich_help_panel=_MANY,
    ),
]


@contextmanager
def signals_as_ctrl_c() -> Generator[None]:
    """Handle SIGTERM and SIGHUP, as sent by `timeout`, like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number: int | None = getattr(signal, name, None)
        # Ignored signals, as under nohup, stay ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def change(
    passed: Passed,
    json: AsJson = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    rows: Rows = None,
    results: Results = None,
    retry_refused: RetryRefused = False,
    confirmed: Confirmed = None,
    retry: Retry = None,
) -> None:
    """Send one change from options, or many from a CSV file."""
    with signals_as_ctrl_c():
        if rows is not None:
            _many(passed, rows, results, retry_refused=retry_refused).start(
                as_json=json, dry_run=dry_run, yes=yes, confirmed=confirmed or [], retry=retry or []
            )
            return
        named = {"--results": results, "--retry-refused": retry_refused, "--confirmed": confirmed}
        needless = [name for name, value in named.items() if value]
        if needless:
            raise usage(f"{', '.join(needless)}: needs --from")
        missing = unchanged(passed.describe, passed.arguments)
        if missing:
            options = [option_name(field.name) for field in missing if not is_sensitive(field)]
            secret = " or a --secret" if any(map(is_sensitive, missing)) else ""
            raise usage(f"nothing to change: pass one of {', '.join(options)}{secret}")
        _one(passed, as_json=json, dry_run=dry_run, yes=yes, retry=retry or [])


def _many(passed: Passed, rows: Path, results: Path | None, *, retry_refused: bool) -> Run:
    path = results or rows.with_name(f"{rows.name}.results.jsonl")
    if path.absolute() == rows.absolute():
        raise usage("--results: that is the CSV file itself")
    if not path.absolute().parent.is_dir():
        raise usage(f"--results: there is no folder {path.parent}; nothing was sent")
    return Run(read_plans(rows, passed.describe, passed.arguments, passed.place), path, retry_refused=retry_refused)


def _one(passed: Passed, *, as_json: bool, dry_run: bool, yes: bool, retry: list[str]) -> None:
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=as_json)
        return
    with client_of(item.describe) as client:
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


def _read_first(client: SyncClient, item: Plan, retry: list[str]) -> Any:
    """Read what the change is about, and end here if it suggests that the change was already made."""
    try:
        before = item.guard.read_before(client, item)
    except APIError as error:
        raise Failure(code_of(error), f"{unreadable(item)}{error}") from error
    reason = item.guard.why_held(item, before)
    mark = None if reason is None else item.guard.mark_of(item, before)
    if reason is not None and mark not in retry:
        wrong = [f"--retry {retry[0]}: not the current mark of this change"] if retry else []
        then = (f"next: {item.guard.look_at(item)}", f"to send it anyway, add --retry {mark}")
        raise Failure(ExitCode.OUTCOME_UNKNOWN, reason, *wrong, *then)
    if retry not in ([], [mark]):
        raise usage(f"--retry {retry[0]}: this change is not held, so it needs no mark; nothing was sent")
    return before
