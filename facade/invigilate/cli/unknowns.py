"""Requests whose outcome is unknown and which must not be retried: how they are reported, and how they are settled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from invigilate.errors import OutcomeUnknownError

from .exits import ExitCode, Failure, usage
from .output import note
from .plans import Plan
from .results import ResultFile, State, look_at

if TYPE_CHECKING:
    from invigilate._clients import SyncClient

UNKNOWN = frozenset({State.STARTED, State.UNKNOWN})
OPEN = UNKNOWN | {State.HELD}
"""States that only a person can settle."""
_OPTIONS = {State.CONFIRMED: "--confirmed", State.RELEASED: "--retry"}
_RELEASE = re.compile(r"([0-9]{1,9}):([0-9a-f]+)")


def send(client: SyncClient, item: Plan, before: Any) -> Any:
    """Send one request, and return its result.

    Raises:
        Failure: if the outcome is unknown; this was reported before anything was read back.
        APIError: if the request failed otherwise.
    """
    try:
        return client.execute(item.call)
    except OutcomeUnknownError as error:
        note(str(error))
        found, _ = read_back(client, item, error, before)
        look = item.guard.look_at(item)
        then = f"next: do not retry it; look with: {look}" if look else "next: do not retry it before you know more"
        raise Failure(ExitCode.OUTCOME_UNKNOWN, *filter(None, [found, then])) from error


def read_back(client: SyncClient, item: Plan, error: OutcomeUnknownError, before: Any) -> tuple[str | None, bool]:
    """Read back what a request did. Whatever is read, the request is not retried.

    Args:
        client: the client.
        item: the request.
        error: what it raised.
        before: what was read before, or `None`.

    Returns:
        What is visible, in words, or `None` if nothing can be read; and whether Ctrl-C interrupted this.
    """
    try:
        found = item.guard.read_back(client.with_options(max_retries=1), error, before)
    except KeyboardInterrupt:
        return "read back: interrupted", True
    return found and f"read back: {found}", False


def unreadable(item: Plan) -> str:
    """Return the start of an error that came before anything was sent."""
    return f"nothing was sent, because {item.guard.subject} could not be read first: "


def interrupted(item: Plan) -> KeyboardInterrupt:
    """Return what Ctrl-C leaves behind if it comes after a request was started."""
    if item.prepared.idempotent:
        return KeyboardInterrupt(f"{_where(item)}it may have been sent; it is idempotent, so it can be retried")
    # For a row of a file, the advice on the row says where to look.
    look = item.guard.look_at(item) if item.line is None else None
    then = f"; look with: {look}" if look else ""
    return KeyboardInterrupt(f"{_where(item)}it may have been sent; do not retry it until you have checked{then}")


def _where(item: Plan) -> str:
    return "" if item.line is None else f"line {item.line}: "


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
            applied, otherwise = "to accept as done", f"to send anyway{items[0].guard.twice}"
        each = "" if len(items) == 1 else "; each mark can also be passed alone"
        yield f"then run the command again with --confirmed {marks} {applied}, or --retry {marks} {otherwise}{each}"


def settle(plans: Sequence[Plan], results: ResultFile, confirmed: Sequence[str], retry: Sequence[str]) -> None:
    """Accept decisions about rows, in memory."""
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
            look = item.guard.look_at(item)
            raise usage(
                f"{_OPTIONS[state]} {text}: not the current mark of line {line}; {f'look with: {look}; ' * bool(look)}"
                f"then pass {_release(item, results)} to --confirmed or --retry"
            )


def _release(item: Plan, results: ResultFile) -> str:
    last = results.last(item)
    return f"{item.line}:{last.mark if last is not None else ''}"
