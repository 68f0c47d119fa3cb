"""The repository: version, commit, tags, files, and the supported Pythons."""

from __future__ import annotations

import contextlib
import re
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from .process import Failed, Refused, run

VERSION_FILE = Path("facade/invigilate/_version.py")
RECORDS = Path("tests/released")
_ASSIGNED = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Repository:
    """A working tree under git."""

    root: Path  # its top folder

    def git(self, *arguments: str) -> str:
        """Return the output of a git command.

        Raises:
            Failed: if git fails.
        """
        return run("git", *arguments, cwd=self.root, errors_apart=True)

    def check_is_top(self) -> None:
        """Check that this folder is the top of its repository.

        Raises:
            Refused: if the folder is not the top of a git repository with a commit.
        """
        try:
            top = Path(self.git("rev-parse", "--show-toplevel").rstrip("\n"))
            self.git("rev-parse", "--verify", "--quiet", "HEAD")
        except Failed:
            raise Refused("not a git repository with a commit: release from a clone") from None
        if top.resolve() != self.root.resolve():
            raise Refused("this folder is not the top of its git repository: release from a separate clone")

    @property
    def project(self) -> dict[str, Any]:
        """The table `project` of pyproject.toml."""
        return dict(self._pyproject["project"])

    @property
    def url(self) -> str:
        """The URL of the repository in pyproject.toml, the target of the links in a release."""
        return str(self._pyproject["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"])

    @cached_property
    def _pyproject(self) -> dict[str, Any]:
        return tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def version(self) -> str:
        """The version in _version.py.

        Raises:
            Refused: if it has none, or not in the normal form of Python versions.
        """
        match = _ASSIGNED.search((self.root / VERSION_FILE).read_text(encoding="utf-8"))
        if match is None:
            raise Refused(f'{VERSION_FILE}: expected a line like __version__ = "0.1.0"')
        return checked_version(match[1], str(VERSION_FILE))

    def write_version(self, version: str) -> None:
        """Write a version into _version.py."""
        path = self.root / VERSION_FILE
        replace(path, _ASSIGNED.sub(f'__version__ = "{version}"', path.read_text(encoding="utf-8")))

    @property
    def commit(self) -> str:
        """The full hash of the commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    @property
    def epoch(self) -> int:
        """The time of that commit, in seconds since 1970, the only time in a build."""
        return int(self.git("log", "-1", "--format=%ct"))

    def changes(self) -> list[str]:
        """Return the differences from the commit, including untracked files, as `git status` lists them."""
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def files(self) -> list[Path]:
        """Return all files that are not ignored, relative to the root; in a clean tree those of the commit."""
        listing = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = {Path(name) for name in listing.split("\0") if name}
        return sorted(name for name in names if (self.root / name).is_file())

    def tagged(self, version: str) -> str | None:
        """Return the commit with the tag of a version, or None if there is no such tag."""
        tag = f"refs/tags/v{version}"
        if not self.git("for-each-ref", "--format=%(refname)", tag).strip():
            return None
        return self.git("rev-parse", f"{tag}^{{commit}}").strip()

    def record_was_changed(self, version: str) -> bool:
        """Return whether the record of a tagged version differs from that in its tag."""
        folder = f"{RECORDS}/{version}"
        return bool(self.git("diff", "--name-only", f"refs/tags/v{version}", "--", folder).strip())

    def version_tags_here(self) -> list[str]:
        """Return the tags of versions on this commit."""
        return [tag for tag in self.git("tag", "--points-at", "HEAD").split() if re.match(r"v\d", tag)]

    def records(self) -> list[Version]:
        """Return the versions with a record, lowest first."""
        folder = self.root / RECORDS
        names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted(Version(name) for name in names if re.match(r"\d", name))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Create a temporary folder that git ignores, on the file system of the tree, so that files can be renamed."""
        build = self.root / "build"
        build.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="release-", dir=build) as folder:
            yield Path(folder)


def checked_version(text: str, where: str) -> str:
    """Return a version if it can be released as it is written.

    Raises:
        Refused: if it is not a version, is not in the normal form, or has a local part.
    """
    try:
        version = Version(text)
    except InvalidVersion:
        raise Refused(f"{where}: {text!r} is not a version") from None
    if str(version) != text or version.local or len(version.release) != 3:
        raise Refused(f"{where}: expected a version like 0.2.0 or 0.2.0rc1, got {text!r}")
    return text


def replace(path: Path, text: str) -> None:
    """Write a file atomically."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    fresh.replace(path)
