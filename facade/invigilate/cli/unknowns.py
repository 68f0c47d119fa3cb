"""Calls that may have gone through and must not be repeated: what is said of them, and how they are settled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
        release = f"--send-again {_release(item, results)}"
        yield f"then run it again with --confirmed {item.line} if it went through, or {release} if it did not"


def settle(plans: Sequence[Plan], results: ResultFile, confirmed: Sequence[int], send_again: Sequence[str]) -> None:
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
    released: dict[int, str] = {}
    for text in send_again:
        found = _RELEASE.fullmatch(text)
        line = int(found[1]) if found else None
        if found is None or line is None or line in released:
            raise _which(text, rows, results)
        released[line] = found[2]
    both = sorted({*confirmed} & {*released})
    if both:
        raise usage(f"line {both[0]}: --confirmed and --send-again contradict each other")
    for line in confirmed:
        results.decide(_unknown(line, rows, results, State.CONFIRMED), State.CONFIRMED)
    for line, mark in released.items():
        item = _unknown(line, rows, results, State.RELEASED)
        last = results.last(item)
        # The same command again, before the row was sent: the mark is that of what was released.
        if last is not None and mark != (last.settles if last.state is State.RELEASED else last.mark):
            raise _which(f"{line}:{mark}", rows, results)
        results.decide(item, State.RELEASED)


def _unknown(line: int, rows: dict[int | None, Plan], results: ResultFile, already: State) -> Plan:
    item = rows.get(line)
    state = None if item is None else results.state(item)
    if item is None or state not in {*UNKNOWN, already}:
        known = "no such row" if item is None else "never tried" if state is None else state.value
        raise usage(f"line {line}: --confirmed and --send-again are for rows whose outcome is unknown; this is {known}")
    return item


def _which(text: str, rows: dict[int | None, Plan], results: ResultFile) -> Failure:
    """The failure of a release that names no unknown outcome, or an earlier one: what to read back and to give."""
    line = re.match(r"[0-9]{1,9}", text)
    item = rows.get(int(line[0])) if line else None
    if item is None or results.state(item) not in UNKNOWN:
        return usage(f"--send-again {text}: expected LINE:MARK, as the run said whose outcome is unknown")
    return usage(
        f"--send-again {text}: this is not the mark of what is unknown now of line {item.line}; look with: "
        f"{show_command(item.target)}; then give {_release(item, results)} if it did not go through"
    )


def _release(item: Plan, results: ResultFile) -> str:
    last = results.last(item)
    return f"{item.line}:{last.mark if last is not None else ''}"
