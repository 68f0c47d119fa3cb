"""What changes something: shown, asked about, sent once, and written down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invigilate.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    InvalidArgumentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
)

from .clients import proctoring
from .confirm import confirm
from .exits import ExitCode, Failure, code_of, usage
from .options import AsJson, Given
from .output import listing, note, one_line, record, to_json
from .plans import Plan, plan, show_command, show_plans
from .progress import progress
from .results import ResultFile, State
from .rows import read_plans

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

_SHOWN = 5
_MOST_UNKNOWN = 3
"""So many lost replies in a row, and the server is at fault: the rest is left for another run."""
_LONGEST_WAIT = 60.0
_MOST_WAITS = 3
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
    list[int] | None,
    typer.Option(
        metavar="LINE", help="You have read back that this row went through. Can be repeated.", rich_help_panel=_MANY
    ),
]
SendAgain = Annotated[
    list[int] | None,
    typer.Option(
        metavar="LINE",
        help="You have read back that this row did NOT go through: send it. Can be repeated.",
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
    if csv is None:
        if results or retry_refused or confirmed or send_again:
            raise usage("--results, --retry-refused, --confirmed, --send-again: they go with --csv")
        _one(given, as_json=json, dry_run=dry_run, yes=yes)
        return
    path = results or csv.with_name(f"{csv.name}.results.jsonl")
    if path.absolute() == csv.absolute():
        raise usage("--results: it is the file of the rows")
    _many(
        _Many(read_plans(csv, given.describe, given.arguments, given.place), path, retry_refused),
        as_json=json,
        dry_run=dry_run,
        yes=yes,
        confirmed=confirmed or [],
        send_again=send_again or [],
    )


def _one(given: Given, *, as_json: bool, dry_run: bool, yes: bool) -> None:
    item = plan(given.describe, given.arguments)
    if dry_run:
        show_plans([item], as_json=as_json)
        return
    with proctoring() as client:
        confirm([str(item)], "Send it", yes=yes)
        try:
            answer = client.execute(item.call)
        except OutcomeUnknownError as error:
            raise Failure(ExitCode.OUTCOME_UNKNOWN, str(error), *_what_is_known(client, error, item)) from error
        except KeyboardInterrupt:
            raise _interrupted(item, safe=item.prepared.safe) from None
    if hasattr(answer, "to_dict"):
        record(answer.to_dict(), as_json=as_json, hidden=hidden_members(answer))
    else:
        print(to_json(answer) if as_json else one_line(str(answer)))


def hidden_members(model: Any) -> list[str]:
    """The documented names of what is sensitive in an answer."""
    kind: Any = model.__class__
    names: frozenset[str] = kind._SENSITIVE
    known: dict[str, str] = kind(**{name: name for name in kind._NAMES}).to_dict()
    return [wire for wire, name in known.items() if name in names]


def _what_is_known(client: SmarterProctoring, error: OutcomeUnknownError, item: Plan) -> list[str]:
    """Read back, and say what to do next. Nothing that is read is a reason to send the call again."""
    lines: list[str] = []
    try:
        found = client.with_options(max_retries=1).exam_sessions.check(error)
        lines.append(f"read back: {found.verdict.value}: {found.reason}")
    except InvalidArgumentError:
        return lines  # it is about no session
    lines.append(f"next: do not send it again; look with: {show_command(item.target)}")
    return lines


def _interrupted(item: Plan, *, safe: bool) -> KeyboardInterrupt:
    where = "" if item.line is None else f"line {item.line}: "
    if safe:
        return KeyboardInterrupt(f"{where}it may have been sent; sending it again does no harm")
    return KeyboardInterrupt(
        f"{where}it may have been sent, and must not be sent again; look with: {show_command(item.target)}"
    )


class _Many:
    """The rows of a run, sorted by what is known of them."""

    def __init__(self, plans: Sequence[Plan], path: Path, retry_refused: bool) -> None:
        self.plans = plans
        self.path = path
        self.operation = plans[0].call.operation
        self._retry = retry_refused

    def open(self, *, writing: bool) -> ResultFile:
        return ResultFile(self.path, self.operation.id, safe=self.operation.repeat == "safe", writing=writing)

    def of(self, results: ResultFile, *states: State | None) -> list[Plan]:
        return [item for item in self.plans if results.state(item) in states]

    def to_send(self, results: ResultFile) -> list[Plan]:
        refused = [State.REFUSED] if self._retry else []
        return self.of(results, None, State.NOT_SENT, State.RELEASED, *refused)

    def unknown(self, results: ResultFile) -> list[Plan]:
        return self.of(results, State.STARTED, State.UNKNOWN)


def _many(
    run: _Many, *, as_json: bool, dry_run: bool, yes: bool, confirmed: Sequence[int], send_again: Sequence[int]
) -> None:
    with run.open(writing=not dry_run) as results:
        results.check(run.plans)
        if dry_run:
            show_plans(run.to_send(results), as_json=as_json)
            _summary(run, results)
            return
        for item in run.unknown(results):
            if item.line in confirmed:
                results.write(item, State.CONFIRMED)
            elif item.line in send_again:
                results.write(item, State.RELEASED)
        wrong = {*confirmed, *send_again} - {item.line for item in run.of(results, State.CONFIRMED, State.RELEASED)}
        if wrong:
            raise usage(f"line {min(wrong)}: --confirmed and --send-again are for rows whose outcome is unknown")
        _send(run, results, as_json=as_json, yes=yes)


def _summary(run: _Many, results: ResultFile) -> None:
    counts = {
        "to send": len(run.to_send(results)),
        "done": len(run.of(results, State.SUCCEEDED, State.CONFIRMED)),
        "refused": len(run.of(results, State.REFUSED)),
        "of unknown outcome": len(run.unknown(results)),
    }
    rows = f"{len(run.plans)} rows: " if len(run.plans) != 1 else "1 row: "
    note(rows + ", ".join(f"{number} {what}" for what, number in counts.items() if number))
    for item in run.unknown(results):
        look = show_command(item.target)
        note(f"line {item.line}: its outcome is unknown, and it is not sent again; look with: {look}")


def _send(run: _Many, results: ResultFile, *, as_json: bool, yes: bool) -> None:
    waiting = run.to_send(results)
    _summary(run, results)
    sender = None
    if waiting:
        with proctoring() as client:
            confirm(_first(waiting), f"Send {len(waiting)} {'row' if len(waiting) == 1 else 'rows'}", yes=yes)
            sender = _Sender(client, results)
            with progress("rows") as report:
                for number, item in enumerate(waiting, 1):
                    sender.send(item)
                    report(number, len(waiting))
                    if sender.stop is not None:
                        break
        listing(sender.outcomes, ("line", "outcome", *_target_names(run.plans), "message"), as_json=as_json)
    if sender is not None and sender.stop is not None:
        left = len(run.to_send(results))
        note(f"stopped: {sender.stop}; {left} rows are left, and the same command goes on with them")
    unknown = run.unknown(results)
    if unknown:
        lines = ", ".join(str(item.line) for item in unknown)
        raise Failure(
            ExitCode.OUTCOME_UNKNOWN,
            f"the outcome is unknown of line {lines}; no run sends them again by itself",
            *(f"next, line {item.line}: {show_command(item.target)}" for item in unknown),
            "then run it again with --confirmed LINE if it went through, or --send-again LINE if it did not",
        )
    if sender is not None and sender.code is not ExitCode.OK:
        raise typer.Exit(sender.code)
    refused = run.of(results, State.REFUSED)
    if refused:
        lines = ", ".join(str(item.line) for item in refused)
        raise Failure(ExitCode.REFUSED, f"refused: line {lines}; --retry-refused sends them once more")


def _first(waiting: Sequence[Plan]) -> Iterator[str]:
    yield from (f"line {item.line}: {item}" for item in waiting[:_SHOWN])
    if len(waiting) > _SHOWN:
        yield f"... and {len(waiting) - _SHOWN} more; --dry-run shows all"


def _target_names(plans: Sequence[Plan]) -> list[str]:
    """What tells the rows apart: the last of the path is the thing itself."""
    return [plans[0].target[-1][0]]


class _Sender:
    """Sends rows one after the other, and writes down each step before the next one.

    Attributes:
        outcomes: what came of each row.
        stop: why no further row is sent, or `None`.
        code: what this means for the exit code.
    """

    def __init__(self, client: SmarterProctoring, results: ResultFile) -> None:
        self.outcomes: list[dict[str, Any]] = []
        self.stop: str | None = None
        self.code = ExitCode.OK
        self._client = client
        self._results = results
        self._lost = 0

    def send(self, item: Plan) -> None:
        """Send a row, once. After a 429 it waits as long as it is asked to, and sends it then."""
        for left in reversed(range(_MOST_WAITS)):
            self._results.write(item, State.STARTED)
            try:
                self._client.execute(item.call)
            except RateLimitError as error:
                # Refused, and nothing was changed; a row that is cut off while it waits was not sent.
                if left and error.retry_after is not None and error.retry_after <= _LONGEST_WAIT:
                    self._results.write(item, State.NOT_SENT, status_code=error.status_code)
                    time.sleep(error.retry_after)
                    continue
                self._put(item, State.NOT_SENT, error)
                self.stop, self.code = "the server asks to wait", ExitCode.REFUSED
            except APIError as error:
                self._failed(item, error)
            except BaseException as error:
                # Whatever it was, nobody knows what became of the call.
                self._results.write(item, State.UNKNOWN, message=type(error).__name__)
                if isinstance(error, KeyboardInterrupt):
                    raise _interrupted(item, safe=item.prepared.safe) from None
                raise
            else:
                self._lost = 0
                self._put(item, State.SUCCEEDED, None)
            return

    def _failed(self, item: Plan, error: APIError) -> None:
        if isinstance(error, OutcomeUnknownError):
            known = _what_is_known(self._client, error, item)
            note(f"line {item.line}: {error}")
            for line in known[:1]:
                note(f"line {item.line}: {line}")
            self._put(item, State.UNKNOWN, error, read_back=known[0] if known else None)
            self._lost += 1
            if self._lost == _MOST_UNKNOWN:
                self.stop = f"{_MOST_UNKNOWN} outcomes in a row are unknown"
            return
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            self._put(item, State.NOT_SENT, error)
            self.stop, self.code = "the credentials are refused", code_of(error)
        elif isinstance(error, APIStatusError):
            self._lost = 0
            self._put(item, State.REFUSED, error)
        else:
            # Nothing of it was sent, or sending it again does no harm.
            self._put(item, State.NOT_SENT, error)
            self.stop = "there is no connection" if isinstance(error, APIConnectionError) else "an answer is unreadable"
            self.code = code_of(error)

    def _put(self, item: Plan, state: State, error: APIError | None, *, read_back: str | None = None) -> None:
        message = None if error is None else str(error)
        status = None if error is None else error.status_code
        self._results.write(item, state, status_code=status, message=message, read_back=read_back)
        outcome = {"line": item.line, "outcome": state.value, **dict(item.target), "message": message}
        self.outcomes.append({**outcome, "read_back": read_back} if read_back else outcome)
