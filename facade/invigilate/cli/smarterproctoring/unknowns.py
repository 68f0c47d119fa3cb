"""Requests whose outcome is unknown and which must not be retried: how they are reported, and how they are settled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.interrupts import maybe_sent
from invigilate.cli.output import note
from invigilate.cli.plans import Plan
from invigilate.errors import InvalidArgumentError, OutcomeUnknownError
from invigilate.smarterproctoring.verdicts import SCHEDULE

from .clients import show_command
from .results import ResultFile, State, look_at

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

UNKNOWN = frozenset({State.STARTED, State.UNKNOWN})
OPEN = UNKNOWN | {State.HELD}
"""States that only a person can settle."""
_OPTIONS = {State.CONFIRMED: "--confirmed", State.RELEASED: "--retry"}
_RELEASE = re.compile(r"([0-9]{1,9}):([0-9a-f]+)")


def send(client: SmarterProctoring, item: Plan, before: Any) -> Any:
    """Send one request, and return its result.

    Args:
        client: the client.
        item: the request.
        before: the session as it was before, or `None`.

    Raises:
        Failure: if the outcome is unknown; this was reported before the session was read back.
        APIError: if the request failed otherwise.
    """
    try:
        return client.execute(item.call)
    except OutcomeUnknownError as error:
        note(str(error))
        found, _ = read_back(client, error, before)
        if found is None:
            raise Failure(ExitCode.OUTCOME_UNKNOWN, "next: do not retry it before you know what it did") from error
        look = f"next: do not retry it; look with: {show_command(item.target)}"
        raise Failure(ExitCode.OUTCOME_UNKNOWN, found, look) from error


def read_back(client: SmarterProctoring, error: OutcomeUnknownError, before: Any) -> tuple[str | None, bool]:
    """Read back what a request did. Whatever is read, the request is not retried.

    Args:
        client: the client.
        error: what the request raised.
        before: the session as it was before the request, or `None`.

    Returns:
        What is visible, in words, or `None` if the request is not about a session; and whether Ctrl-C interrupted this.
    """
    try:
        found = client.with_options(max_retries=1).exam_sessions.check(error, before=before)
    except InvalidArgumentError:
        return None, False
    except KeyboardInterrupt:
        return "read back: interrupted", True
    return f"read back: {found.verdict.value}: {found.reason}", False


def interrupted(item: Plan) -> KeyboardInterrupt:
    """Return what Ctrl-C leaves behind if it comes after a request was started."""
    # For a row of a file, the advice on the row says where to look.
    return maybe_sent(item, f"; look with: {show_command(item.target)}" if item.line is None else "")


def advice(plans: Sequence[Plan], results: ResultFile) -> Iterator[str]:
    """Return what to do about rows that wait for a person's decision."""
    for states in (UNKNOWN, {State.HELD}):
        items = [item for item in plans if results.state(item) in states]
        if not items:
            continue
        yield from look_at(items)
        it, marks = "it" if len(items) == 1 else "they", ",".join(_release(item, results) for item in items)
        applied, otherwise = f"if {it} went through", f"if {it} did not"
        if State.HELD in states:
            charges = items[0].call.operation.id == SCHEDULE
            applied, otherwise = "to accept as done", f"to send anyway{' (this can charge a card again)' * charges}"
        each = "" if len(items) == 1 else "; each mark can also be passed alone"
        yield f"then run the command again with --confirmed {marks} {applied}, or --retry {marks} {otherwise}{each}"


def settle(plans: Sequence[Plan], results: ResultFile, confirmed: Sequence[str], retry: Sequence[str]) -> None:
    """Accept decisions about rows, in memory.

    Args:
        plans: the rows.
        results: what is known about them.
        confirmed: lines that went through, each with the mark of its unknown outcome.
        retry: lines to send, likewise.

    Raises:
        Failure: if a row does not wait for a decision, or a mark is not its current one.
    """
    rows = {item.line: item for item in plans}
    settled: dict[int, State] = {}
    for state, texts in ((State.CONFIRMED, confirmed), (State.RELEASED, retry)):
        for text in ",".join(texts).split(",") if texts else ():
            match, number = _RELEASE.fullmatch(text), re.match(r"[0-9]{1,9}", text)
            line = int(number[0]) if number else 0
            item = rows.get(line)
            known = None if item is None else results.state(item)
            if match and settled.get(line, state) is not state:
                raise usage(f"line {line}: --confirmed and --retry contradict each other")
            if match and line not in settled and known not in {*OPEN, state}:
                shown = "is not a row" if item is None else "has not been tried"
                if known is not None:
                    done = known in {State.SUCCEEDED, State.FAILED}
                    shown = known.value if done else f"was {known.value.replace('_', ' ')}"
                what = "--confirmed and --retry are for rows that are held or whose outcome is unknown"
                raise usage(f"{what}; line {line} {shown}")
            last = None if item is None else results.last(item)
            # If the same command ran before but the row was not sent, the mark is that of the settled outcome.
            mark = last and (last.settles if last.state is state else last.mark)
            if item is not None and match and match[2] == mark and line not in settled:
                settled[line] = state
                results.decide(item, state)
                continue
            if item is None or known not in {*OPEN, settled.get(line)}:
                raise usage(f"{_OPTIONS[state]} {text}: expected LINE:MARK, as printed by the run")
            raise usage(
                f"{_OPTIONS[state]} {text}: not the current mark of line {line}; look with: "
                f"{show_command(item.target)}; then pass {_release(item, results)} to --confirmed or --retry"
            )


def _release(item: Plan, results: ResultFile) -> str:
    last = results.last(item)
    return f"{item.line}:{last.mark if last is not None else ''}"
