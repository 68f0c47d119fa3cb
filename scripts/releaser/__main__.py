"""The command behind `scripts/release`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pythons import interpreters

from . import archives, bill, changelog, index, installation, preparation, record, surface
from .process import Failed, Refused, outside, python, run, say
from .repository import RECORDS, Repository, checked_version

ROOT = Path(__file__).resolve().parents[2]
DIST = "dist"

EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3

DESCRIPTION = """\
Release the version in facade/invigilate/_version.py: check, build, test, describe, upload.

Without an option, all steps run, for a package index of your own; only the upload job of the release workflow uploads
to twine's default repository. docs/releasing.md describes every step and every refusal."""

STEPS = """\
steps:
  --prepare      writes the version, the dated changelog section and the record of the public surface into the working
                 tree. Review, commit and tag them
  --build-only   checks that commit, changelog, tag, record and surface agree; builds sdist and wheel twice and compares
                 the bytes; checks metadata and contents; installs the wheel alone on each supported Python found and
                 runs README's first example there; writes dist/: both archives, a CycloneDX bill of materials
                 (*.cdx.json) and release.json with their hashes
  --upload-only  checks dist/ against release.json and the commit, uploads the files that the index does not have yet,
                 and waits until it lists them
  --dry-run      like --build-only, but also in an unfinished tree: reports what a release would refuse; its builds of
                 such a tree are never uploaded

environment:
  TWINE_REPOSITORY_URL, INVIGILATE_INDEX_URL   defaults of --repository-url and --index-url
  TWINE_USERNAME, TWINE_PASSWORD, TWINE_CERT   for an index of your own; must not be set for the default one

After an interruption at any step, run it again: a build of this commit is reused if its hashes match, uploaded files
with the same bytes are kept, and with other bytes the version is refused.

Exit codes: 0 done, 1 refused (something must be fixed first), 2 usage error, 3 a step failed (run it again)."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    repository = Repository(ROOT)
    try:
        repository.check_is_top()
        if options.prepare:
            preparation.prepare(repository, options.version, options.date)
            return EXIT_DONE
        where = index.target(options.repository_url, options.index_url)
        if not (options.dry_run or options.build_only):
            # Before anything is built.
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
    parser.add_argument(
        "--version", help="with --prepare: the version; by default the one that the report of changes requires"
    )
    parser.add_argument(
        "--date", help="with --prepare: the date of the release, unless it has one; today in UTC by default"
    )
    parser.add_argument(
        "--python", action="append", default=[], metavar="3.N", help="test the wheel only on these Pythons (repeatable)"
    )
    parser.add_argument(
        "--repository-url",
        default=os.environ.get("TWINE_REPOSITORY_URL"),
        metavar="URL",
        help="upload there; by default to twine's default repository",
    )
    parser.add_argument(
        "--index-url",
        default=os.environ.get("INVIGILATE_INDEX_URL"),
        metavar="URL",
        help="the simple index of that repository",
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
        parser.error(f"--date: expected a date like 2026-03-04, got {options.date!r}")
    if options.python and (options.prepare or options.upload_only):
        parser.error("--python goes with steps that build")
    unknown = sorted(set(options.python) - set(Repository(ROOT).supported_pythons()))
    if unknown:
        parser.error(f"--python {', '.join(unknown)}: not in the classifiers of pyproject.toml")
    return options


def unready(repository: Repository, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what prevents a release of this tree, apart from its surface, one line each."""
    version, found = repository.version, []
    if environment.get("GITHUB_ACTIONS") == "true":
        here = f"{environment.get('GITHUB_SERVER_URL')}/{environment.get('GITHUB_REPOSITORY')}"
        if repository.url != here:
            found.append(f"the links of the release would lead to {repository.url}, but this repository is {here}")
    if changes := repository.changes():
        found.append(f"{len(changes)} files differ from the commit, including {changes[0][3:]}")
    if wrong := changelog.problem((repository.root / "CHANGELOG.md").read_text(encoding="utf-8"), version):
        found.append(f"{wrong}: ./scripts/release --prepare")
    tagged = repository.tagged(version)
    if tagged not in {None, repository.commit}:
        found.append(f"v{version} is the tag of another commit, {tagged}")
    others = [tag for tag in repository.version_tags_here() if tag != f"v{version}"]
    if others:
        found.append(f"this commit has the tag {', '.join(others)}, but its version is {version}")
    return found


