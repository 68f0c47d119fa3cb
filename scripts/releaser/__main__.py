"""The command behind `scripts/release`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import archives, bill, changelog, index, installation, preparation, record, surface
from .process import Failed, Refused, outside, python, run, say
from .repository import RECORDS, Repository, checked_version

ROOT = Path(__file__).resolve().parents[2]
DIST = "dist"

EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3

DESCRIPTION = """\
Release the version that facade/invigilate/_version.py names: check, build, try, describe, upload.

Without an option all of it is done, which is for a repository of your own; twine's default repository is uploaded to
only by the upload job of the release workflow. docs/releasing.md has every step and what it refuses."""

STEPS = """\
steps:
  --prepare      writes the version, the dated changelog section and the record of the public surface into the working
                 tree. A person looks at them, commits and tags
  --build-only   checks that commit, changelog, tag, record and surface agree; builds sdist and wheel twice and compares
                 the bytes; checks metadata and contents; installs the wheel alone on each supported Python at hand and
                 runs README's first example there; writes dist/: both archives, a CycloneDX bill of materials
                 (*.cdx.json) and release.json, which names them by hash
  --upload-only  checks dist/ against release.json and the commit, uploads what the index does not have yet, and waits
                 until it shows
  --dry-run      does as --build-only does, also in an unfinished tree, and says what a release would refuse; what it
                 builds in such a tree is never uploaded

environment:
  TWINE_REPOSITORY_URL, INVIGILATE_INDEX_URL   defaults of --repository-url and --index-url
  TWINE_USERNAME, TWINE_PASSWORD, TWINE_CERT   for a repository of your own; must not be set for the default one

Interrupted at any step, it is run again: what was built for this commit is used again when its hashes hold, what was
uploaded is left alone when its bytes are the same, and the version is refused when they are not.

