"""Calls that may have gone through and must not be repeated: what is said of them, and how they are settled."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invigilate.errors import InvalidArgumentError, OutcomeUnknownError
from invigilate.verdicts import SCHEDULE

from .exits import ExitCode, Failure, usage
from .output import note
from .plans import Plan, show_command
from .results import ResultFile, State, look_at

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

UNKNOWN = frozenset({State.STARTED, State.UNKNOWN})
OPEN = UNKNOWN | {State.HELD}
"""What only a person's word settles."""
_OPTIONS = {State.CONFIRMED: "--confirmed", State.RELEASED: "--send-again"}
_RELEASE = re.compile(r"([0-9]{1,9}):([0-9a-f]+)")


def answer(client: SmarterProctoring, item: Plan, before: Any) -> Any:
    """Send one call, and give its answer.

    Args:
        client: the client.
        item: the call.
        before: the session as it stood before, or `None`.

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
    return KeyboardInterrupt(f"{where}it may have been sent; do not send it again until you have checked{look}")


def advice(plans: Sequence[Plan], results: ResultFile) -> Iterator[str]:
    """Say what to do about rows that wait for a person's word."""
    for states in (UNKNOWN, {State.HELD}):
        items = [item for item in plans if results.state(item) in states]
        if not items:
            continue
        yield from look_at(items)
        it, marks = "it" if len(items) == 1 else "they", ",".join(_release(item, results) for item in items)
        went, not_so = f"if {it} went through", f"if {it} did not"
        if State.HELD in states:
            charges = items[0].call.operation.id == SCHEDULE
            went, not_so = "to accept as done", f"to send anyway{' (this can charge a card again)' * charges}"
        each = "" if len(items) == 1 else "; each mark can also be given on its own"
        yield f"then run it again with --confirmed {marks} {went}, or --send-again {marks} {not_so}{each}"


def settle(plans: Sequence[Plan], results: ResultFile, confirmed: Sequence[str], send_again: Sequence[str]) -> None:
    """Take what somebody has read back for what happened, in memory.

    Args:
        plans: the rows.
        results: what is known of them.
        confirmed: lines that went through.
        send_again: lines that did not, each with the mark of its unknown outcome.

    Raises:
        Failure: if one does not wait for a person's word, or a mark is not its current one.
    """
    rows = {item.line: item for item in plans}
    settled: dict[int, State] = {}
    for state, texts in ((State.CONFIRMED, confirmed), (State.RELEASED, send_again)):
        for text in ",".join(texts).split(",") if texts else ():
            match, number = _RELEASE.fullmatch(text), re.match(r"[0-9]{1,9}", text)
            line = int(number[0]) if number else 0
            item = rows.get(line)
            known = None if item is None else results.state(item)
            if match and settled.get(line, state) is not state:
                raise usage(f"line {line}: --confirmed and --send-again contradict each other")
            if match and line not in settled and known not in {*OPEN, state}:
                shown = "is not a row" if item is None else "has not been tried"
                if known is not None:
                    done = known in {State.SUCCEEDED, State.FAILED}
                    shown = known.value if done else f"was {known.value.replace('_', ' ')}"
                what = "--confirmed and --send-again are for rows that are held or whose outcome is unknown"
                raise usage(f"{what}; line {line} {shown}")
            last = None if item is None else results.last(item)
            # The same command again, before the row was sent: the mark is that of what was settled.
            mark = last and (last.settles if last.state is state else last.mark)
            if item is not None and match and match[2] == mark and line not in settled:
                settled[line] = state
                results.decide(item, state)
                continue
            if item is None or known not in {*OPEN, settled.get(line)}:
                raise usage(f"{_OPTIONS[state]} {text}: expected LINE:MARK, as printed by the run")
            raise usage(
                f"{_OPTIONS[state]} {text}: that is not the current mark of line {line}; look with: "
                f"{show_command(item.target)}; then give {_release(item, results)} to --confirmed or --send-again"
            )


def _release(item: Plan, results: ResultFile) -> str:
    last = results.last(item)
    return f"{item.line}:{last.mark if last is not None else ''}"