def compare_surface(repository: Repository) -> str | None:
    """Compare the surface with the previous release, and return its version, or None for the first release.

    Raises:
        Refused: if the surface breaks callers and the version does not allow that.
    """
    version = repository.version
    base = surface.base_of(version, repository.records())
    if base is None:
        say(f"{version}: no older release in {RECORDS} to compare the surface with")
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
    """Check, build, test and describe a version, and put it into dist/; an earlier build is reused.

    Args:
        repository: the working tree.
        pythons: the only Pythons to test the wheel on, such as `"3.12"`; empty for all that are found.
        dry: also build an unfinished tree; a surface that breaks callers is still refused.

    Raises:
        Refused: if something must be fixed before a release.
        Failed: if a step fails.
    """
    dist, found = repository.root / DIST, unready(repository)
    if not dry:
        _refuse(found)
        if (former := _former(repository, dist)) is not None:
            say(f"{former.version} was already built from this commit, and its hashes match")
            return former
    base = compare_surface(repository)
    if wrong := surface.record_problem(repository, repository.version):
        found.append(f"{wrong}: ./scripts/release --prepare")
    if not dry:
        _refuse(found)

    say("comparing the generated packages with the specifications")
    environment = outside(PYTHONPATH=str(repository.root / "scripts"))
    run(*python("-m", "regenerator", "--check"), cwd=repository.root, environment=environment)
    with repository.scratch() as scratch:
        fresh = scratch / DIST
        fresh.mkdir()
        made = _make(repository, fresh, scratch, pythons)
        made = replace(made, base=base, open=tuple(found))
        if repository.commit != made.commit or (not dry and repository.changes()):
            raise Refused("the tree changed during the build")
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
    """Return an earlier build of this commit for an upload, if it is complete."""
    with contextlib.suppress(Refused):
        former = record.read(dist)
        if not former.open and (former.commit, former.version) == (repository.commit, repository.version):
            return former
    return None


def _make(repository: Repository, fresh: Path, scratch: Path, only: set[str]) -> record.Record:
    """Create the files of a release in a folder."""
    say("building sdist and wheel, twice")
    built = archives.build_twice(repository, fresh)
    archives.check_metadata(built)
    archives.check_contents(repository, built)

    supported = repository.supported_pythons()
    chosen = interpreters.find([name for name in supported if not only or name in only])
    lacking = [name for name in supported if name not in chosen]
    if only - set(chosen):
        raise Failed(f"Python {', '.join(sorted(only - set(chosen)))} was not found")
    example = installation.first_example((repository.root / "README.md").read_text(encoding="utf-8"))
    sha256 = record.digest(built.wheel)
    provenance_: dict[str, Any] = {}
    described = fresh / f"{built.wheel.name.split('-py3-')[0]}.cdx.json"
    for name, interpreter in chosen.items():
        folder = scratch / f"python{name}"
        inside = installation.install(repository, interpreter, built.wheel, sha256, folder)
        with installation.sandbox(repository) as served:
            installation.try_example(inside, example, served, scratch)
        if not provenance_:
            # The oldest Python needs the most.
            provenance_ = installation.provenance(inside, repository.version, scratch)
            bill.write(repository, inside, built.wheel, sha256, described)
        say(f"the wheel alone runs README's first example on Python {interpreter.version}")
        shutil.rmtree(folder)
    if lacking:
        say(f"{'left out' if only else 'not found'}, so not tested: Python {', '.join(lacking)}")
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
        provenance=provenance_,
        built_with=record.tools(),
    )


def upload(repository: Repository, where: index.Target) -> None:
    """Upload the files in dist/, if they were built from this commit.

    Raises:
        Refused: if dist/ has another build, or the index has the version with other bytes.
        Failed: if the upload fails.
    """
    dist = repository.root / DIST
    made = record.read(dist)
    if made.open:
        raise Refused("\n  ".join([f"{DIST}/ was built by a dry run of a tree that was not ready:", *made.open]))
    if (made.commit, made.version) != (repository.commit, repository.version):
        raise Refused(f"{DIST}/ has {made.version} of commit {made.commit}, but {repository.commit} is checked out")
    if where.repository_url is None and repository.tagged(made.version) != repository.commit:
        raise Refused(f"this commit does not have the tag v{made.version}")
    index.upload(where, made, dist)


if __name__ == "__main__":
    sys.exit(main())
