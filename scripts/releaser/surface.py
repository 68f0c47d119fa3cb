"""What the report of changes says of a version: whether it may be released as what it is called."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from .process import Failed, Refused, outside, python, run
from .repository import RECORDS, Repository

CHANGES_SHOWN = 10


@dataclass(frozen=True)
class Report:
    """The report of scripts/reporter, as far as a release needs it.

    Attributes:
        base: the version compared with.
        next: the lowest version that the changes may be released as; `base` itself if nothing changed.
        breaking: the changes that break callers, a line each.
        changelog: the proposed content of the changelog's section.
    """

    base: str
    next: str
    breaking: tuple[str, ...]
    changelog: str


def base_of(version: str, records: Sequence[Version]) -> str | None:
    """The release that a version is compared with: the newest recorded one below it, or None for the first release.

    The record of the version itself is made while it is prepared, and is no base. Nor is that of a pre-release, with
    which nobody is promised anything: the version after it would have to be counted from it.
    """
    lower = [record for record in records if record < Version(version) and not record.is_prerelease]
    return str(max(lower)) if lower else None


def check_record(repository: Repository, version: str) -> None:
    """Make sure that a release is compared with what was released, and not with what was recorded anew since.

    Raises:
        Refused: if the record of a tagged version is not what its tag has.
    """
    if repository.tagged(version) is not None and repository.record_was_changed(version):
        raise Refused(
            f"{RECORDS}/{version} is not what v{version} has, and {version} is released: "
            f"git restore --source v{version} {RECORDS}/{version}"
        )


def problem(version: str, report: Report) -> str | None:
    """Why the surface may not be released as this version, or None if it may."""
    # A candidate may come before its version: what 0.2.0 may contain, 0.2.0rc1 may.
    released = Version(version)
    if max(released, Version(released.base_version)) >= Version(report.next):
        return None
    lines = [f"{version} cannot follow {report.base}: these changes need {report.next} or later"]
    lines += [f"  breaks callers: {change}" for change in report.breaking[:CHANGES_SHOWN]]
    if len(report.breaking) > CHANGES_SHOWN:
        lines.append(f"  and {len(report.breaking) - CHANGES_SHOWN} more: ./scripts/regenerate --report")
    return "\n".join(lines)


def compare(repository: Repository, base: str) -> Report:
    """Compare this tree with a recorded release.

    Raises:
        Failed: if the report could not be made, or is not what was agreed on.
    """
    printed = _reporter(repository, "report", base, "--format", "json")
    try:
        data: dict[str, Any] = json.loads(printed)
        if data.get("unimportable"):
            raise Failed(f"the facade cannot be imported: {data['unimportable']}")
        breaking = tuple(
            f"{change['area']} {change['name']} {change['kind']}: {change['reason']}"
            for change in data["changes"]
            if change["breaking"]
        )
        if data["base"] != base or bool(data["breaking"]) != bool(breaking):
            raise ValueError("it contradicts itself or answers another question")
        return Report(base, str(Version(data["next"])), breaking, str(data["changelog"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Failed(f"the report of changes since {base} cannot be read: {error!r}") from None


def record(repository: Repository, version: str, folder: Path) -> None:
    """Keep what is public in this tree in a folder, for later releases to be compared with.

    Raises:
        Failed: if it cannot be kept.
    """
    _reporter(repository, "record", "--version", version, "--output", str(folder))


def record_problem(repository: Repository, version: str) -> str | None:
    """Why the kept record of a version is not this tree's, or None if it is."""
    kept = repository.root / RECORDS / version
    if not kept.is_dir():
        return f"{RECORDS}/{version} is missing: later releases would have nothing to be compared with"
    with tempfile.TemporaryDirectory(prefix="invigilate-record-") as scratch:
        fresh = Path(scratch) / version
        record(repository, version, fresh)
        different = sorted(
            name.as_posix()
            for name in _names(kept) | _names(fresh)
            if not ((kept / name).is_file() and (fresh / name).is_file())
            or (kept / name).read_bytes() != (fresh / name).read_bytes()
        )
    return f"{RECORDS}/{version} is not the record of this tree: {', '.join(different[:5])}" if different else None


def _names(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def _reporter(repository: Repository, *arguments: str) -> str:
    environment = outside(PYTHONPATH=str(repository.root / "scripts"))
    command = python("-m", "reporter", *arguments)
    return run(*command, cwd=repository.root, environment=environment, errors_apart=True)
