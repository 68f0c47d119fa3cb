"""dist/release.json: the files that were built, their commit and tools, for the job that uploads them."""

from __future__ import annotations

import hashlib
import json
import platform
import zlib
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .process import Refused

NAME = "release.json"
TOOLS = ("build", "hatchling", "twine", "cyclonedx-bom")


@dataclass(frozen=True)
class File:
    """A built file.

    Attributes:
        name: its name.
        kind: `"sdist"`, `"wheel"` or `"sbom"`.
        size: its size in bytes.
        sha256: its SHA-256 in hexadecimal digits.
    """

    name: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """The result of a build.

    Attributes:
        name: the name of the package.
        version: its version.
        commit: the commit that was built.
        source_date_epoch: the time of that commit, in seconds since 1970.
        base: the release that the surface was compared with, or None for the first one.
        files: the files that were built.
        installed_on: the Pythons that the wheel was tested on.
        not_tried_on: the supported Pythons that it was not tested on.
        provenance: what the generated packages were generated from.
        built_with: the versions of the tools that determine the bytes.
        open: what prevents an upload of this build; empty except after a dry run.
        format: the format of this record.
    """

    name: str
    version: str
    commit: str
    source_date_epoch: int
    base: str | None
    files: tuple[File, ...]
    installed_on: tuple[str, ...]
    not_tried_on: tuple[str, ...]
    provenance: dict[str, Any]
    built_with: dict[str, str] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    format: int = 1

    def distributions(self, folder: Path) -> list[Path]:
        """Return the files to upload, the sdist first."""
        return [folder / file.name for kind in ("sdist", "wheel") for file in self.files if file.kind == kind]

    def text(self) -> str:
        """Return the record as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def describe(path: Path, kind: str) -> File:
    """Describe a built file."""
    return File(path.name, kind, path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tools() -> dict[str, str]:
    """Return the versions of the build tools."""
    # zlib determines every compressed byte.
    zlib_version = getattr(zlib, "ZLIBNG_VERSION", zlib.ZLIB_RUNTIME_VERSION)
    return {"python": platform.python_version(), "zlib": zlib_version, **{name: version(name) for name in TOOLS}}


def read(folder: Path) -> Record:
    """Read the record in a folder, and verify the files in it.

    Raises:
        Refused: if there is no record, it cannot be read, or a file is missing or changed.
    """
    path = folder / NAME
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") != 1:
            raise ValueError("unknown format")
        for key in ("installed_on", "not_tried_on", "open"):
            data[key] = tuple(data[key])
        record = Record(**{**data, "files": tuple(File(**file) for file in data["files"])})
    except FileNotFoundError:
        raise Refused(f"{folder.name}/{NAME} is missing: nothing was built, or the build did not finish") from None
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{folder.name}/{NAME} cannot be read: {error}") from None
    stem = f"{record.name}-{record.version}"
    expected = {"sbom": f"{stem}.cdx.json", "sdist": f"{stem}.tar.gz", "wheel": f"{stem}-py3-none-any.whl"}
    if {file.kind: file.name for file in record.files} != expected or len(record.files) != len(expected):
        raise Refused(f"{folder.name}/{NAME} does not name one sdist, one wheel and one bill of materials of {stem}")
    for file in record.files:
        built = folder / file.name
        if not built.is_file():
            raise Refused(f"{folder.name}/{file.name} is missing")
        if digest(built) != file.sha256:
            raise Refused(f"{folder.name}/{file.name} is not the file that was built: its hash differs")
    return record
