"""The checkpoint: a folder in which an export keeps the rows of complete parts until the file is written.

```
report.csv.checkpoint/
    state.json    the arguments of the export, as salted hashes, and a record of each complete part
    rows.jsonl    the rows read so far, as JSON Lines, part after part
    lock          locked by the process that uses the folder
```

A part counts only once its rows are on the disk and the state has its record. State and rows have checksums. Rows that
are damaged are read again, with all that follow them; a damaged state is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from invigilate._files import Lock, private, private_folder, sync_file, sync_folder, write_atomically

from .errors import ExportError

LAYOUT = 3
_STATE = "state.json"
_BLOCK = 1 << 20


@dataclass(slots=True)
class Record:
    """What is known of a part.

    Attributes:
        since: when reading began, in milliseconds since the epoch.
        request: the salted hash of its request.
        rows: rows of the part.
        total: rows that the server announced; `None` if it announced none.
        end: where the part ends in the file of all rows, in bytes.
        crc: CRC-32 of that file up to there.
        largest: size of the largest row, in bytes.
        warnings: signs that the rows changed while they were read.
        misfits: how many values did not fit their column, by field.
    """

    since: int
    request: str = ""
    rows: int = 0
    total: int | None = None
    end: int = 0
    crc: int = 0
    largest: int = 0
    warnings: list[str] = field(default_factory=list[str])
    misfits: dict[str, int] = field(default_factory=dict[str, int])


class Checkpoint:
    """The folder of one export, locked by this process.

    Args:
        folder: its path; created if it does not exist.
        plan: the arguments that decide the content, by the names that an error shows; stored as salted hashes.

    Attributes:
        records: those of the complete parts, in order.
        rows: the path of the file of all rows.

    Raises:
        ExportError: if the folder belongs to another export, is in use, or holds other files.
        PermissionError: if the folder or a file in it belongs to another user, or is a symbolic link.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.rows = folder, folder / "rows.jsonl"
        _refuse_strangers(folder)
        private_folder(folder)
        self._lock, self._closed = Lock(folder / "lock"), False
        try:
            if not self._lock.take():
                raise ExportError(f"{folder}: another export is using this checkpoint")
            self._salt, self._plan, self.records, self._written = self._load(plan)
        except BaseException:
            self._lock.close()
            raise

    def _load(self, plan: Mapping[str, Any]) -> tuple[str, dict[str, str], list[Record], list[int] | None]:
        path = self.folder / _STATE
        if not os.path.lexists(path):
            salt = secrets.token_hex(16)
            return salt, _hashed(plan, salt), [], None
        advice = f"Delete {self.folder} to start over"
        try:
            with open(path, "rb", opener=private) as file:
                found = json.loads(file.read())
            if found["layout"] != LAYOUT:
                raise ExportError(f"{path}: this checkpoint is from another version of the library. {advice}")
            content = found["content"]
            if _checksum(content) != found["crc32"]:
                raise ValueError
            salt, then, written = content["salt"], content["plan"], content["written"]
            records = [Record(**record) for record in content["records"]]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ExportError(f"{path}: the file is damaged. {advice}") from None
        now = _hashed(plan, salt)
        changed = sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
        if changed:
            raise ExportError(
                f"{self.folder}: this checkpoint belongs to an export with other arguments: {', '.join(changed)}. Pass "
                "the same arguments or another checkpoint, or delete this one to start over"
            )
        return salt, now, records, written

    @property
    def tag(self) -> str:
        """A string that all runs of this export share, and other exports do not."""
        return self._salt[:8]

    @contextlib.contextmanager
    def appending(self, requests: Sequence[Any]) -> Generator[Callable[[Record, Iterable[bytes]], None]]:
        """Yield a function that appends a part: it takes its record, and its lines.

        The record must be complete when the lines end; where it ends, and its checksum, are filled in. Whatever of the
        file has no record, is damaged, or is not what the requests of all parts say, is cut off first.
        """
        keys = [_hashed({"request": request}, self._salt)["request"] for request in requests]
        same = takewhile(lambda pair: pair[0].request == pair[1], zip(self.records, keys, strict=False))
        self.records = [record for record, _ in same]
        self._save()  # it marks the folder as a checkpoint
        with open(self.rows, "r+b" if os.path.lexists(self.rows) else "x+b", opener=private) as file:
            self.records = _intact(file, self.records)
            end, crc = (self.records[-1].end, self.records[-1].crc) if self.records else (0, 0)
            file.seek(end)
            file.truncate()

            def append(record: Record, lines: Iterable[bytes]) -> None:
                nonlocal end, crc
                for content in lines:
                    file.write(content)
                    end, crc = end + len(content), zlib.crc32(content, crc)
                sync_file(file)
                record.request, record.end, record.crc = keys[len(self.records)], end, crc
                self.records.append(record)
                self._save()

            yield append

    def start_over(self) -> None:
        """Forget all parts and the result."""
        self.records, self._written = [], None
        self._save()

    def set_written(self, file: Path) -> None:
        """Record the complete file, so that a later run recognizes it."""
        last = self.records[-1]
        self._written = [last.end, last.crc] if file == self.rows else _measure(file)
        self._save()

    def is_written(self, file: Path) -> bool:
        """Return whether a file is the complete result of this export."""
        with contextlib.suppress(OSError):
            return self._written is not None and _measure(file) == self._written
        return False

    def _save(self) -> None:
        records = [asdict(record) for record in self.records]
        content = {"salt": self._salt, "plan": self._plan, "records": records, "written": self._written}
        sealed = {"layout": LAYOUT, "crc32": _checksum(content), "content": content}
        write_atomically(self.folder / _STATE, json.dumps(sealed, indent=1).encode())

    def close(self) -> None:
        """Unlock the folder. One without parts is removed."""
        if not self._closed and not self.records and not self._written:
            self.remove()
        if not self._closed:
            self._closed = True
            self._lock.close()

    def remove(self) -> None:
        """Remove the files of the export, and the folder if nothing else is in it."""
        # The state last: it identifies the rows as long as there are any.
        for path in [self.rows, self.folder / f"{_STATE}.tmp", self.folder / _STATE]:
            path.unlink(missing_ok=True)
        self._closed = True
        self._lock.remove()
        with contextlib.suppress(OSError):
            self.folder.rmdir()
            sync_folder(self.folder.parent)


