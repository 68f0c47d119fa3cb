"""The result file of a run: what was sent and what came of it, so that a broken run goes on and books nothing twice.

One JSON object in a line. The first names the operation; each other one is an event of a row. An event is on the disk
before what follows it is done: "started" before anything of the row is sent, its outcome before the next row is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from .exits import usage
from .output import note
from .plans import Plan, Target

_VERSION = 1


class State(Enum):
    """What the last event of a row says."""

    STARTED = "started"
    """It was about to be sent, and nothing says what came of it."""
    SUCCEEDED = "succeeded"
    """The server gave its documented success."""
    REFUSED = "refused"
    """The server refused it; nothing was changed."""
    NOT_SENT = "not_sent"
    """Nothing was changed, for a reason that has nothing to do with the row; or sending it again does no harm."""
    UNKNOWN = "unknown"
    """It may have gone through."""
    CONFIRMED = "confirmed"
    """Somebody has read back that it went through."""
    RELEASED = "released"
    """Somebody has read back that it did not go through, and lets it be sent again."""


class Last(NamedTuple):
    """The last event of a row."""

    state: State
    line: int
    digest: str
    target: Target


class ResultFile:
    """A result file, for one process at a time.

    Args:
        path: the file; it is made when the first event is written.
        operation: the operationId of the run.
        safe: whether sending a row twice does no harm.
        writing: lock it, and be ready to write.

    Raises:
        Failure: if it is of another operation, damaged, or in use.
    """

    def __init__(self, path: Path, operation: str, *, safe: bool, writing: bool) -> None:
        self.path = path
        self._operation = operation
        self._safe = safe
        self._salt = secrets.token_hex(16)
        self._last: dict[Target, Last] = {}
        self._file: BinaryIO | None = None
        self._new = True
        if writing:
            self._file = path.open("a+b")
            _lock(self._file, path)
        if path.exists():
            self._read(path.read_bytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, content: bytes) -> None:
        whole, _, torn = content.rpartition(b"\n")
        if torn and self._file is not None:
            # The machine went down while this was written. Nothing that follows an event is done before it is whole.
            note(f"{self.path}: its last line is torn, and is dropped")
            self._file.truncate(len(content) - len(torn))
        lines = whole.split(b"\n") if whole else []
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                if number == 1:
                    self._head(event)
                else:
                    self._event(event)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise usage(f"{self.path}: line {number} is no line of a result file") from None
        self._new = not lines

    def _head(self, event: Mapping[str, Any]) -> None:
        if event["invigilate_results"] != _VERSION:
            raise ValueError
        if event["operation"] != self._operation:
            raise usage(f"{self.path}: it holds results of {event['operation']}, and this is {self._operation}")
        self._salt = str(event["salt"])

    def _event(self, event: Mapping[str, Any]) -> None:
        target = tuple((str(name), str(value)) for name, value in event["target"].items())
        self._last[target] = Last(State(event["event"]), int(event["line"]), str(event["row"]), target)

    def digest(self, item: Plan) -> str:
        """Sum up what a row sends.

        Of sensitive values only 16 bits go in, with a salt: enough to see a change, too little to guess a value by
        trying.
        """
        request = item.prepared.request
        plain = json.dumps([request.method, request.target, item.body()], sort_keys=True)
        mark = hmac.new(self._salt.encode(), request.content or b"", hashlib.sha256).hexdigest()[:4]
        return f"{hashlib.sha256(plain.encode()).hexdigest()[:40]}{mark}"

    def state(self, item: Plan) -> State | None:
        """What is known of a row; `None` if it was never tried."""
        last = self._last.get(item.target)
        if last is None:
            return None
        # A row that was cut off and can be repeated without harm is one that was not sent.
        harmless = self._safe and last.state in {State.STARTED, State.UNKNOWN}
        return State.NOT_SENT if harmless else last.state

    def check(self, plans: Sequence[Plan]) -> None:
        """Check that the rows are those that the file knows.

        Raises:
            Failure: if a row that was or may have been sent was changed since, or is missing.
        """
        known = {item.target: item for item in plans}
        for last in self._last.values():
            item = known.get(last.target)
            harmless = {State.STARTED, State.UNKNOWN} if self._safe else set[State]()
            if last.state in {State.REFUSED, State.NOT_SENT, State.RELEASED, *harmless}:
                continue
            if item is None:
                raise usage(f"{self.path}: a row that was sent from line {last.line} is not among the rows any more")
            if self.digest(item) != last.digest:
                raise usage(f"{self.path}: line {item.line} was changed after it was sent; another file is another run")

    def write(self, item: Plan, state: State, **facts: Any) -> None:
        """Write an event of a row, and wait until it is on the disk."""
        assert self._file is not None
        if self._new:
            self._append({"invigilate_results": _VERSION, "operation": self._operation, "salt": self._salt})
            _sync_folder(self.path.absolute().parent)
            self._new = False
        digest = self.digest(item)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        line = item.line or 0
        event = {"event": state.value, "line": line, "at": at, "row": digest, "target": dict(item.target)}
        self._append({**event, **{name: fact for name, fact in facts.items() if fact is not None}})
        self._last[item.target] = Last(state, line, digest, item.target)

    def _append(self, event: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(event).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep a second run from sending the same rows. The lock goes with the process, however that ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0x7FFFFFFF)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise usage(f"{path}: another run is using it") from None


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
