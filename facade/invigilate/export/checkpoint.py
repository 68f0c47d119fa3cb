"""The checkpoint: a folder in which an export keeps each complete window until the file is written.

```
report.csv.checkpoint/
    state.json          the arguments of the export, as salted hashes, and its windows
    part-00000.jsonl    the rows of a window, as JSON Lines, in order
    part-00000.json     its record: number of rows, CRC-32, warnings
    lock                locked by the process that uses the folder
```

A part counts only once its rows are complete and on the disk, and its record exists. All files are renamed into place
by `os.replace`. State and records carry a checksum. The checksum of a record also covers the windows and the index of
the part, so that it is valid for no other part. A damaged part is read again; a damaged state is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from invigilate._files import Lock, create, private, private_folder, sync_folder, write_atomically

from .errors import ExportError

LAYOUT = 2
_NUMBER = "[0-9]{5}|[1-9][0-9]{5,}"
_RECORD = re.compile(rf"part-({_NUMBER})\.json")
_PART = re.compile(rf"part-(?:{_NUMBER})\.(jsonl|json|json\.tmp|[0-9a-f]{{8}}\.tmp)")
_STATE = ("state.json.tmp", "state.json")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """The record of a part.

    Attributes:
        rows: rows in its file.
        left_out: received rows that belong to another window by their own date.
        total: rows that the server announced for the request; `None` if it announced none.
        size: size of its file in bytes.
        crc: CRC-32 of its file.
        since: when reading began, in milliseconds since the epoch.
        warnings: signs that the rows changed while they were read.
        seen: keys of nested objects, see `SeenKeys`.
    """

    rows: int
    left_out: int
    total: int | None
    size: int
    crc: int
    since: int
    warnings: list[str] = field(default_factory=list[str])
    seen: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])

    @property
    def received(self) -> int:
        """Received rows, whether kept or left out."""
        return self.rows + self.left_out


@dataclass(slots=True)
class _State:
    salt: str
    plan: dict[str, str]
    bounds: list[int] | None = None
    differed: bool = False
    written: list[int] | None = None
    summary: dict[str, Any] = field(default_factory=dict[str, Any])


class Checkpoint:
    """The folder of one export, locked by this process.

    Args:
        folder: its path; created if it does not exist.
        plan: the arguments that decide the content, by the names that an error shows; stored as salted hashes.

    Raises:
        ExportError: if the folder belongs to another export, is in use, or holds other files.
        PermissionError: if the folder or a file in it belongs to another user, or is a symbolic link.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder = folder
        _refuse_strangers(folder)
        private_folder(folder)
        self._lock = Lock(folder / "lock")
        self._guard = threading.Lock()
        self._closed = False
        if not self._lock.take():
            self._lock.close()
            raise ExportError(f"{folder}: another export is using this checkpoint")
        # Until the parts are known, the folder must not be taken for empty and removed. A new one has no parts.
        self._begun = not os.path.lexists(folder / "state.json")
        try:
            self._state = self._load(plan)
        except BaseException:
            self._lock.close()
            raise
        self._token = secrets.token_hex(4)
        self._parts: dict[int, Part] = {}

    def _load(self, plan: Mapping[str, Any]) -> _State:
        path = self.folder / "state.json"
        if not os.path.lexists(path):
            salt = secrets.token_hex(16)
            return _State(salt, _hashed(plan, salt))
        try:
            state = _State(**_unseal(path, ""))
        except _OtherLayoutError:
            raise ExportError(
                f"{path}: this checkpoint is from another version of the library. Delete {self.folder} to start over"
            ) from None
        except (ValueError, TypeError, KeyError):
            raise ExportError(f"{path}: the file is damaged. Delete {self.folder} to start over") from None
        now = _hashed(plan, state.salt)
        changed = sorted(name for name in now.keys() | state.plan.keys() if now.get(name) != state.plan.get(name))
        if changed:
            raise ExportError(
                f"{self.folder}: this checkpoint belongs to an export with other arguments: {', '.join(changed)}. Pass "
                "the same arguments or another checkpoint, or delete this one to start over"
            )
        return state

    def begin(self) -> None:
        """Find the parts that match their records, and remove all others."""
        kept: set[Path] = set()
        for path in self._part_files():
            if (named := _RECORD.fullmatch(path.name)) is None:
                continue
            index = int(named[1])
            try:
                part = Part(**_unseal(path, self._subject(index)))
                if measure(self.part_path(index)) == (part.size, part.crc):
                    self._parts[index] = part
                    kept |= {path, self.part_path(index)}
            except (ValueError, TypeError, KeyError, FileNotFoundError):
                continue
        self._begun = True
        for path in self._part_files():
            if path not in kept:
                path.unlink()

    def start_over(self) -> None:
        """Remove all parts, the windows and the result."""
        # The state last: until then it marks the remaining parts as those of the old result.
        for path in self._part_files():
            path.unlink()
        self._state = _State(self._state.salt, self._state.plan)
        self._save()

    @property
    def tag(self) -> str:
        """A string that all runs of this export share, and other exports do not."""
        return self._state.salt[:8]

    @property
    def bounds(self) -> list[int] | None:
        """The bounds of the windows, once they are decided, in milliseconds since the epoch."""
        return self._state.bounds

    @property
    def differed(self) -> bool:
        """Whether an earlier run found that the windows do not add up to the report."""
        return self._state.differed

    @property
    def parts(self) -> dict[int, Part]:
        """The complete parts, by index."""
        with self._guard:
            return dict(self._parts)

    def set_bounds(self, bounds: list[int] | None) -> None:
        """Store the bounds of the windows."""
        with self._guard:
            self._state.bounds = bounds
            self._save()

    def part_path(self, index: int) -> Path:
        """Return the path of the file of a part."""
        return self.folder / f"part-{index:05}.jsonl"

    def open_part(self, index: int) -> IO[bytes]:
        """Create the temporary file of a part.

        Raises:
            ExportError: if the export was stopped; the folder may be removed, or used by another export.
        """
        with self._guard:
            if self._closed:
                raise ExportError(f"{self.folder}: the export was stopped")
            return create(self._temporary_path(index))

    def complete(self, index: int, part: Part) -> None:
        """Record a part whose temporary file is complete and on the disk."""
        with self._guard:
            if self._closed:
                return  # a thread that outlives a stopped export must change nothing
            os.replace(self._temporary_path(index), self.part_path(index))
            write_atomically(self._record_path(index), _seal(asdict(part), self._subject(index)))
            self._parts[index] = part

    def is_intact(self, index: int, part: Part) -> bool:
        """Return whether the file of a part is unchanged. If it is not, the part is discarded."""
        if measure(self.part_path(index)) == (part.size, part.crc):
            return True
        self.discard(index)
        return False

    def discard(self, index: int) -> None:
        """Discard a part, so that it is read again."""
        with self._guard:
            if not self._closed and self._parts.pop(index, None) is not None:
                self._record_path(index).unlink()

    def set_differed(self, differed: bool) -> None:
        """Store whether the windows differ from the report."""
        if self._state.differed != differed:
            with self._guard:
                self._state.differed = differed
                self._save()

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of the result."""
        return self._state.summary

    def set_written(self, file: Path, summary: dict[str, Any]) -> None:
        """Store the size and checksum of the complete file, so that a later run recognizes it, and its summary."""
        with self._guard:
            self._state.written, self._state.summary = list(measure(file)), summary
            self._save()

    def is_written(self, file: Path) -> bool:
        """Return whether a file is the complete result of this export."""
        with contextlib.suppress(OSError):
            return self._state.written is not None and list(measure(file)) == self._state.written
        return False

    def _part_files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _PART.fullmatch(path.name)]

    def _temporary_path(self, index: int) -> Path:
        return self.folder / f"part-{index:05}.{self._token}.tmp"

    def _record_path(self, index: int) -> Path:
        return self.folder / f"part-{index:05}.json"

    def _subject(self, index: int) -> str:
        """Identify a part: the same index in another export, or with other windows, is another part."""
        return f"{self._state.salt} {self._state.bounds} {index}"

    def _save(self) -> None:
        write_atomically(self.folder / "state.json", _seal(asdict(self._state), ""))

    def close(self) -> None:
        """Unlock the folder. One without parts is removed."""
        if self._closed:
            return
        with self._guard:
            self._closed = True
        if self._begun and not self._parts and not self._state.written:
            self._remove()
        else:
            self._lock.close()

    def remove(self) -> None:
        """Remove the files of the export, and the folder if nothing else is in it."""
        with self._guard:
            self._closed = True
        self._remove()

    def _remove(self) -> None:
        try:
            # The state last: it identifies the rows as long as there are any.
            for path in self._part_files():
                path.unlink()
            for name in _STATE:
                (self.folder / name).unlink(missing_ok=True)
        except BaseException:
            self._lock.close()
            raise
        self._lock.remove()
        with contextlib.suppress(OSError):
            self.folder.rmdir()
            sync_folder(self.folder.parent)


def _refuse_strangers(folder: Path) -> None:
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise ExportError(f"{folder}: the checkpoint must be a folder, not a file or a symbolic link")
    # Other programs also name files part-00000.json; only next to a state are they parts of an export.
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if "state.json" not in found and found - {"lock", "state.json.tmp"}:
        raise ExportError(
            f"{folder}: not a checkpoint: the folder has other files and no state.json. Pass a new folder, or "
            "delete this one if it was a checkpoint. Nothing in it was changed"
        )


def _hashed(plan: Mapping[str, Any], salt: str) -> dict[str, str]:
    """Hash values, which may be personal data, so that the state does not reveal them."""
    key = bytes.fromhex(salt)
    return {
        name: hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()
        for name, value in plan.items()
    }


class _OtherLayoutError(ValueError):
    """The layout of a file is that of another version."""


def _seal(content: Mapping[str, Any], subject: str) -> bytes:
    """Encode content with a checksum, which also covers its subject."""
    checksum = zlib.crc32(f"{subject}{json.dumps(content)}".encode())
    return json.dumps({"layout": LAYOUT, "crc32": checksum, "content": content}, indent=1).encode()


def _unseal(path: Path, subject: str) -> dict[str, Any]:
    """Read content that `_seal` encoded.

    Raises:
        ValueError, TypeError, KeyError: if the file is damaged.
    """
    with open(path, "rb", opener=private) as file:
        found = json.loads(file.read())
    if found["layout"] != LAYOUT:
        raise _OtherLayoutError
    content: dict[str, Any] = found["content"]
    if zlib.crc32(f"{subject}{json.dumps(content)}".encode()) != found["crc32"]:
        raise ValueError("the checksum differs")
    return content


def blocks(path: Path) -> Iterator[bytes]:
    """Read a private file block by block."""
    with open(path, "rb", opener=private) as file:
        while block := file.read(_BLOCK):
            yield block


def measure(path: Path) -> tuple[int, int]:
    """Return the size of a file and its CRC-32."""
    size = crc = 0
    for block in blocks(path):
        size, crc = size + len(block), zlib.crc32(block, crc)
    return size, crc
