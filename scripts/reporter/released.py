"""The record of a release: what a later tree is compared with.

A folder with

- `surface.json`: the version, the public Python surface, and which package each specification became;
- the specifications, as they were;
- `accepted.py`: which types callers saw, for type checkers (from `tests/typing/accepted.py`);
- `public_calls.py`: programs that use only the public surface, to be run (from `tests/released/public_calls.py`).
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import apis, surface, versions
from .changes import ReportError
from .specification import Specification, load

TYPES, CALLS = "accepted.py", "public_calls.py"
_SOURCES = {TYPES: Path("tests/typing") / TYPES, CALLS: Path("tests/released") / CALLS}
# 2: signatures record class methods, and deprecations are recorded.
# 3: enums of numbers have the number of each member, even with a description, as exit codes do.
_FORMAT = 3
_VERSION = Path("facade/invigilate/_version.py")
_EXPORTED = ("facade", "generated", "openapi", *(str(path) for path in _SOURCES.values()))


@dataclass(frozen=True)
class Released:
    """A record, read.

    Attributes:
        folder: its folder.
        version: its version.
        source: its description in reports.
        surface: the public Python surface.
        specifications: the specifications by file.
        recorded: whether it is below `tests/released/`, where a release is prepared.
    """

    folder: Path
    version: str
    source: str
    surface: surface.Surface
    specifications: dict[str, Specification]
    recorded: bool = False


def specifications(root: Path) -> dict[str, str]:
    """The package generated from each specification of a tree, by file.

    Raises:
        ReportError: if the registry of APIs cannot be read.
    """
    return {f"{api.spec}.yaml": api.package for api in apis.read(root)}


def version(root: Path) -> str:
    """Return the version of a tree.

    Raises:
        ReportError: if its `_version.py` has none.
    """
    try:
        found = re.search(r"^__version__ = [\"']([^\"']+)[\"']$", (root / _VERSION).read_text(encoding="utf-8"), re.M)
    except OSError as error:
        raise ReportError(f"{_VERSION} cannot be read: {error.strerror}") from None
    if found is None:
        raise ReportError(f"{_VERSION} has no __version__")
    return found[1]


def is_tagged(root: Path, number: str) -> bool:
    """Return whether a version is released: the tag `v<version>` exists. Without git or a repository, none is."""
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/v{number}")
    except ReportError:
        return False
    return found.returncode == 0


def record(root: Path, output: Path, sources: dict[str, Path] | None = None) -> list[str]:
    """Write the record of a tree, replacing an earlier one as a whole or not at all.

    Args:
        root: the tree.
        output: the output folder; it is created.
        sources: other files for `accepted.py` and `public_calls.py`; an omitted one is not written.

    Returns:
        The names of the files.

    Raises:
        ReportError: if the tree cannot be read, or the folder is not a record or cannot be written.
    """
    sources = {name: root / path for name, path in _SOURCES.items()} if sources is None else sources
    packages = specifications(root)
    if output.exists() and not (output / "surface.json").exists() and any(output.iterdir()):
        raise ReportError(f"{output.name} is not a record; nothing was written")
    number = version(root)
    versions.parse(number, str(_VERSION))
    public = surface.read(root)
    for file, package in packages.items():
        load(root / "openapi" / file, package)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".record-", dir=output.parent) as temporary:
            fresh, aside = Path(temporary) / "fresh", Path(temporary) / "old"
            fresh.mkdir()
            (fresh / "surface.json").write_text(_dump(public, number, packages), encoding="utf-8")
            for file in packages:
                shutil.copyfile(root / "openapi" / file, fresh / file)
            for name, path in sources.items():
                shutil.copyfile(path, fresh / name)
            names = sorted(path.name for path in fresh.iterdir())
            if output.exists():
                output.rename(aside)
            fresh.rename(output)
    except OSError as error:
        raise ReportError(f"the record cannot be written: {error}") from None
    return names


def read(folder: Path, source: str = "", *, recorded: bool = False) -> Released:
    """Read a record.

    Raises:
        ReportError: if it is incomplete, or of an unknown format.
    """
    try:
        text = (folder / "surface.json").read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{folder.name}: surface.json cannot be read: {error.strerror}") from None
    public = _load(text)
    head = json.loads(text)
    specs = {file: load(folder / file, package) for file, package in head["specifications"].items()}
    return Released(folder, head["version"], source or head["version"], public, specs, recorded)


def kept(root: Path) -> list[Path]:
    """Return the records in a tree, oldest version first."""
    folder = root / "tests" / "released"
    found = [path.parent for path in folder.glob("*/surface.json")]
    return sorted(found, key=lambda path: versions.parse(path.name, f"tests/released/{path.name}"))


@contextmanager
def base(root: Path, name: str | None) -> Iterator[Released]:
    """Find the release to compare with.

    Args:
        root: the tree.
        name: a version below `tests/released/`, a folder made by `record`, or a git revision. If it is `None`, the
            newest release; see `_newest`.

    Raises:
        ReportError: if there is none of this name.
    """
    records = {path.name: path for path in kept(root)}
    if name is None:
        if not records:
            raise ReportError("tests/released/ has no record of a release; name a git revision to compare with")
        yield read(records[_newest(root, list(records))], recorded=True)
    elif name in records:
        yield read(records[name], recorded=True)
    elif (Path(name) / "surface.json").is_file():
        yield read(Path(name))
    else:
        revision = _revision(root, name)
        if revision is None:
            there = ", ".join(records) or "none"
            raise ReportError(
                f"BASE: expected a version below tests/released/ ({there}), a folder with a record, or a git revision, "
                f"got {name!r}"
            )
        with tempfile.TemporaryDirectory(prefix="report-") as temporary:
            exported, folder = Path(temporary) / "tree", Path(temporary) / "record"
            _export(root, revision, exported)
            sources = {known: exported / path for known, path in _SOURCES.items() if (exported / path).is_file()}
            record(exported, folder, sources)
            yield read(folder, f"{version(exported)} at {name} ({revision[:9]})")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise ReportError(f"git cannot be run: {error.strerror}") from None


def _dump(public: surface.Surface, version: str, specifications: dict[str, str]) -> str:
    """Return a surface as text, one object per line, so that two can be compared by eye.

    Args:
        public: the surface.
        version: its version.
        specifications: the package generated from each specification, by file.
    """
    lines = [f"  {json.dumps(name)}: {json.dumps(record, sort_keys=True)}" for name, record in sorted(public.items())]
    head = [("format", _FORMAT), ("version", version), ("specifications", specifications)]
    top = "".join(f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)},\n" for key, value in head)
    return f'{{\n{top} "objects": {{\n' + ",\n".join(lines) + "\n }\n}\n"


def _load(text: str) -> surface.Surface:
    """Parse the output of `_dump`.

    Raises:
        ReportError: if it is not a surface, or of another format.
    """
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise ReportError(f"a surface of format {document['format']}, and this script reads {_FORMAT}")
        objects: surface.Surface = document["objects"]
        if not isinstance(document["version"], str) or not isinstance(document["specifications"], dict):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"not a surface written by this script ({type(error).__name__})") from None
    return objects


def _newest(root: Path, numbers: list[str]) -> str:
    """Return the record that `./scripts/release` compares with, too: of the newest release before the next one.

    The record of a version without a tag is that of a release in preparation. It is the last resort, as pre-releases
    are: nothing is released then, and whatever changed since it was recorded is still part of that version.
    """
    current = version(root)
    final = [number for number in numbers if not versions.parse(number, number).is_prerelease]
    now = versions.parse(current, str(_VERSION))
    before = [number for number in final if versions.parse(number, number) < now or is_tagged(root, number)]
    return [*numbers, *final, *before][-1]


def _revision(root: Path, name: str) -> str | None:
    if name.startswith("-"):
        return None
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found.stdout.decode().strip() if found.returncode == 0 else None


def _export(root: Path, revision: str, output: Path) -> None:
    listed = _git(root, "ls-tree", "-r", "--name-only", "--full-tree", revision, "--", *_EXPORTED)
    held = listed.stdout.decode().splitlines()
    wanted = [path for path in _EXPORTED if any(name == path or name.startswith(f"{path}/") for name in held)]
    archive = _git(root, "archive", "--format=tar", revision, "--", *wanted) if wanted else listed
    if archive.returncode or not wanted:
        said = archive.stderr.decode(errors="replace").strip() or "it has none of facade/, generated/ and openapi/"
        raise ReportError(f"{revision[:9]} cannot be exported: {said}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(output, filter="data")


__all__ = ["CALLS", "TYPES", "Released", "base", "is_tagged", "kept", "read", "record", "specifications", "version"]
