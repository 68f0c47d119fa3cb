"""An append-only file of JSON lines that detects lost and changed lines.

Each line ends with a checksum of itself and of all lines before it. That does not detect lines missing at the end, so a
small file beside it, FILE.count, holds the number of lines and the last checksum.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from invigilate._files import lock, private, sync_folder

from .exits import usage
from .output import note

_CHECKSUM = ', "checksum": "'


class JournalLostError(OSError):
    """The file was moved, removed, replaced or changed while in use: what is written now would not be found."""


class Event(NamedTuple):
    """One line.

    Attributes:
        fields: what was written.
        checksum: of this line and all before it.
    """

    fields: dict[str, Any]
    checksum: str


class Journal:
    """The lines of a file. The file is not changed before the first line is added.

    Args:
        path: the file.
        start: the first characters of its first line, which identify such a file.
        writing: lock it for writing.

    Attributes:
        events: the intact lines before any damage.
        damage: what is wrong with the file, or `None`.

    Raises:
        Failure: if it is not a regular file, is in use, or has another format.
        OSError: if it cannot be opened.
    """

    def __init__(self, path: Path, start: str, *, writing: bool) -> None:
        self.path = path
        self.count_path = path.with_name(f"{path.name}.count")
        self.events: list[Event] = []
        self.damage: str | None = None
        self._start = start.encode()
        self._size = 0  # of the whole lines, in bytes
        self._last = b""
        self._file: FileIO | None = None
        self._count: FileIO | None = None
        self._torn = False
        try:
            record = self._read_count(writing=writing)
            # A file that is gone is not created again: it may have been moved, and be moved back.
            self._file = _open(path, writing=writing, create=writing and not record[0])
            if self._file is not None:
                if writing:
                    self._lock()
                self._read(self._file.readall(), expected=record[0] > 0)
            self._compare(*record)
            if writing and self.damage is None:
                self._make_private()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close and unlock the file."""
        for file in (self._file, self._count):
            if file is not None:
                file.close()

    @property
    def in_place(self) -> bool:
        """Whether the next process will find what this one wrote: editors replace files, people remove them."""
        assert self._file is not None
        try:
            for file, path in ((self._file, self.path), (self._count, self.count_path)):
                if file is not None and not os.path.samestat(os.fstat(file.fileno()), path.lstat()):
                    return False
            self._file.seek(self._size - len(self._last))
            return self._torn or self._file.read(len(self._last) + 1) == self._last
        except OSError:
            return False

    def append(self, fields: Mapping[str, Any]) -> Event:
        """Add a line, and wait until it is on the disk.

        Raises:
            JournalLostError: if the file is not the one that this process has read and written.
            OSError: if it cannot be written; the file is unchanged.
        """
        assert self._file is not None
        if not self.in_place:
            what = "it was moved, removed, replaced or changed by something else during the run"
            raise JournalLostError(errno.ENOENT, what, str(self.path))
        if self._count is None:
            self._count = _open(self.count_path, writing=True, create=True)
            sync_folder(self.path.absolute().parent)
        body = json.dumps(fields)[:-1]
        checksum = _next(self.events[-1].checksum if self.events else "", body)
        content = f'{body}{_CHECKSUM}{checksum}"}}\n'.encode()
        try:
            if self._torn:
                self._file.truncate(self._size)
            self._file.seek(self._size)
            _write(self._file, content)
            self._write_count(len(self.events) + 1, checksum)
        except BaseException:
            # Neither half a line stays, nor one that was reported as failed.
            self._torn = True
            with suppress(OSError):
                self._file.truncate(self._size)
                if self.events:
                    self._write_count(len(self.events), self.events[-1].checksum)
            raise
        self._torn, self._last = False, content
        self._size += len(content)
        self.events.append(Event(dict(fields), checksum))
        return self.events[-1]

    def _lock(self) -> None:
        """Lock the file, so that no second run sends the same rows."""
        assert self._file is not None
        try:
            lock(self._file.fileno())
        except OSError:
            raise usage(f"{self.path}: another run is using it") from None

    def _make_private(self) -> None:
        for file in (self._file, self._count):
            # Some file systems have no permissions.
            with suppress(OSError):
                if file is not None and os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                    os.fchmod(file.fileno(), 0o600)

    def _read(self, content: bytes, *, expected: bool) -> None:
        *lines, rest = content.split(b"\n")
        torn = self._count is not None and self._start.startswith(content)
        if content and not torn and not content.startswith(self._start):
            if not expected:
                raise usage(f"{self.path}: not a results file; name another file with --results")
            self.damage = f"the file is not the one that {self.count_path.name} was written for"
            return
        for number, line in enumerate(lines, 1):
            body, _, end = line.decode(errors="replace").rpartition(_CHECKSUM)
            checksum = _next(self.events[-1].checksum if self.events else "", body)
            if end != f'{checksum}"}}':
                self.damage = f"line {number} of the file was changed: its checksum is wrong"
                return
            self.events.append(Event(json.loads(f"{body}}}"), checksum))
            self._last = line + b"\n"
            self._size += len(self._last)
        self._torn = bool(rest)

    def _compare(self, count: int, checksum: str) -> None:
        """Compare the lines with the count. One line more may follow that was not counted yet."""
        if self.damage is not None:
            return
        if self.events and self._count is None:
            self.damage = f"{self.count_path.name} is missing, so lines may be missing at the end of the file"
        elif count > len(self.events):
            missing = count - len(self.events)
            some = f"{missing} of its {count} lines {'is' if missing == 1 else 'are'}"
            number = f"{f'all {count} of its lines are' if missing == count > 1 else some} missing"
            self.damage = number if self._file is not None else f"the file is missing; it had {count} lines"
        elif count < 0 or len(self.events) > count + 1 or (count and self.events[count - 1].checksum != checksum):
            self.damage = f"the file is not the one that {self.count_path.name} was written for"
        elif self._torn:
            # The machine went down while this was written; nothing was sent before the line was complete.
            note(f"{self.path}: the last line is incomplete, and is dropped")

    def _read_count(self, *, writing: bool) -> tuple[int, str]:
        self._count = _open(self.count_path, writing=writing, create=False)
        words = [] if self._count is None else self._count.read(256).decode(errors="replace").split()
        if not words:
            return 0, ""
        return (int(words[0]), words[1]) if len(words) == 2 and words[0].isdecimal() else (-1, "")

    def _write_count(self, count: int, checksum: str) -> None:
        # In place: it is shorter than a sector, which a disk writes as a whole.
        assert self._count is not None
        self._count.seek(0)
        _write(self._count, f"{count:>12} {checksum}\n".encode())


def _open(path: Path, *, writing: bool, create: bool) -> FileIO | None:
    """Open a regular file, unbuffered: a buffer would retry a failed write later."""
    try:
        if create:
            with suppress(FileExistsError):
                return FileIO(path, "x+b", opener=private)
        return FileIO(path, "r+b" if writing else "rb", opener=private)
    except FileNotFoundError:
        if create:
            raise
        return None
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EISDIR, errno.ENXIO, errno.ENODEV}:
            raise
        raise usage(
            f"{path}: not a regular file, so it cannot hold results (a folder, symbolic link, pipe or device); nothing "
            "was sent. Name another file with --results"
        ) from None


def _next(checksum: str, body: str) -> str:
    return hashlib.sha256(f"{checksum}{body}".encode()).hexdigest()[:32]


def _write(file: FileIO, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += file.write(content[written:])
    os.fsync(file.fileno())
