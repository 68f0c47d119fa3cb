"""The result file of a run: what was sent and what came of it, so that a broken run goes on and books nothing twice.

One JSON object in a line. The first names the operation and the server; each other one is an event of a row. An event
is on the disk before what follows it is done: "started" before anything of the row is sent, its outcome before the
next row is.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self

from .exits import usage
from .output import note
from .plans import Plan, Target

_VERSION = 2
_EVENT = b'{"event": "'
_MARK_DIGITS = 6
"""So many tell apart what one row went through, and can be typed."""


class State(Enum):
    """What the last event of a row says."""

    STARTED = "started"
    """It was about to be sent, and nothing says what came of it."""
    SUCCEEDED = "succeeded"
    """The server gave its documented success."""
    REFUSED = "refused"
    """The server refused it; nothing was changed."""
    NOT_SENT = "not_sent"
    """Nothing was changed, for a reason that has nothing to do with the row."""
    FAILED = "failed"
    """The server failed, or its answer was lost; sending it again does no harm."""
    UNKNOWN = "unknown"
    """It may have gone through, and must not be sent again."""
    CONFIRMED = "confirmed"
    """Somebody has read back that it went through."""
    RELEASED = "released"
    """Somebody has read back that it did not go through, and lets it be sent again."""


class Last(NamedTuple):
    """The last event of a row.

    Attributes:
        state: what it says.
        line: where the row stood then.
        digest: what was sent, summed up.
        target: what it is about.
        mark: what names this event, and no earlier or later one.
        settles: the mark of the unknown outcome that it settles, of `CONFIRMED` and `RELEASED`.
    """

    state: State
    line: int
    digest: str
    target: Target
    mark: str
    settles: str | None


class ResultFile:
    """A result file, for one process at a time. Nothing of the file is changed before the first event is written.

    Args:
        path: the file; its head is written with the first event.
        operation: the operationId of the run.
        base_url: the server of the run.
        safe: whether sending a row twice does no harm.
        writing: lock it, and be ready to write.

    Raises:
        Failure: if it is of another operation or server, damaged, in use, or no result file.
    """

    def __init__(self, path: Path, operation: str, base_url: str, *, safe: bool, writing: bool) -> None:
        self.path = path
        self._operation = operation
        self._base_url = base_url
        self._safe = safe
        self._salt = secrets.token_hex(16)
        self._last: dict[Target, Last] = {}
        self._decided: dict[Target, tuple[Plan, State]] = {}
        self._new = True
        self._whole = 0  # bytes of lines that are whole
        self._torn = False
        self._unended = False
        # Unbuffered: what could not be written is not tried again behind our back.
        self._file = path.open("a+b", buffering=0) if writing else None
        try:
            if self._file is not None:
                _lock(self._file.fileno(), path)
            if path.exists():
                self._read(path.read_bytes())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let others use it."""
        if self._file is not None:
            self._file.close()

    def _read(self, content: bytes) -> None:
        *lines, rest = content.split(b"\n")
        self._new = not lines
        if rest and _is_json(rest):
            # Whole but for its end, which an editor may have taken away. It counts: it may be a "started".
            lines.append(rest)
            self._new, self._unended, rest = False, True, b""
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                if number == 1:
                    self._head(event)
                else:
                    self._event(event, line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise self._no_line(number) from None
        if rest:
            # The machine went down while this was written. Nothing that follows an event is done before it is whole.
            if not self._begins_a_line(rest):
                raise self._no_line(len(lines) + 1)
            self._torn = True
            if self._file is not None:
                note(f"{self.path}: its last line is torn, and is dropped")
        self._whole = len(content) - len(rest)

    def _no_line(self, number: int) -> Exception:
        return usage(f"{self.path}: line {number} is no line of a result file")

    def _begins_a_line(self, rest: bytes) -> bool:
        if not self._new:
            return rest.startswith(_EVENT) or _EVENT.startswith(rest)
        start = json.dumps(self._first_line("")).encode().removesuffix(b'"}')
        return start.startswith(rest) or (
            rest.startswith(start) and bool(re.fullmatch(rb'[0-9a-f]*"?', rest.removeprefix(start)))
        )

    def _first_line(self, salt: str) -> dict[str, Any]:
        head: dict[str, Any] = {"invigilate_results": _VERSION, "operation": self._operation}
        return {**head, "base_url": self._base_url, "salt": salt}

    def _head(self, event: Mapping[str, Any]) -> None:
        if event["invigilate_results"] == 1:
            raise usage(f"{self.path}: it is of version 1, which does not say which server it is about; expected 2")
        if event["invigilate_results"] != _VERSION:
            raise ValueError
        if event["operation"] != self._operation:
            raise usage(f"{self.path}: it holds results of {event['operation']}, and this is {self._operation}")
        if event["base_url"] != self._base_url:
            raise usage(
                f"{self.path}: it holds results of {event['base_url']}, and this is {self._base_url}; "
                "name another file with --results"
            )
        self._salt = str(event["salt"])

    def _event(self, event: Mapping[str, Any], line: bytes) -> None:
        target = tuple((str(name), str(value)) for name, value in event["target"].items())
        before = self._last.get(target)
        # Two events of the same text, of the same millisecond, have two marks.
        mark = hashlib.sha256((before.mark if before else "").encode() + line).hexdigest()[:_MARK_DIGITS]
        state, number = State(event["event"]), int(event["line"])
        self._last[target] = Last(state, number, str(event["row"]), target, mark, event.get("settles"))

    def digest(self, item: Plan) -> str:
        """Sum up what a row sends.

        Of sensitive values only 16 bits go in, with a salt: enough to see a change, too little to guess a value by
        trying.
        """
        request = item.prepared.request
        plain = json.dumps([request.method, request.target, item.body()], sort_keys=True)
        mark = hmac.new(self._salt.encode(), request.content or b"", hashlib.sha256).hexdigest()[:4]
        return f"{hashlib.sha256(plain.encode()).hexdigest()[:40]}{mark}"

    def last(self, item: Plan) -> Last | None:
        """The last event of a row that was written; `None` if it was never tried."""
        return self._last.get(item.target)

    def state(self, item: Plan) -> State | None:
        """What is known of a row, with what was decided of it; `None` if it was never tried."""
        if item.target in self._decided:
            return self._decided[item.target][1]
        last = self.last(item)
        if last is None:
            return None
        # A row that was cut off and can be repeated without harm is one to send.
        harmless = self._safe and last.state in {State.STARTED, State.UNKNOWN}
        return State.FAILED if harmless else last.state

    def check(self, plans: Sequence[Plan]) -> None:
        """Check that the rows are those that the file knows.

        Raises:
            Failure: if a row that was or may have been sent was changed since, or is missing.
        """
        known = {item.target: item for item in plans}
        changed: list[int] = []
        for last in self._last.values():
            item = known.get(last.target)
            harmless = {State.STARTED, State.UNKNOWN} if self._safe else set[State]()
            if last.state in {State.REFUSED, State.NOT_SENT, State.FAILED, State.RELEASED, *harmless}:
                continue
            if item is None:
                raise usage(f"{self.path}: a row that was sent from line {last.line} is not among the rows any more")
            if self.digest(item) != last.digest:
                changed.append(item.line or 0)
        if changed:
            first, *others = sorted(changed)
            also = f" and {len(others)} more" if others else ""
            raise usage(
                f"{self.path}: line {first}{also}: not what was sent: a value of the row or of an option was changed, "
                "or its times mean other instants, as with another --timezone. With what was given then the run goes "
                "on; a new change of what is done belongs in a file of its own"
            )

    def decide(self, item: Plan, state: State) -> None:
        """Take an unknown outcome for settled, in memory only, until `write_decisions`."""
        self._decided[item.target] = item, state

    def write_decisions(self) -> None:
        """Write down what was decided."""
        decided, self._decided = self._decided, {}
        for item, state in decided.values():
            last = self.last(item)
            if last is not None and last.state is not state:
                self.write(item, state, settles=last.mark)

    def write(self, item: Plan, state: State, **facts: Any) -> None:
        """Write an event of a row, and wait until it is on the disk.

        Raises:
            OSError: if it cannot be written; the file is as it was before.
        """
        if self._new:
            self._append(self._first_line(self._salt))
            _sync_folder(self.path.absolute().parent)
            self._new = False
        digest = self.digest(item)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        event = {"event": state.value, "line": item.line or 0, "at": at, "row": digest, "target": dict(item.target)}
        event |= {name: fact for name, fact in facts.items() if fact is not None}
        self._event(event, self._append(event))

    def _in_place(self) -> bool:
        """Whether the next run will find what is written: editors replace files, and others remove them."""
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def _append(self, event: Mapping[str, Any]) -> bytes:
        assert self._file is not None
        if not self._in_place():
            raise OSError(errno.ENOENT, "the result file was moved, removed or replaced meanwhile", str(self.path))
        line = json.dumps(event).encode()
        content = (b"\n" if self._unended else b"") + line + b"\n"
        try:
            if self._torn:
                self._file.truncate(self._whole)
            written = 0
            while written < len(content):
                written += self._file.write(content[written:])
            os.fsync(self._file.fileno())
            self._whole += len(content)
        except BaseException:
            # No half of it stays, and no event whose writer was told that it failed.
            self._torn = True
            with suppress(OSError):
                self._file.truncate(self._whole)
            raise
        self._torn = self._unended = False
        return line


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _lock(descriptor: int, path: Path) -> None:
    """Keep a second run from sending the same rows. The lock goes with the process, however that ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0x7FFFFFFF, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise usage(f"{path}: another run is using it") from None


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