def _refuse_strangers(folder: Path) -> None:
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise ExportError(f"{folder}: the checkpoint must be a folder, not a file or a symbolic link")
    # Other programs also name files like these; only next to a state are they those of an export.
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if _STATE not in found and found - {"lock", f"{_STATE}.tmp"}:
        raise ExportError(
            f"{folder}: not a checkpoint: the folder has other files and no {_STATE}. Pass a new folder, or delete "
            "this one if it was a checkpoint. Nothing in it was changed"
        )


def _hashed(plan: Mapping[str, Any], salt: str) -> dict[str, str]:
    """Hash values, which may be personal data, so that the state does not reveal them."""
    key = bytes.fromhex(salt)
    return {
        name: hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()
        for name, value in plan.items()
    }


def _checksum(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _measure(path: Path) -> list[int]:
    with open(path, "rb", opener=private) as file:
        return [os.fstat(file.fileno()).st_size, _crc(file, os.fstat(file.fileno()).st_size, 0)]


def _intact(file: IO[bytes], records: Sequence[Record]) -> list[Record]:
    """Return the records up to the first one whose rows are damaged."""
    end = crc = 0
    for index, record in enumerate(records):
        end, crc = record.end, _crc(file, record.end - end, crc)
        if crc != record.crc:
            return list(records[:index])
    return list(records)


def _crc(file: IO[bytes], size: int, crc: int) -> int:
    """Return the CRC-32 of the next bytes of a file, after others with this one."""
    while block := file.read(min(size, _BLOCK)):
        size, crc = size - len(block), zlib.crc32(block, crc)
    return crc if not size else ~crc
