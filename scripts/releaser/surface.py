"""Compares the public surface with earlier releases, to check the version."""

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
    """The parts of a report of scripts/reporter that a release needs.

    Attributes:
        base: the version compared with.
        next: the lowest version for the changes; `base` itself if nothing changed.
        breaking: the changes that break callers, one line each.
        changelog: the proposed section of the changelog.
    """

    base: str
    next: str
    breaking: tuple[str, ...]
    changelog: str


def base_of(version: str, records: Sequence[Version]) -> str | None:
    """Return the release that a version is compared with: the newest recorded one below it, or None for the first.

    Pre-releases do not count, since they promise nothing, nor does the record of the version itself.
    """
    lower = [record for record in records if record < Version(version) and not record.is_prerelease]
    return str(max(lower)) if lower else None


def check_record(repository: Repository, version: str) -> None:
    """Check that a record is that of the release, and was not changed since.

    Raises:
        Refused: if the record of a tagged version differs from that in its tag.
    """
    if repository.tagged(version) is not None and repository.record_was_changed(version):
        raise Refused(
            f"{RECORDS}/{version} differs from that in v{version}, which is released: "
            f"git restore --source v{version} {RECORDS}/{version}"
        )


def problem(version: str, report: Report) -> str | None:
    """Return why the surface cannot be released as this version, or None if it can."""
    # A release candidate may contain what its final version may: 0.2.0rc1 like 0.2.0.
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
        Failed: if the report could not be created, or has another form.
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
            raise ValueError("it is inconsistent, or for another base")
        return Report(base, str(Version(data["next"])), breaking, str(data["changelog"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Failed(f"the report of changes since {base} cannot be read: {error!r}") from None


def record(repository: Repository, version: str, folder: Path) -> None:
    """Record the public surface of this tree in a folder, for comparison with later releases.

    Raises:
        Failed: if it cannot be recorded.
    """
    _reporter(repository, "record", "--version", version, "--output", str(folder))


def record_problem(repository: Repository, version: str) -> str | None:
    """Return why the record of a version does not match this tree, or None if it does."""
    recorded = repository.root / RECORDS / version
    if not recorded.is_dir():
        return f"{RECORDS}/{version} is missing: later releases could not be compared with it"
    with tempfile.TemporaryDirectory(prefix="invigilate-record-") as scratch:
        fresh = Path(scratch) / version
        record(repository, version, fresh)
        different = sorted(
            name.as_posix()
            for name in _names(recorded) | _names(fresh)
            if not ((recorded / name).is_file() and (fresh / name).is_file())
            or (recorded / name).read_bytes() != (fresh / name).read_bytes()
        )
    return f"{RECORDS}/{version} does not match this tree: {', '.join(different[:5])}" if different else None


def _names(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def _reporter(repository: Repository, *arguments: str) -> str:
    environment = outside(PYTHONPATH=str(repository.root / "scripts"))
    command = python("-m", "reporter", *arguments)
    return run(*command, cwd=repository.root, environment=environment, errors_apart=True)
