"""What the repository says: version, commit, tags, files, and the Pythons that are supported."""

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
    """A working tree under git.

    Attributes:
        root: its top folder.
    """

    root: Path

    def git(self, *arguments: str) -> str:
        """What a git command prints.

        Raises:
            Failed: if git fails.
        """
        return run("git", *arguments, cwd=self.root, errors_apart=True)

    def check_is_top(self) -> None:
        """Make sure that git's commits are this tree's.

        Raises:
            Refused: if the folder is not the top of a git repository with a commit.
        """
        try:
            top = Path(self.git("rev-parse", "--show-toplevel").rstrip("\n"))
            self.git("rev-parse", "--verify", "--quiet", "HEAD")
        except Failed:
            raise Refused("this is no git repository with a commit: release from a clone") from None
        if top.resolve() != self.root.resolve():
            raise Refused("this folder is not the top of its git repository: release from a clone of its own")

    @cached_property
    def project(self) -> dict[str, Any]:
        """The table `project` of pyproject.toml."""
        table: dict[str, Any] = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return table

    @property
    def version(self) -> str:
        """The version that _version.py names.

        Raises:
            Refused: if it names none, or none in the normal form of Python versions.
        """
        text = (self.root / VERSION_FILE).read_text(encoding="utf-8")
        match = _ASSIGNED.search(text)
        if match is None:
            raise Refused(f'{VERSION_FILE}: a line like __version__ = "0.1.0" was expected, and there is none')
        return checked_version(match[1], str(VERSION_FILE))

    def write_version(self, version: str) -> None:
        """Make _version.py name this version."""
        path = self.root / VERSION_FILE
        text = path.read_text(encoding="utf-8")
        replace(path, _ASSIGNED.sub(f'__version__ = "{version}"', text))

    @property
    def commit(self) -> str:
        """The commit that is checked out, in full."""
        return self.git("rev-parse", "HEAD").strip()

    @property
    def epoch(self) -> int:
        """The time of that commit, in seconds since 1970: the one time that a build may contain."""
        return int(self.git("log", "-1", "--format=%ct"))

    def changes(self) -> list[str]:
        """What differs from the commit, files that git does not know included; as `git status` has it."""
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def files(self) -> list[Path]:
        """All files but the ignored ones, relative to the root. In a clean tree they are the commit's."""
        listing = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = {Path(name) for name in listing.split("\0") if name}
        return sorted(name for name in names if (self.root / name).is_file())

    def tagged(self, version: str) -> str | None:
        """The commit that carries the tag of a version, or None if there is no such tag."""
        tag = f"refs/tags/v{version}"
        if not self.git("for-each-ref", "--format=%(refname)", tag).strip():
            return None
        return self.git("rev-parse", f"{tag}^{{commit}}").strip()

    def record_was_changed(self, version: str) -> bool:
        """Whether the record of a tagged version is another one than its tag has."""
        folder = f"{RECORDS}/{version}"
        return bool(self.git("diff", "--name-only", f"refs/tags/v{version}", "--", folder).strip())

    def version_tags_here(self) -> list[str]:
        """The tags on this commit that look like the tag of a version."""
        return [tag for tag in self.git("tag", "--points-at", "HEAD").split() if re.match(r"v\d", tag)]

    def records(self) -> list[Version]:
        """The versions that a record is kept of, lowest first."""
        folder = self.root / RECORDS
        names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted(Version(name) for name in names if re.match(r"\d", name))

    def supported_pythons(self) -> list[str]:
        """The versions of Python that the classifiers name, such as `"3.11"`."""
        pattern = re.compile(r"Programming Language :: Python :: (3\.\d+)")
        return [match[1] for text in self.project["classifiers"] if (match := pattern.fullmatch(text))]

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder to work in: ignored by git, and on the file system of the tree, so that a rename is enough."""
        build = self.root / "build"
        build.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="release-", dir=build) as folder:
            yield Path(folder)


def checked_version(text: str, where: str) -> str:
    """Give a version back if it can be released as it is written.

    Raises:
        Refused: if it is no version, is not in the normal form, or has a local part.
    """
    try:
        version = Version(text)
    except InvalidVersion:
        raise Refused(f"{where}: {text!r} is no version") from None
    if str(version) != text or version.local or len(version.release) != 3:
        raise Refused(f"{where}: a version like 0.2.0 or 0.2.0rc1 was expected, and {text!r} was given")
    return text


def replace(path: Path, text: str) -> None:
    """Write a file so that it is the old or the new one whenever the writing is interrupted."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    fresh.replace(path)