Exit codes: 0 done, 1 refused (a person has to put something right), 2 wrong use, 3 a step failed (run it again)."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _options(arguments)
    repository = Repository(ROOT)
    try:
        repository.check_is_top()
        if options.prepare:
            preparation.prepare(repository, options.version, options.date)
            return EXIT_DONE
        where = index.target(options.repository_url, options.index_url)
        if not (options.dry_run or options.build_only):
            # Known before anything is built for it.
            index.check_publisher(where, os.environ)
        if not options.upload_only:
            build(repository, set(options.python), dry=options.dry_run)
        if not (options.dry_run or options.build_only):
            upload(repository, where)
        return EXIT_DONE
    except Refused as error:
        print(f"release: refused: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except (Failed, OSError) as error:
        print(f"release: failed: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("release: interrupted: run it again", file=sys.stderr)
        return EXIT_FAILED


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="release", description=DESCRIPTION, epilog=STEPS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_mutually_exclusive_group()
    for name in ("prepare", "build-only", "upload-only", "dry-run"):
        steps.add_argument(f"--{name}", action="store_true", help="see below")
    parser.add_argument("--version", help="with --prepare: the version; by default what the report of changes demands")
    parser.add_argument(
        "--date", help="with --prepare: the date of the release, where none stands; by default today's in UTC"
    )
    parser.add_argument(
        "--python", action="append", default=[], metavar="3.N", help="try the wheel only on these Pythons (repeatable)"
    )
    parser.add_argument(
        "--repository-url",
        default=os.environ.get("TWINE_REPOSITORY_URL"),
        metavar="URL",
        help="upload there; by default to twine's own default",
    )
    parser.add_argument(
        "--index-url",
        default=os.environ.get("INVIGILATE_INDEX_URL"),
        metavar="URL",
        help="the simple index that belongs to it",
    )
    options = parser.parse_args(arguments)
    if (options.version or options.date) and not options.prepare:
        parser.error("--version and --date go with --prepare")
    if options.version:
        try:
            checked_version(options.version, "--version")
        except Refused as error:
            parser.error(str(error))
    if options.date and not changelog.is_date(options.date):
        parser.error(f"--date: a date like 2026-03-04 was expected, and {options.date!r} was given")
    if options.python and (options.prepare or options.upload_only):
        parser.error("--python goes with what builds")
    unknown = sorted(set(options.python) - set(Repository(ROOT).supported_pythons()))
    if unknown:
        parser.error(f"--python {', '.join(unknown)}: the classifiers of pyproject.toml do not name it")
    return options


def unready(repository: Repository) -> list[str]:
    """What keeps this tree from being released, apart from its surface; a line each."""
    version, found = repository.version, []
    if changes := repository.changes():
        found.append(f"{len(changes)} files differ from the commit, among them {changes[0][3:]}")
    if wrong := changelog.problem((repository.root / "CHANGELOG.md").read_text(encoding="utf-8"), version):
        found.append(f"{wrong}: ./scripts/release --prepare")
    tagged = repository.tagged(version)
    if tagged not in {None, repository.commit}:
        found.append(f"v{version} is the tag of another commit, {tagged}")
    others = [tag for tag in repository.version_tags_here() if tag != f"v{version}"]
    if others:
        found.append(f"this commit carries {', '.join(others)}, and its version is {version}")
    return found


def compare_surface(repository: Repository) -> str | None:
    """Compare the surface with the release before, and give that release's version, or None if this is the first.

    Raises:
        Refused: if the surface breaks callers and the version does not say so.
    """
    version = repository.version
    base = surface.base_of(version, repository.records())
    if base is None:
        say(f"{version}: no older release is recorded in {RECORDS}, there is nothing to compare the surface with")
        return None
    say(f"{version}: comparing the surface with {base}")
    surface.check_record(repository, base)
    if wrong := surface.problem(version, surface.compare(repository, base)):
        raise Refused(wrong)
    return base


def _refuse(found: list[str]) -> None:
    if found:
        raise Refused("\n  ".join(["the repository is not ready:", *found]))


def build(repository: Repository, pythons: set[str], *, dry: bool) -> record.Record:
    """Check, build, try and describe a version, and put it into dist/; what was built before is used again.

    Args:
        repository: the working tree.
        pythons: the only Pythons to try the wheel on, such as `"3.12"`; empty for all at hand.
        dry: build an unfinished tree, too; a surface that breaks callers under its version is refused all the same.

    Raises:
        Refused: if anything is not as a release needs it.
        Failed: if a step fails.
    """
    dist, found = repository.root / DIST, unready(repository)
    if not dry:
        _refuse(found)
        if (former := _former(repository, dist)) is not None:
            say(f"{former.version} was built from this commit before, and its hashes hold")
            return former
    base = compare_surface(repository)
    if wrong := surface.record_problem(repository, repository.version):
        found.append(f"{wrong}: ./scripts/release --prepare")
    if not dry:
        _refuse(found)

    say("holding the generated packages against the specifications")
    environment = outside(PYTHONPATH=str(repository.root / "scripts"))
    run(*python("-m", "regenerator", "--check"), cwd=repository.root, environment=environment)
    with repository.scratch() as scratch:
        fresh = scratch / DIST
        fresh.mkdir()
        made = _make(repository, fresh, scratch, pythons)
        made = replace(made, base=base, open=tuple(found))
        if repository.commit != made.commit or (not dry and repository.changes()):
            raise Refused("the tree was changed while it was built")
        (fresh / record.NAME).write_text(made.text(), encoding="utf-8", newline="\n")
        if dist.exists():
            shutil.move(dist, scratch / "old")
        shutil.move(fresh, dist)
    for file in made.files:
        say(f"{DIST}/{file.name}  sha256 {file.sha256}")
    if found:
        say("\n  ".join(["a release would be refused:", *found]))
    return made


def _former(repository: Repository, dist: Path) -> record.Record | None:
    """What was built from this commit for an upload, if all of it is still there."""
    with contextlib.suppress(Refused):
        former = record.read(dist)
        if not former.open and (former.commit, former.version) == (repository.commit, repository.version):
            return former
    return None


def _make(repository: Repository, fresh: Path, scratch: Path, only: set[str]) -> record.Record:
    """Fill a folder with the files of a release."""
    say("building sdist and wheel, twice")
    built = archives.build_twice(repository, fresh)
    archives.check_metadata(built)
    archives.check_contents(repository, built)

    supported = repository.supported_pythons()
    chosen = installation.at_hand([name for name in supported if not only or name in only])
    lacking = [name for name in supported if name not in chosen]
    if only - set(chosen):
        raise Failed(f"Python {', '.join(sorted(only - set(chosen)))} is not at hand")
    example = installation.first_example((repository.root / "README.md").read_text(encoding="utf-8"))
    sha256 = record.digest(built.wheel)
    told: dict[str, Any] = {}
    described = fresh / f"{built.wheel.name.split('-py3-')[0]}.cdx.json"
    for name, interpreter in chosen.items():
        folder = scratch / f"python{name}"
        inside = installation.install(repository, interpreter, built.wheel, sha256, folder)
        with installation.sandbox(repository) as served:
            installation.try_example(inside, example, served, scratch)
        if not told:
            # The oldest Python needs most.
            told = installation.provenance(inside, repository.version, scratch)
            bill.write(repository, inside, built.wheel, sha256, described)
        say(f"the wheel alone runs README's first example on Python {interpreter.version}")
        shutil.rmtree(folder)
    if lacking:
        say(f"{'left out' if only else 'not at hand'}, and not tried: Python {', '.join(lacking)}")
    return record.Record(
        name=str(repository.project["name"]),
        version=repository.version,
        commit=repository.commit,
        source_date_epoch=repository.epoch,
        base=None,
        files=(
            record.describe(built.sdist, "sdist"),
            record.describe(built.wheel, "wheel"),
            record.describe(described, "sbom"),
        ),
        installed_on=tuple(interpreter.version for interpreter in chosen.values()),
        not_tried_on=tuple(lacking),
        provenance=told,
        built_with=record.tools(),
    )


def upload(repository: Repository, where: index.Target) -> None:
    """Upload what dist/ holds, if it was built from this commit.

    Raises:
        Refused: if dist/ holds something else, or the index has the version with other bytes.
        Failed: if the upload fails.
    """
    dist = repository.root / DIST
    made = record.read(dist)
    if made.open:
        raise Refused("\n  ".join([f"{DIST}/ was built by a dry run, of a tree that was not ready:", *made.open]))
    if (made.commit, made.version) != (repository.commit, repository.version):
        raise Refused(f"{DIST}/ holds {made.version} of commit {made.commit}, and {repository.commit} is checked out")
    if where.repository_url is None and repository.tagged(made.version) != repository.commit:
        raise Refused(f"this commit does not carry the tag v{made.version}")
    index.upload(where, made, dist)


if __name__ == "__main__":
    sys.exit(main())
