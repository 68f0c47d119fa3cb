"""The folder in which an export keeps what it has read: a file for each complete window, and a record of it.

```
report.csv.checkpoint/
    state.json          what the export is about, as salted hashes, and its windows
    part-00000.jsonl    the rows of a window, as JSON Lines, in order
    part-00000.json     its record: how many rows, their CRC-32, what was odd
    lock                held by the process that works here
```

A part counts only once its rows are complete and on the disk, and its record is there. All get their names by
`os.replace`. State and records carry a checksum. That of a record also covers the windows and the name of the file, so
that it counts for no other part. A damaged part is read again; a damaged state is an error.
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
    """What is recorded of a part.

    Attributes:
        rows: rows in its file.
        left_out: rows that came and belong to another window by their own date.
        total: rows that the server said there are in what was asked for; `None` if it did not.
        size: bytes of its file.
        crc: their CRC-32.
        since: when its reading began, in milliseconds since 1970.
        warnings: what was odd while they were read.
        seen: members of nested objects, see `Seen`.
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
        """Rows that came, whether they are kept or not."""
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
    """The folder of one export, held by this process.

    Args:
        folder: where it is; made if it is not there.
        plan: what the export is about, by the names that an error shows; the values are kept as salted hashes.

    Raises:
        ExportError: if the folder is that of another export, or in use, or holds something else.
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
        # Before it is known which parts there are, it is not taken for empty, and removed. A new one has none.
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
                f"{path}: another version of this library made this checkpoint. Delete {self.folder} to start over"
            ) from None
        except (ValueError, TypeError, KeyError):
            raise ExportError(f"{path}: the file is damaged. Delete {self.folder} to start over") from None
        now = _hashed(plan, state.salt)
        changed = sorted(name for name in now.keys() | state.plan.keys() if now.get(name) != state.plan.get(name))
        if changed:
            raise ExportError(
                f"{self.folder}: this checkpoint is of another export; what differs: {', '.join(changed)}. Ask for "
                "the same, or give another checkpoint, or delete this one to start over"
            )
        return state

    def begin(self) -> None:
        """Find the parts that count, and remove what does not; a part that is not as it was recorded does not count."""
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
        """Remove all parts, and what is known of the windows and the result."""
        # The state last: until then it says that there is a result, and that the parts are those of it.
        for path in self._part_files():
            path.unlink()
        self._state = _State(self._state.salt, self._state.plan)
        self._save()

    @property
    def tag(self) -> str:
        """A text that is the same for all runs of this export, and another one for others."""
        return self._state.salt[:8]

    @property
    def bounds(self) -> list[int] | None:
        """The bounds of windows, once they are decided; in milliseconds since 1970."""
        return self._state.bounds

    @property
    def differed(self) -> bool:
        """Whether an earlier run found that the windows do not make up the report."""
        return self._state.differed

    @property
    def parts(self) -> dict[int, Part]:
        """The parts that count, by number."""
        with self._guard:
            return dict(self._parts)

    def decide(self, bounds: list[int] | None) -> None:
        """Keep what windows there are."""
        with self._guard:
            self._state.bounds = bounds
            self._save()

    def part_path(self, index: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{index:05}.jsonl"

    def open_part(self, index: int) -> IO[bytes]:
        """Open the file of a part that is to be read.

        Raises:
            ExportError: if the export was given up, and the folder may be gone, or somebody else's.
        """
        with self._guard:
            if self._closed:
                raise ExportError(f"{self.folder}: the export was given up")
            return create(self._temporary_path(index))

    def complete(self, index: int, part: Part) -> None:
        """Let a part count, whose temporary file is complete and on the disk."""
        with self._guard:
            if self._closed:
                return  # whoever reads on after the export was given up changes nothing
            os.replace(self._temporary_path(index), self.part_path(index))
            write_atomically(self._record_path(index), _seal(asdict(part), self._subject(index)))
            self._parts[index] = part

    def is_intact(self, index: int, part: Part) -> bool:
        """Whether the file of a part is still what was written. If it is not, the part counts no more."""
        if measure(self.part_path(index)) == (part.size, part.crc):
            return True
        self.forget(index)
        return False

    def forget(self, index: int) -> None:
        """Let a part count no more."""
        with self._guard:
            if not self._closed and self._parts.pop(index, None) is not None:
                self._record_path(index).unlink()

    def mark(self, *, differed: bool) -> None:
        """Keep whether the windows make up the report."""
        if self._state.differed != differed:
            with self._guard:
                self._state.differed = differed
                self._save()

    @property
    def summary(self) -> dict[str, Any]:
        """What was said of the complete result."""
        return self._state.summary

    def written(self, file: Path, summary: dict[str, Any]) -> None:
        """Keep which file is the complete result, so that it is known again under its own name, and what it is."""
        with self._guard:
            self._state.written, self._state.summary = list(measure(file)), summary
            self._save()

    def is_written(self, file: Path) -> bool:
        """Whether a file is the complete result of this export."""
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
        """What a record is about: the same number in another export, or with other windows, is another part."""
        return f"{self._state.salt} {self._state.bounds} {index}"

    def _save(self) -> None:
        write_atomically(self.folder / "state.json", _seal(asdict(self._state), ""))

    def close(self) -> None:
        """Let go of the folder. One without any part is removed."""
        if self._closed:
            return
        with self._guard:
            self._closed = True
        if self._begun and not self._parts and not self._state.written:
            self._remove()
        else:
            self._lock.close()

    def remove(self) -> None:
        """Remove what the export has put into the folder, and the folder if nothing else is in it."""
        with self._guard:
            self._closed = True
        self._remove()

    def _remove(self) -> None:
        try:
            # The state last: as long as rows are here, it is known whose they are.
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
        raise ExportError(f"{folder}: the checkpoint has to be a folder, not a file or a symbolic link")
    # Others call their files part-00000.json, too; only beside a state are they parts of an export.
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if "state.json" not in found and found - {"lock", "state.json.tmp"}:
        raise ExportError(
            f"{folder}: this folder holds other things than a checkpoint, since there is no state.json in it; use a "
            "folder of its own, or delete this one if it was a checkpoint. Nothing in it was changed"
        )


def _hashed(plan: Mapping[str, Any], salt: str) -> dict[str, str]:
    """Hashes of values, among which may be people's data; nothing of them can be read from the state."""
    key = bytes.fromhex(salt)
    return {
        name: hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()
        for name, value in plan.items()
    }


class _OtherLayoutError(ValueError):
    """A file has the layout of another version."""


def _seal(content: Mapping[str, Any], subject: str) -> bytes:
    """Write content with its checksum, which also covers what the content is about."""
    checksum = zlib.crc32(f"{subject}{json.dumps(content)}".encode())
    return json.dumps({"layout": LAYOUT, "crc32": checksum, "content": content}, indent=1).encode()


def _unseal(path: Path, subject: str) -> dict[str, Any]:
    """Read content that `_seal` has written.

    Raises:
        ValueError, TypeError, KeyError: if the file is not what was written.
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
    """The size of a file and its CRC-32."""
    size = crc = 0
    for block in blocks(path):
        size, crc = size + len(block), zlib.crc32(block, crc)
    return size, crc
