"""The results file of a run: what was sent, and its outcome. An interrupted run continues from it.

One JSON object per line. The first names the operation and the server; each other one is an event of a row. An event is
on the disk before the next step: "started" before anything of the row is sent, its outcome before the next row.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

from .exits import ExitCode, Failure, usage
from .journal import Event, Journal, JournalLostError
from .plans import Plan, Target

_VERSION = 3
_MARK_DIGITS = 6
"""Enough to distinguish the events of one row, and short enough to type."""
_SHOWN = 5


class State(Enum):
    """What the last event of a row says."""

    STARTED = "started"
    """It was about to be sent; no outcome is recorded."""
    SUCCEEDED = "succeeded"
    """The server returned its documented success."""
    REFUSED = "refused"
    """The server refused it; nothing was changed."""
    NOT_SENT = "not_sent"
    """Nothing was changed, for a reason unrelated to the row."""
    FAILED = "failed"
    """The server failed, or its response was lost; the operation is idempotent, so it can be retried."""
    UNKNOWN = "unknown"
    """It may have gone through, and must not be retried."""
    HELD = "held"
    """It was not sent: what was read first suggests that the change was already made, perhaps by an earlier run."""
    CONFIRMED = "confirmed"
    """A person checked that it went through."""
    RELEASED = "released"
    """A person checked that it did not go through, and wants it sent."""


_NOTHING_CHANGED = {State.REFUSED, State.NOT_SENT, State.HELD}


class Last(NamedTuple):
    """The last event of a row.

    Attributes:
        state: what it says.
        line: the line of the row at that time.
        digest: a hash of what was sent.
        target: what it changes.
        mark: identifies this event, and no earlier or later one.
        settles: the mark of the unknown outcome that `CONFIRMED` or `RELEASED` settles.
    """

    state: State
    line: int
    digest: str
    target: Target
    mark: str
    settles: str | None


class ResultFile:
    """A results file, for one process at a time. Nothing of the file is changed before the first event is written.

    Raises:
        Failure: if it is of another operation or server, in use, or not a results file.
    """

    def __init__(self, path: Path, operation: str, base_url: str, *, idempotent: bool, writing: bool) -> None:
        self.path = path
        self._idempotent = idempotent
        self._last: dict[Target, Last] = {}
        self._decided: dict[Target, tuple[Plan, State]] = {}
        self._head = {"invigilate_results": _VERSION, "operation": operation, "base_url": base_url}
        start = json.dumps({"invigilate_results": _VERSION})[:-1]
        self._journal = Journal(path, f"{start}, ", writing=writing)
        try:
            head = self._journal.events[0].fields if self._journal.events else self._head
            for name, what in (("operation", ""), ("base_url", "; name another file with --results")):
                if head[name] != self._head[name]:
                    raise usage(f"{path}: holds results of {head[name]}, not of {self._head[name]}{what}")
        except BaseException:
            self.close()
            raise
        self._salt = str(head.get("salt") or secrets.token_hex(16))
        for event in self._journal.events[1:]:
            self._event(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close and unlock the file."""
        self._journal.close()

    @property
    def in_place(self) -> bool:
        """Whether the next run will find what this one wrote."""
        return self._journal.in_place

    def _event(self, event: Event) -> None:
        fields, mark = event.fields, event.checksum[:_MARK_DIGITS]
        target = tuple((str(name), str(value)) for name, value in fields["target"].items())
        last = Last(State(fields["event"]), fields["line"], fields["row"], target, mark, fields.get("settles"))
        self._last[target] = last

    def digest(self, item: Plan) -> str:
        """Return a hash of what a row sends.

        Only 16 bits, with a salt, come from sensitive values: enough to notice a change, too few to guess a value.
        """
        request = item.prepared.request
        plain = json.dumps([request.method, request.target, item.body()], sort_keys=True)
        whole = f"{sorted(request.headers.items())}".encode() + (request.content or b"")
        mark = hmac.new(self._salt.encode(), whole, hashlib.sha256).hexdigest()[:4]
        return f"{hashlib.sha256(plain.encode()).hexdigest()[:40]}{mark}"

    def last(self, item: Plan) -> Last | None:
        """Return the last recorded event of a row; `None` if it was never tried."""
        return self._last.get(item.target)

    def state(self, item: Plan) -> State | None:
        """Return the state of a row, decisions included; `None` if it was never tried."""
        if item.target in self._decided:
            return self._decided[item.target][1]
        last = self.last(item)
        if last is None:
            return None
        # An interrupted row of an idempotent operation is sent again.
        again = self._idempotent and last.state in {State.STARTED, State.UNKNOWN}
        return State.FAILED if again else last.state

    def check(self, plans: Sequence[Plan]) -> None:
        """Check that the rows are those that the file has results of.

        Raises:
            Failure: if the file is damaged, or a row that was or may have been sent is missing or changed.
        """
        if self._journal.damage is not None:
            done = {State.SUCCEEDED, State.CONFIRMED}
            doubt = [item for item in plans if self.state(item) not in done]
            problem = f"{self._journal.damage}; nothing is sent, because {lines_of(doubt)} may have been sent before"
            raise Failure(ExitCode.USAGE, f"{self.path}: {problem}", *unproven(doubt))
        known = {item.target: item for item in plans}
        changed: list[int] = []
        for last in self._last.values():
            item = known.get(last.target)
            again = {State.STARTED, State.UNKNOWN} if self._idempotent else set[State]()
            if last.state in {*_NOTHING_CHANGED, State.FAILED, State.RELEASED, *again}:
                continue
            if item is None:
                raise usage(f"{self.path}: line {last.line} was sent, and is no longer in the CSV file. Restore it")
            if self.digest(item) != last.digest:
                changed.append(item.line or 0)
        if changed:
            first, *others = sorted(changed)
            also = f" and {len(others)} more" if others else ""
            raise usage(
                f"{self.path}: line {first}{also}: not what was sent: a value of the row or of an option was changed, "
                "or its times are other instants, as with another --timezone. Restore the original values to continue, "
                "and put new changes into another file"
            )

    def decide(self, item: Plan, state: State) -> None:
        """Settle a row, in memory only until `write_decisions`."""
        self._decided[item.target] = item, state

    def write_decisions(self) -> None:
        """Record the decisions."""
        decided, self._decided = self._decided, {}
        for item, state in decided.values():
            last = self.last(item)
            if last is not None and last.state is not state:
                self.write(item, state, settles=last.mark)

    def write(self, item: Plan, state: State, **facts: Any) -> None:
        """Record an event of a row, and wait until it is on the disk.

        Raises:
            JournalLostError: if the file is gone. An outcome is then known only to this process.
            OSError: if it cannot be written; the file is unchanged.
        """
        if not self._journal.events:
            self._journal.append({**self._head, "salt": self._salt})
        digest = self.digest(item)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        event = {"event": state.value, "line": item.line or 0, "at": at, "row": digest, "target": dict(item.target)}
        event |= {name: fact for name, fact in facts.items() if fact is not None}
        try:
            self._event(self._journal.append(event))
        except JournalLostError:
            if state is not State.STARTED:
                self._event(Event(event, ""))
            raise


