"""Files that are there as a whole or not at all, and a lock that ends with its process."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO


def sync_directory(path: Path) -> None:
    """Make sure that a file's new name in a folder outlives a loss of power."""
    if sys.platform == "win32":
        return  # a folder cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(file: IO[bytes]) -> None:
    """Make sure that what was written outlives a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file by way of another one in the same folder."""
    with replacing(path, path.with_name(path.name + ".tmp")) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, temporary: Path) -> Generator[IO[bytes]]:
    """A file to write that gets its name once it is complete and on the disk.

    Args:
        path: its name.
        temporary: its name until then, in the same folder. It is removed after an error.
    """
    try:
        with temporary.open("wb") as file:
            yield file
            sync_file(file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


class Lock:
    """A file that one process at a time holds. The system lets go of it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> bool:
        """Take it, without waiting; false if another one holds it."""
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may just have removed it.
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file, and let go of it."""
        if sys.platform == "win32":
            os.close(self._descriptor)  # a file that is open cannot be removed there
        with contextlib.suppress(OSError):
            self._path.unlink()
        if sys.platform != "win32":
            # Only now: one who took it before would hold a file without a name, and a third one its successor.
            os.close(self._descriptor)
