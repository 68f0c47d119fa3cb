"""Many rows: sorted by their state, sent one after the other, and recorded."""

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
from invigilate_runtime import dump

from .exits import ExitCode, Failure, code_of
from .journal import JournalLostError
from .output import note
from .plans import Plan, confirm, show_plans
from .printing import printed, show_outcomes
from .progress import progress
from .registry import base_url, client_of
from .results import ResultFile, State, lines_of, unproven
from .unknowns import UNKNOWN, advice, interrupted, read_back, settle, unreadable

if TYPE_CHECKING:
    from invigilate._clients import SyncClient

_DONE = (State.SUCCEEDED, State.CONFIRMED)
_SHOWN = 5
_MOST_LOST = 3
"""After so many lost responses or failures in a row, the rest is left for another run."""
_LONGEST_WAIT = 60.0
_MOST_WAITS = 3


class Run:
    """The rows of a run."""

    def __init__(self, plans: Sequence[Plan], path: Path, *, retry_refused: bool) -> None:
        self.plans = plans
        self.path = path
        self.operation = plans[0].call.operation
        self._retry = retry_refused
        self._again = "run the same command again to continue"

    def start(self, *, as_json: bool, dry_run: bool, yes: bool, confirmed: Sequence[str], retry: Sequence[str]) -> None:
        """Send the rows, or show them."""
        if retry:
            # Once the row is sent, its mark is outdated.
            self._again = "run the same command again, without --retry, to continue"
        operation = self.operation
        with ResultFile(
            self.path,
            operation.id,
            base_url(self.plans[0].describe),
            idempotent=operation.idempotent,
            writing=not dry_run,
        ) as results:
            results.check(self.plans)
            settle(self.plans, results, confirmed, retry)
            if dry_run:
                show_plans(self.to_send(results), as_json=as_json)
                note(self.summary(results))
                for line in [*self._waits(results), *advice(self.plans, results)]:
                    note(line)
                return
            self._send(results, as_json=as_json, yes=yes)

    def of(self, results: ResultFile, *states: State | None) -> list[Plan]:
        """Return the rows in one of these states."""
        return [item for item in self.plans if results.state(item) in states]

    def to_send(self, results: ResultFile) -> list[Plan]:
        """Return the rows that this run sends."""
        refused = [State.REFUSED] if self._retry else []
        return self.of(results, None, State.NOT_SENT, State.FAILED, State.RELEASED, *refused)

    def unknown(self, results: ResultFile) -> list[Plan]:
        """Return the rows that may have gone through."""
        return self.of(results, *UNKNOWN)

    def summary(self, results: ResultFile) -> str:
        """Count the rows by state."""
        counts = {
            "to send": len(self.to_send(results)),
            "done": len(self.of(results, *_DONE)),
            "refused": 0 if self._retry else len(self.of(results, State.REFUSED)),
            "with unknown outcome": len(self.unknown(results)),
            "held": len(self.of(results, State.HELD)),
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
        with client_of(self.plans[0].describe) as client:
            confirm(_first(waiting), f"Send {len(waiting)} {'row' if len(waiting) == 1 else 'rows'}", yes=yes)
            results.write_decisions()
            sender = Sender(client, results)
            try:
                _send_each(sender, waiting)
                columns = ("line", "outcome", *_target_names(self.plans), "message")
                code = printed(
                    lambda: show_outcomes(sender.outcomes, columns, as_json=as_json),
                    f"the results are in {self.path}, but the list of them",
                )
            except KeyboardInterrupt as error:
                unknown = self.unknown(results)
                first = error.args or ([_are_unknown(unknown)] if unknown else [])
                raise KeyboardInterrupt(*first, *self._left_behind(results)) from None
        self._end(results, sender, code)

    def _end(self, results: ResultFile, sender: Sender | None, code: ExitCode) -> None:
        """Report what is left to do, and exit with the most important outcome."""
        if sender is not None and not results.in_place:
            risky = not self.plans[0].prepared.idempotent and self.of(results, *_DONE, *UNKNOWN)
            reason = (
                f"stopped: {sender.stop}" if sender.stop else f"{self.path}: it was removed or changed during the run"
            )
            raise Failure(ExitCode.OUTCOME_UNKNOWN if risky else ExitCode.FAILED, reason, *self._left_behind(results))
        if sender is not None and sender.stop is not None:
            left = len(self.to_send(results))
            rows = f"{left} {'row is' if left == 1 else 'rows are'} left"
            note(f"stopped: {sender.stop}; {rows}{self._done(results)}; {self._again}")
        waits, problems = self._waits(results), self._problems(results)
        if waits:
            cause = None if sender is None else sender.cause
            raise Failure(ExitCode.OUTCOME_UNKNOWN, *waits, *advice(self.plans, results), *problems) from cause
        if sender is not None and sender.code is not ExitCode.OK:
            for line in problems:
                note(line)
            raise typer.Exit(sender.code)
        if problems:
            raise Failure(ExitCode.REFUSED, *problems)
        if code is not ExitCode.OK:
            raise typer.Exit(code)

    def _left_behind(self, results: ResultFile) -> Iterator[str]:
        """Return what a run that ends early has done, and whether it can continue."""
        known = f"{self.summary(results)}{self._done(results)}"
        if results.in_place:
            yield f"{known}; the results are in {self.path}; {self._again}"
            yield from advice(self.plans, results)
            return
        yield known
        unknown = self.unknown(results)
        booked = [*self.of(results, *_DONE), *unknown]
        if booked:
            name, rows = self.path.name, lines_of(booked)
            yield f"{self.path} or {name}.count is gone or changed: do not use it again; {rows} could be sent twice"
            yield from unproven(unknown or booked)

    def _done(self, results: ResultFile) -> str:
        done = self.of(results, *_DONE)
        return f"; went through: {lines_of(done)}" if done else ""

    def _waits(self, results: ResultFile) -> list[str]:
        """Return the rows that wait for a person's decision."""
        unknown, held = self.unknown(results), self.of(results, State.HELD)
        waits = [_are_unknown(unknown)] if unknown else []
        if held:
            waits.append(
                f"{lines_of(held)}: held because of what {held[0].guard.subject} shows; sent only with --retry"
            )
        return waits

    def _problems(self, results: ResultFile) -> list[str]:
        """Return the rows that failed with a known outcome."""
        problems: list[str] = []
        failed = self.of(results, State.FAILED)
        if failed:
            problems.append(
                f"{lines_of(failed)}: the server failed; the operation is idempotent, and the next run retries"
            )
        refused = self.of(results, State.REFUSED)
        if refused:
            problems.append(f"{lines_of(refused)}: refused; retried with --retry-refused")
        return problems


def _are_unknown(items: Sequence[Plan]) -> str:
    return f"{lines_of(items)}: outcome unknown; not retried without --retry"


def _first(waiting: Sequence[Plan]) -> Iterator[str]:
    yield from (f"line {item.line}: {item}" for item in waiting[:_SHOWN])
    if len(waiting) > _SHOWN:
        yield f"... and {len(waiting) - _SHOWN} more; --dry-run shows all"


def _target_names(plans: Sequence[Plan]) -> list[str]:
    """Return what distinguishes the rows beside their lines: the last argument of the path."""
    return [name for name, _ in plans[0].target[-1:] if name != "line"]


def _send_each(sender: Sender, waiting: Sequence[Plan]) -> None:
    with progress("rows") as report:
        for number, item in enumerate(waiting, 1):
            sender.send(item)
            report(number, len(waiting))
            if sender.stop is not None:
                return


class Sender:
    """Sends rows one after the other, and records each step before the next one.

    Attributes:
        outcomes: the outcome of each row, with the response to it, which only JSON has.
        stop: why no further row is sent, or `None`.
        code: the exit code of that.
        cause: an unexpected error that stopped it.
    """

    def __init__(self, client: SyncClient, results: ResultFile) -> None:
        self.outcomes: list[dict[str, Any]] = []
        self.stop: str | None = None
        self.code = ExitCode.OK
        self.cause: Exception | None = None
        self._client = client
        self._results = results
        self._lost = 0

    def send(self, item: Plan) -> None:
        """Send a row once. After a 429, wait as requested, and send it then.

        Raises:
            KeyboardInterrupt: with a message if it may have been sent.
        """
        try:
            self._send(item)
        except JournalLostError as error:
            # The next run would not know about this row, so it is not started.
            self.stop = f"line {item.line}: {error.filename}: {error.strerror}"
            self.code = ExitCode.FAILED
        except BaseException as error:
            last = self._results.last(item)
            if last is None or last.state not in UNKNOWN:
                if not isinstance(error, OSError):
                    raise  # it was not sent, or its outcome is recorded
                # The start cannot be recorded, so the row is not sent. Earlier rows must still be reported.
                self.stop = f"line {item.line}: {self._unwritten(error)}"
                self.code = ExitCode.FAILED
                return
            message = self._unwritten(error) if isinstance(error, OSError) else type(error).__name__
            # The outcome is unknown, whatever the error. If that cannot be recorded, "started" means the same.
            with suppress(OSError):
                self._results.write(item, State.UNKNOWN, message=message)
            if isinstance(error, KeyboardInterrupt):
                raise interrupted(item) from None
            if item.prepared.idempotent or not isinstance(error, Exception):
                raise
            self.cause = error
            self.stop = f"line {item.line}: {message}"
            self._outcome(item, State.UNKNOWN, message)

    def _unwritten(self, error: OSError) -> str:
        reason = error.strerror or type(error).__name__
        return f"{self._results.path} cannot be written: {reason} (correct this first)"

    def _send(self, item: Plan) -> None:
        by_word = self._results.state(item) is State.RELEASED
        for left in reversed(range(_MOST_WAITS)):
            try:
                before = item.guard.read_before(self._client, item)
            except RateLimitError as error:
                if self._waited(item, error, left):
                    continue
                return
            except APIError as error:
                self._failed(item, error, unreadable(item))
                return
            reason = None if by_word else item.guard.why_held(item, before)
            if reason is not None:
                self._put(item, State.HELD, None, reason)
                return
            self._results.write(item, State.STARTED)
            try:
                found = self._client.execute(item.call)
            except RateLimitError as error:
                if self._waited(item, error, left):
                    continue
            except OutcomeUnknownError as error:
                self._unknown(item, error, before)
            except APIError as error:
                self._failed(item, error)
            else:
                self._lost = 0
                self._put(item, State.SUCCEEDED, None)
                self.outcomes[-1]["response"] = dump(found)
            return

    def _waited(self, item: Plan, error: RateLimitError, left: int) -> bool:
        """Wait as the server requests, if it is not too long; a row that is interrupted meanwhile was not sent."""
        if left and error.retry_after is not None and error.retry_after <= _LONGEST_WAIT:
            self._results.write(item, _unless_retried(item, error, State.NOT_SENT), status_code=error.status_code)
            time.sleep(error.retry_after)
            return True
        self.stop, self.code = "the server is limiting requests", ExitCode.REFUSED
        self._put(item, _unless_retried(item, error, State.NOT_SENT), error)
        return False

    def _unknown(self, item: Plan, error: OutcomeUnknownError, before: Any) -> None:
        # Before it is read back, which takes time and can be interrupted.
        self._put(item, State.UNKNOWN, error)
        note(f"line {item.line}: {error.message}")
        found, was_interrupted = read_back(self._client, item, error, before)
        if found is not None:
            note(f"line {item.line}: {found}")
            self.outcomes[-1]["read_back"] = found
            self._results.write(item, State.UNKNOWN, status_code=error.status_code, message=str(error), read_back=found)
        self._lose(f"{_MOST_LOST} outcomes in a row are unknown")
        if was_interrupted:
            self.stop = "interrupted"

    def _failed(self, item: Plan, error: APIError, unread: str = "") -> None:
        """Record what failed: the row, or reading what it changes first, in which case nothing was sent."""
        if isinstance(error, AuthenticationError | PermissionDeniedError):
            self.stop, self.code = "the credentials were refused", code_of(error)
            self._put(item, _unless_retried(item, error, State.NOT_SENT), error, unread)
        elif isinstance(error, APIStatusError) and classify(error.status_code, sent=True) is Outcome.REFUSED:
            self._lost = 0
            self._put(item, _unless_retried(item, error, State.REFUSED), error, unread)
        elif unread:
            connected = not isinstance(error, APIConnectionError)
            self.stop = f"{item.guard.subject} could not be read" if connected else "there is no connection"
            self.code = code_of(error)
            self._put(item, State.NOT_SENT, error, unread)
        elif isinstance(error, APIStatusError):
            self._put(item, State.FAILED, error)
            if self._lose(f"the server failed {_MOST_LOST} times in a row"):
                self.code = code_of(error)
        else:
            sent = not isinstance(error, APIConnectionError) or error.sent
            self.stop = (
                "there is no connection" if isinstance(error, APIConnectionError) else "a response cannot be decoded"
            )
            self.code = code_of(error)
            self._put(item, State.FAILED if sent else State.NOT_SENT, error)

    def _lose(self, reason: str) -> bool:
        """Count a row without a usable response; stop after some in a row."""
        self._lost += 1
        if self._lost == _MOST_LOST:
            self.stop = reason
        return self._lost == _MOST_LOST

    def _put(self, item: Plan, state: State, error: APIError | None, what: str = "") -> None:
        text = what or None if error is None else what + error.message
        message = text if error is None else f"{what}{error}"
        try:
            self._results.write(item, state, status_code=None if error is None else error.status_code, message=message)
        except JournalLostError:
            self._outcome(item, state, text)  # known, although not recorded
            raise
        self._outcome(item, state, text)

    def _outcome(self, item: Plan, state: State, message: str | None) -> None:
        self.outcomes.append({"line": item.line, "outcome": state.value, **dict(item.target), "message": message})


def _unless_retried(item: Plan, error: APIError, state: State) -> State:
    """Return the state of a refused row: an earlier attempt of the same request may have had an effect."""
    return State.FAILED if item.prepared.idempotent and len(error.attempts) > 1 else state
