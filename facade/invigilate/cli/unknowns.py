"""Calls that may have gone through and must not be repeated: what is said of them, and how they are settled."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invigilate.errors import APIConnectionError, APIError, InvalidArgumentError, OutcomeUnknownError
from invigilate.verdicts import CANCEL, RESCHEDULE, SCHEDULE

from .exits import ExitCode, Failure, code_of, usage
from .output import note
from .plans import Plan, show_command
from .results import ResultFile, State

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

UNKNOWN = frozenset({State.STARTED, State.UNKNOWN})
_OPTIONS = {State.CONFIRMED: "--confirmed", State.RELEASED: "--send-again"}
_RELEASE = re.compile(r"([0-9]{1,9}):([0-9a-f]+)")


def read_before(client: SmarterProctoring, item: Plan) -> Any:
    """Read a session before it is changed: if the reply is lost, this is what shows that values are new.

    Returns:
        The session, or `None` if the call is about none, or the server does not give it.

    Raises:
        APIConnectionError: if no answer came; the call, too, would hardly get one.
    """
    if item.call.operation.id not in {SCHEDULE, RESCHEDULE, CANCEL}:
        return None
    try:
        return client.with_options(max_retries=1).exam_sessions.get(**dict(item.target))
    except APIConnectionError:
        raise
    except APIError:
        # Whatever is wrong with the session or the credentials, the call itself will say.
        return None


def read_first(client: SmarterProctoring, item: Plan) -> Any:
    """Read a session before the one call that changes it, as `read_before` does.

    Raises:
        Failure: if no answer came.
    """
    try:
        return read_before(client, item)
    except APIConnectionError as error:
        only = "the session was only to be read; the change was not sent"
        raise Failure(code_of(error), str(error), only) from error


def answer(client: SmarterProctoring, item: Plan, before: Any) -> Any:
    """Send one call, and give its answer.

    Args:
        client: the client.
        item: the call.
        before: what `read_before` gave.

    Raises:
        Failure: if its outcome is unknown; this was said before it was read back.
        APIError: if it failed otherwise.
    """
    try:
        return client.execute(item.call)
    except OutcomeUnknownError as error:
        note(str(error))
        found, _ = read_back(client, error, before)
        if found is None:
            raise Failure(ExitCode.OUTCOME_UNKNOWN, "next: do not send it again before you know what it did") from error
        look = f"next: do not send it again; look with: {show_command(item.target)}"
        raise Failure(ExitCode.OUTCOME_UNKNOWN, found, look) from error


def read_back(client: SmarterProctoring, error: OutcomeUnknownError, before: Any) -> tuple[str | None, bool]:
    """Read back what a call did. Nothing that is read is a reason to send the call again.

    Args:
        client: the client.
        error: what the call raised.
        before: the session as it stood before the call, or `None`.

    Returns:
        What is visible, in words, or `None` if the call is about no session; and whether Ctrl-C cut this off.
    """
    try:
        found = client.with_options(max_retries=1).exam_sessions.check(error, before=before)
    except InvalidArgumentError:
        return None, False
    except KeyboardInterrupt:
        return "read back: interrupted", True
    return f"read back: {found.verdict.value}: {found.reason}", False


@contextmanager
def ended_as_by_ctrl_c() -> Generator[None]:
    """Let what else asks a program to end, such as `timeout`, be told and written down as Ctrl-C is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number: int | None = getattr(signal, name, None)
        # What is ignored, as under nohup, stays so.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupted(item: Plan) -> KeyboardInterrupt:
    """Say what Ctrl-C leaves behind when it comes after a call was begun."""
    where = "" if item.line is None else f"line {item.line}: "
    if item.prepared.safe:
        return KeyboardInterrupt(f"{where}it may have been sent; sending it again does no harm")
    # Of a row of a file, the advice on it says where to look.
    look = f"; look with: {show_command(item.target)}" if item.line is None else ""
    return KeyboardInterrupt(f"{where}it may have been sent, and must not be sent again{look}")


def advice(items: Sequence[Plan], results: ResultFile) -> Iterator[str]:
    """Say what to do about rows whose outcome is unknown."""
    for item in items:
        yield f"next, line {item.line}: {show_command(item.target)}"
        named = _release(item, results)
        yield f"then run it again with --confirmed {named} if it went through, or --send-again {named} if it did not"


def settle(plans: Sequence[Plan], results: ResultFile, confirmed: Sequence[str], send_again: Sequence[str]) -> None:
    """Take what somebody has read back for what happened, in memory.

    Args:
        plans: the rows.
        results: what is known of them.
        confirmed: lines that went through.
        send_again: lines that did not, each with the mark of its unknown outcome.

    Raises:
        Failure: if one is not unknown, or a mark is not that of what is unknown now.
    """
    rows = {item.line: item for item in plans}
    given = {State.CONFIRMED: confirmed, State.RELEASED: send_again}
    marks = {state: _marks(texts, _OPTIONS[state], rows, results) for state, texts in given.items()}
    both = sorted({*marks[State.CONFIRMED]} & {*marks[State.RELEASED]})
    if both:
        raise usage(f"line {both[0]}: --confirmed and --send-again contradict each other")
    for state, found in marks.items():
        for line, mark in found.items():
            item = _unknown(line, rows, results, state)
            last = results.last(item)
            # The same command again, before the row was sent: the mark is that of what was settled.
            if last is not None and mark != (last.settles if last.state is state else last.mark):
                raise _which(f"{line}:{mark}", _OPTIONS[state], rows, results)
            results.decide(item, state)


def _marks(texts: Sequence[str], option: str, rows: dict[int | None, Plan], results: ResultFile) -> dict[int, str]:
    found: dict[int, str] = {}
    for text in texts:
        match = _RELEASE.fullmatch(text)
        if match is None or int(match[1]) in found:
            raise _which(text, option, rows, results)
        found[int(match[1])] = match[2]
    return found


def _unknown(line: int, rows: dict[int | None, Plan], results: ResultFile, already: State) -> Plan:
    item = rows.get(line)
    state = None if item is None else results.state(item)
    if item is None or state not in {*UNKNOWN, already}:
        known = "no such row" if item is None else "never tried" if state is None else state.value
        raise usage(f"line {line}: --confirmed and --send-again are for rows whose outcome is unknown; this is {known}")
    return item


def _which(text: str, option: str, rows: dict[int | None, Plan], results: ResultFile) -> Failure:
    """The failure of a release that names no unknown outcome, or an earlier one: what to read back and to give."""
    line = re.match(r"[0-9]{1,9}", text)
    item = rows.get(int(line[0])) if line else None
    if item is None or results.state(item) not in UNKNOWN:
        return usage(f"{option} {text}: expected LINE:MARK, as the run said whose outcome is unknown")
    return usage(
        f"{option} {text}: this is not the mark of what is unknown now of line {item.line}; look with: "
        f"{show_command(item.target)}; then give {_release(item, results)} to --confirmed or --send-again"
    )


def _release(item: Plan, results: ResultFile) -> str:
    last = results.last(item)
    return f"{item.line}:{last.mark if last is not None else ''}"