def lines_of(items: Sequence[Plan]) -> str:
    """Return the lines of rows: `line 2`, `lines 2, 5-9`."""
    numbers = sorted(item.line or 0 for item in items)
    starts = [number for before, number in pairwise([-1, *numbers]) if number != before + 1]
    ends = [number for number, after in pairwise([*numbers, -1]) if after != number + 1]
    spans = (str(a) if a == b else f"{a}, {b}" if a + 1 == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
    return f"{'line' if len(items) == 1 else 'lines'} {', '.join(spans)}"


def look_at(items: Sequence[Plan]) -> Iterator[str]:
    """Return how to check what rows did, one by one for the first of them."""
    for item in items[:_SHOWN]:
        yield f"next, line {item.line}: {item.guard.look_at(item) or f'check what this did: {item}'}"
    if len(items) > _SHOWN:
        yield f"next: look at {lines_of(items[_SHOWN:])} in the same way"


def unproven(items: Sequence[Plan]) -> Iterator[str]:
    """Return what to do about rows that may have been sent, if no results file has their outcome."""
    if not items or items[0].prepared.idempotent:
        yield "next: these rows can be retried, so run the command again with a new file: --results FILE"
        return
    yield from look_at(items)
    yield "then restore the file, or run the command again with a new one: --results FILE"
    yield items[0].guard.renewed
