"""Prepares a release: the version, the dated changelog, and the record of the public surface."""

from __future__ import annotations

import datetime
import shutil

from packaging.version import Version

from . import changelog, surface
from .process import Refused, say
from .repository import RECORDS, Repository, checked_version, replace


def prepare(repository: Repository, wanted: str | None, date: str | None) -> None:
    """Write the version, date its section in the changelog, and record the surface. It is idempotent.

    Args:
        repository: the working tree.
        wanted: the version; None for that in _version.py if it has no tag yet and is high enough, or else for the
            lowest one that the report of changes allows.
        date: the date of the release, like 2026-03-04; None for today in UTC. An existing date is kept.

    Raises:
        Refused: if the version is too low or released already, or the changelog cannot be dated.
        Failed: if the report or the record cannot be created.
    """
    version, report = _version(repository, wanted)
    if tagged := repository.tagged(version):
        here = "this" if tagged == repository.commit else "another"
        raise Refused(f"v{version} is the tag of {here} commit: that version is released")
    if report is not None and (wrong := surface.problem(version, report)):
        raise Refused(wrong)
    current = repository.version
    if current != version and repository.tagged(current) is None and (repository.root / RECORDS / current).is_dir():
        # Later releases would be compared with it.
        raise Refused(
            f"{current} is prepared and has no tag here, so {version} cannot be prepared. If {current} is released, "
            f"fetch its tag (git fetch --tags); if not, revert {RECORDS}/{current} and its section in CHANGELOG.md"
        )
    path = repository.root / "CHANGELOG.md"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    text = path.read_text(encoding="utf-8")
    written = changelog.dated(text, version, date or today, report.changelog if report else "")

    # After an interruption, each of the three is either old or new.
    if repository.version != version:
        repository.write_version(version)
    if written != text:
        replace(path, written)
    _keep_record(repository, version)
    say(f"{version} is prepared, compared with {report.base if report else 'nothing: it is the first release'}")
    if report is not None and report.changelog.strip():
        say(f"the report proposes for the changelog (compare with its section [{version}]):")
        print(f"\n{report.changelog.strip()}\n", flush=True)
    say("review it (git diff), commit it, and once continuous integration has passed on that commit:")
    print(f"    git tag v{version} && git push origin v{version}", flush=True)


def _version(repository: Repository, wanted: str | None) -> tuple[str, surface.Report | None]:
    """Return the version to prepare, and the report of changes since the previous release."""
    current = repository.version
    if wanted is None and repository.tagged(current) is not None:
        # It is released, or about to be; the changes since then decide.
        if current not in {str(record) for record in repository.records()}:
            raise Refused(f"{current} is tagged, but {RECORDS}/{current} is missing: nothing to compare with")
        surface.check_record(repository, current)
        since = surface.compare(repository, current)
        if since.next != current:
            return since.next, since
        text = (repository.root / "CHANGELOG.md").read_text(encoding="utf-8")
        waiting = changelog.section(text, changelog.UNRELEASED)
        if waiting is None or not waiting.body:
            raise Refused(
                f"nothing changed for callers since {current}, and CHANGELOG.md has nothing under "
                f"[{changelog.UNRELEASED}]: describe the changes there for a patch version, or pass one with "
                f"--version"
            )
        major, minor, micro = Version(current).release
        return f"{major}.{minor}.{micro + 1}", since
    version = checked_version(wanted, "--version") if wanted is not None else current
    base = surface.base_of(version, repository.records())
    if base is not None:
        surface.check_record(repository, base)
    report = surface.compare(repository, base) if base is not None else None
    if wanted is None and report is not None and surface.problem(version, report):
        return report.next, report
    return version, report


def _keep_record(repository: Repository, version: str) -> None:
    """Record the surface, replacing an earlier record as a whole."""
    folder = repository.root / RECORDS / version
    folder.parent.mkdir(parents=True, exist_ok=True)
    with repository.scratch() as scratch:
        fresh = scratch / version
        surface.record(repository, version, fresh)
        if folder.exists():
            shutil.move(folder, scratch / "old")
        shutil.move(fresh, folder)
