"""Calls that may have gone through and must not be repeated: what is said of them, and how they are settled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from invigilate.errors import InvalidArgumentError, OutcomeUnknownError

from .exits import ExitCode, Failure, usage
from .output import note
from .plans import Plan, show_command
from .results import ResultFile, State

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

UNKNOWN = frozenset({State.STARTED, State.UNKNOWN})
_RELEASE = re.compile(r"([0-9]{1,9}):([0-9a-f]+)")


def answer(client: SmarterProctoring, item: Plan) -> Any:
    """Send one call, and give its answer.

    Raises:
        Failure: if its outcome is unknown; this was said before it was read back.
        APIError: if it failed otherwise.
    """
    try:
        return client.execute(item.call)
    except OutcomeUnknownError as error:
        note(str(error))
        found, _ = read_back(client, error)
        if found is None:
            raise Failure(ExitCode.OUTCOME_UNKNOWN, "next: do not send it again before you know what it did") from error
        look = f"next: do not send it again; look with: {show_command(item.target)}"
        raise Failure(ExitCode.OUTCOME_UNKNOWN, found, look) from error


def read_back(client: SmarterProctoring, error: OutcomeUnknownError) -> tuple[str | None, bool]:
    """Read back what a call did. Nothing that is read is a reason to send the call again.

    Returns:
        What is visible, in words, or `None` if the call is about no session; and whether Ctrl-C cut this off.
    """
    try:
        found = client.with_options(max_retries=1).exam_sessions.check(error)
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
    return KeyboardInterrupt(
        f"{where}it may have been sent, and must not be sent again; look with: {show_command(item.target)}"
    )


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
