"""Many rows: sorted by what is known of them, sent one after the other, and written down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from invigilate._policy import Outcome, classify
from invigilate.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    AuthenticationError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
)

from .clients import proctoring
from .confirm import confirm
from .exits import ExitCode, Failure, code_of
from .output import note
from .plans import Plan, base_url, show_plans
from .printing import printed, said, show_outcomes
from .progress import progress
from .results import ResultFile, State
from .unknowns import UNKNOWN, advice, interrupted, read_back, read_before, settle

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

_SHOWN = 5
_MOST_LOST = 3
"""So many lost replies or failures in a row, and the server is at fault: the rest is left for another run."""
_LONGEST_WAIT = 60.0
_MOST_WAITS = 3


class Run:
    """The rows of a run.

    Args:
        plans: the rows, at least one.
        path: the result file.
        retry_refused: send rows that were refused once more.
    """

    def __init__(self, plans: Sequence[Plan], path: Path, *, retry_refused: bool) -> None:
        self.plans = plans
        self.path = path
        self.operation = plans[0].call.operation
        self._retry = retry_refused
        self._again = "the same command"

    def start(
        self, *, as_json: bool, dry_run: bool, yes: bool, confirmed: Sequence[str], send_again: Sequence[str]
    ) -> None:
        """Send what is to be sent, or show it.

        Args:
            as_json: print JSON.
            dry_run: print what would be sent, and change nothing.
            yes: do not ask.
            confirmed: lines that were read back to have gone through.
            send_again: lines that were read back not to have, each with the mark of its unknown outcome.

        Raises:
            Failure: with the exit code that says what came of it.
        """
        if send_again:
            # Once the row is sent, its mark is that of the past.
            self._again += " without --send-again"
        safe = self.operation.repeat == "safe"
        with ResultFile(self.path, self.operation.id, base_url(), safe=safe, writing=not dry_run) as results:
            results.check(self.plans)
            settle(self.plans, results, confirmed, send_again)
            if dry_run:
                show_plans(self.to_send(results), as_json=as_json)
                note(self.summary(results))
                unknown = self.unknown(results)
                if unknown:
                    note(_are_unknown(unknown))
                for line in advice(unknown, results):
                    note(line)
                return
            self._send(results, as_json=as_json, yes=yes)

    def of(self, results: ResultFile, *states: State | None) -> list[Plan]:
        """The rows in one of these states."""
        return [item for item in self.plans if results.state(item) in states]

    def to_send(self, results: ResultFile) -> list[Plan]:
        """The rows that this run sends."""
        refused = [State.REFUSED] if self._retry else []
        return self.of(results, None, State.NOT_SENT, State.FAILED, State.RELEASED, *refused)

    def unknown(self, results: ResultFile) -> list[Plan]:
        """The rows that may have gone through."""
        return self.of(results, *UNKNOWN)

    def summary(self, results: ResultFile) -> str:
        """Count what is known of the rows."""
        counts = {
            "to send": len(self.to_send(results)),
            "done": len(self.of(results, State.SUCCEEDED, State.CONFIRMED)),
            "refused": len(self.of(results, State.REFUSED)),
            "of unknown outcome": len(self.unknown(results)),
        }
        rows = f"{len(self.plans)} rows: " if len(self.plans) != 1 else "1 row: "
        return rows + ", ".join(f"{number} {what}" for what, number in counts.items() if number)

    def _send(self, results: ResultFile, *, as_json: bool, yes: bool) -> None:
        waiting = self.to_send(results)
        note(self.summary(results))
        if not waiting:
            results.write_decisions()
            self._end(results, None, ExitCode.OK)
            return
        with proctoring() as client:
            confirm(_first(waiting), f"Send {len(waiting)} {'row' if len(waiting) == 1 else 'rows'}", yes=yes)
            results.write_decisions()
            sender = Sender(client, results)
            try:
                _send_each(sender, waiting)
                columns = ("line", "outcome", *_target_names(self.plans), "message")
                code = printed(
                    lambda: show_outcomes(sender.outcomes, columns, as_json=as_json),
                    f"what came of the rows is in {self.path}, but the list of it",
                )
            except KeyboardInterrupt as error:
                unknown = self.unknown(results)
                note(f"{self.summary(results)}; what came of each is in {self.path}, and {self._again} goes on")
                for line in advice(unknown, results):
                    note(line)
                if unknown and not error.args:
                    raise KeyboardInterrupt(_are_unknown(unknown)) from None
                raise
        self._end(results, sender, code)

    def _end(self, results: ResultFile, sender: Sender | None, code: ExitCode) -> None:
        """Say what is left to do, and exit with what matters most of all that happened."""
        if sender is not None and sender.stop is not None:
            left = len(self.to_send(results))
            note(f"stopped: {sender.stop}; {left} {'row is' if left == 1 else 'rows are'} left; {self._again} goes on")
        unknown, problems = self.unknown(results), self._problems(results)
        if unknown:
            cause = None if sender is None else sender.cause
            said_first = _are_unknown(unknown)
            raise Failure(ExitCode.OUTCOME_UNKNOWN, said_first, *advice(unknown, results), *problems) from cause
        if sender is not None and sender.code is not ExitCode.OK:
            for line in problems:
                note(line)
            raise typer.Exit(sender.code)
        if problems:
            raise Failure(ExitCode.REFUSED, *problems)
        if code is not ExitCode.OK:
            raise typer.Exit(code)

    def _problems(self, results: ResultFile) -> list[str]:
        """Name the rows that are not done although it is known what came of them."""
        problems: list[str] = []
        failed = self.of(results, State.FAILED)
        if failed:
            problems.append(
                f"the server failed: {_lines(failed)}; sending it again does no harm, and the next run does"
            )
        refused = self.of(results, State.REFUSED)
        if refused:
            problems.append(f"refused: {_lines(refused)}; --retry-refused sends them once more")
        return problems


def _lines(items: Sequence[Plan]) -> str:
    return "line " + ", ".join(str(item.line) for item in items)


def _are_unknown(items: Sequence[Plan]) -> str:
    return f"the outcome is unknown of {_lines(items)}; no run sends them again by itself"


def _first(waiting: Sequence[Plan]) -> Iterator[str]:
    yield from (f"line {item.line}: {item}" for item in waiting[:_SHOWN])
    if len(waiting) > _SHOWN:
        yield f"... and {len(waiting) - _SHOWN} more; --dry-run shows all"


def _target_names(plans: Sequence[Plan]) -> list[str]:
    """What tells the rows apart: the last of the path is the thing itself."""
    return [plans[0].target[-1][0]]


def _send_each(sender: Sender, waiting: Sequence[Plan]) -> None:
    with progress("rows") as report:
        for number, item in enumerate(waiting, 1):
            sender.send(item)
            report(number, len(waiting))
            if sender.stop is not None:
                return


class Sender:
    """Sends rows one after the other, and writes down each step before the next one.

    Attributes:
        outcomes: what came of each row.
        stop: why no further row is sent, or `None`.
        code: what this means for the exit code.
        cause: what it was, if it should not have happened.
    """

    def __init__(self, client: SmarterProctoring, results: ResultFile) -> None:
        self.outcomes: list[dict[str, Any]] = []
        self.stop: str | None = None
        self.code = ExitCode.OK
        self.cause: Exception | None = None
        self._client = client
        self._results = results
        self._lost = 0

    def send(self, item: Plan) -> None:
        """Send a row, once. After a 429 it waits as long as it is asked to, and sends it then.

        Raises:
            KeyboardInterrupt: with a text if it may have been sent.
        """
        try:
            self._send(item)
        except BaseException as error:
            last = self._results.last(item)
            if last is None or last.state not in UNKNOWN:
                if not isinstance(error, OSError):
                    raise  # it was not sent, or what came of it is written down
                # That it is sent cannot be written down, so it is not sent. Earlier rows have to be told all the same.
                self.stop = f"line {item.line}: {self._results.path}: {error.strerror or type(error).__name__}"
                self.code = ExitCode.FAILED
                return
            # Whatever it was, nobody knows what became of the call. If that cannot be written, "started" says the same.
            with suppress(OSError):
                self._results.write(item, State.UNKNOWN, message=type(error).__name__)
            if isinstance(error, KeyboardInterrupt):
                raise interrupted(item) from None
            if item.prepared.safe or not isinstance(error, Exception):
                raise
            self.cause = error
            self.stop = f"line {item.line}: {getattr(error, 'strerror', None) or type(error).__name__}"
            self._outcome(item, State.UNKNOWN, type(error).__name__)

    def _send(self, item: Plan) -> None:
        for left in reversed(range(_MOST_WAITS)):
            try:
                before = read_before(self._client, item)
            except APIConnectionError as error:
                self._put(item, State.NOT_SENT, error, "the session could not be read before: ")
                self.stop, self.code = "there is no connection", code_of(error)
                return
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
            except OutcomeUnknownError as error:
                self._unknown(item, error, before)
            except APIError as error:
                self._failed(item, error)
            else:
                self._lost = 0
                self._put(item, State.SUCCEEDED, None)
            return

    def _unknown(self, item: Plan, error: OutcomeUnknownError, before: Any) -> None:
        # Before it is read back, which takes time and can be cut off.
        self._put(item, State.UNKNOWN, error)
        note(f"line {item.line}: {said(error)}")
        found, cut_off = read_back(self._client, error, before)
        if found is not None:
            note(f"line {item.line}: {found}")
            self.outcomes[-1]["read_back"] = found
            self._results.write(item, State.UNKNOWN, status_code=error.status_code, message=str(error), read_back=found)
        self._lose(f"{_MOST_LOST} outcomes in a row are unknown")
        if cut_off:
            self.stop = "interrupted"

    def _failed(self, item: Plan, error: APIError) -> None:
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            self._put(item, State.NOT_SENT, error)
            self.stop, self.code = "the credentials are refused", code_of(error)
        elif isinstance(error, APIStatusError):
            if classify(error.status_code, sent=True) is Outcome.REFUSED:
                self._lost = 0
                self._put(item, State.REFUSED, error)
                return
            self._put(item, State.FAILED, error)
            if self._lose(f"the server failed {_MOST_LOST} times in a row"):
                self.code = code_of(error)
        else:
            sent = not isinstance(error, APIConnectionError) or error.sent
            self._put(item, State.FAILED if sent else State.NOT_SENT, error)
            self.stop = "there is no connection" if isinstance(error, APIConnectionError) else "an answer is unreadable"
            self.code = code_of(error)

    def _lose(self, reason: str) -> bool:
        """Count a row of which no answer says what came; stop after some in a row."""
        self._lost += 1
        if self._lost == _MOST_LOST:
            self.stop = reason
        return self._lost == _MOST_LOST

    def _put(self, item: Plan, state: State, error: APIError | None, what: str = "") -> None:
        message = None if error is None else f"{what}{error}"
        self._results.write(item, state, status_code=None if error is None else error.status_code, message=message)
        self._outcome(item, state, None if error is None else what + said(error))

    def _outcome(self, item: Plan, state: State, message: str | None) -> None:
        self.outcomes.append({"line": item.line, "outcome": state.value, **dict(item.target), "message": message})
