"""Private files: readable by this user only, complete or absent, and never opened through a symbolic link.

Shared by the optional parts; the core writes no files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO

# Windows has neither. Opening a pipe must not block until its other end is opened.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def private(path: str, flags: int) -> int:
    """Open a regular file that belongs to this user. Use it as `opener=` of `open`; new files get mode 0600.

    Raises:
        PermissionError: if the path is a symbolic link, is not a regular file, or belongs to another user.
    """
    try:
        descriptor = os.open(path, flags | _FLAGS, 0o600)
    except OSError:
        if flags & os.O_EXCL or not os.path.islink(path):
            raise
        raise _not_private("a regular file", path) from None
    found = os.fstat(descriptor)
    # A file just created may show another owner: network file systems map them.
    if stat.S_ISREG(found.st_mode) and (flags & os.O_EXCL or _is_mine(found)):
        return descriptor
    os.close(descriptor)
    raise _not_private("a regular file", path)


def create(path: Path) -> IO[bytes]:
    """Create a private file for writing. A file or symbolic link of its name is removed, not the target of the link."""
    path.unlink(missing_ok=True)
    return open(path, "xb", opener=private)


def private_folder(path: Path) -> None:
    """Create a folder with mode 0700, or remove the permissions of other users from an existing one.

    Raises:
        PermissionError: if the path is a symbolic link, is not a folder, or belongs to another user.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or not _is_mine(found):
        raise _not_private("a folder", str(path))
    if sys.platform != "win32" and found.st_mode & 0o077:
        # Some file systems have no permissions.
        with contextlib.suppress(OSError):
            path.chmod(0o700)


def _is_mine(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _not_private(expected: str, path: str) -> PermissionError:
    reason = f"not {expected} that belongs to this user, or a symbolic link. Remove it, or use another path"
    return PermissionError(errno.EPERM, reason, path)


def sync_folder(path: Path) -> None:
    """Make sure that a file's new name in a folder survives a power failure."""
    if sys.platform == "win32":
        return  # folders cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(file: IO[bytes]) -> None:
    """Make sure that the content of a file survives a power failure."""
    file.flush()
    os.fsync(file.fileno())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small private file through a temporary one in the same folder."""
    with replacing(path, path.with_name(path.name + ".tmp")) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, temporary: Path) -> Generator[IO[bytes]]:
    """Yield a private file for writing that is renamed to its final path once it is complete and on the disk.

    Args:
        path: the final path. A symbolic link is replaced; the file that it points to is not changed.
        temporary: the path until then, in the same folder. It is removed after an error.
    """
    try:
        with create(temporary) as file:
            yield file
            sync_file(file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def lock(descriptor: int) -> None:
    """Lock an open file without waiting. The operating system releases the lock when the process ends.

    Raises:
        OSError: if another process holds the lock.
    """
    if sys.platform == "win32":
        import msvcrt

        # Locks are mandatory there, so lock a byte beyond the content.
        os.lseek(descriptor, 0x7FFFFFFF, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A private file that one process at a time can lock. The operating system releases it when the process ends.

    Raises:
        PermissionError: if the path is a symbolic link, is not a regular file, or belongs to another user.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = private(os.fspath(path), os.O_RDWR | os.O_CREAT)

    def take(self) -> bool:
        """Take the lock without waiting; false if another process holds it."""
        try:
            lock(self._descriptor)
            # The last holder may have just removed it.
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except OSError:
            return False

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file and release the lock."""
        if sys.platform == "win32":
            os.close(self._descriptor)  # an open file cannot be removed there
        with contextlib.suppress(OSError):
            self._path.unlink()
        if sys.platform != "win32":
            # Release last: a process that locked it earlier would hold an unlinked file, and another one its successor.
            os.close(self._descriptor)
