"""The command behind `scripts/release`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythons import interpreters, trial

from invigilate.sandbox import Sandbox

from . import archives, bill, changelog, installation, preparation, surface
from .process import Failed, Refused, outside, python, run, say
from .repository import RECORDS, Repository, checked_version

ROOT = Path(__file__).resolve().parents[2]
DIST, DRY = Path("dist"), Path("build", "dry-run")

NOT_READY = "the repository is not ready:\n  "
EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3

DESCRIPTION = """\
Build the version in facade/invigilate/_version.py for a release: check, build, test, describe.

Nothing is uploaded: the release workflow does that, with what this command built there. docs/releasing.md describes
every step and every refusal."""

STEPS = """\
steps:
  (none)      checks that commit, changelog, tag, record and surface agree; builds sdist and wheel twice and compares
              the bytes; checks metadata and contents; installs the wheel alone on each supported Python found and runs
              README's first example there; writes dist/: both archives, a CycloneDX bill of materials (*.cdx.json) and
              release.json with their hashes
  --prepare   writes the version, the dated changelog section and the record of the public surface into the working
              tree. Review, commit and tag them
  --dry-run   builds an unfinished tree, too, into build/dry-run/, and reports what a release would refuse

After an interruption at any step, run it again: the same commit builds the same bytes.

Exit codes: 0 done, 1 refused (something must be fixed first), 2 usage error, 3 a step failed (run it again)."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _options(arguments)
    repository = Repository(ROOT)
    try:
        repository.check_is_top()
        if options.prepare:
            preparation.prepare(repository, options.version, options.date)
        else:
            build(repository, set(options.python), dry=options.dry_run)
        return EXIT_DONE
    except Refused as error:
        print(f"release: refused: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except (Failed, OSError, KeyboardInterrupt) as error:
        print(f"release: failed: {str(error) or 'interrupted, run it again'}", file=sys.stderr)
        return EXIT_FAILED


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="release", description=DESCRIPTION, epilog=STEPS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_mutually_exclusive_group()
    for name in ("prepare", "dry-run"):
        steps.add_argument(f"--{name}", action="store_true", help="see below")
    parser.add_argument(
        "--version", help="with --prepare: the version; by default the one that the report of changes requires"
    )
    parser.add_argument(
        "--date", help="with --prepare: the date of the release, unless it has one; today in UTC by default"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        choices=trial.supported(ROOT),
        help="test the wheel only on this Python (repeatable)",
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
    if options.python and options.prepare:
        parser.error("--python goes with steps that build")
    return options


def unready(repository: Repository, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what prevents a release of this tree, apart from its surface, one line each."""
    version, found = repository.version, []
    if environment.get("GITHUB_ACTIONS") == "true":
        here = f"{environment.get('GITHUB_SERVER_URL')}/{environment.get('GITHUB_REPOSITORY')}"
        if repository.url != here:
            found.append(f"the links of the release would lead to {repository.url}, but this repository is {here}")
        tag = environment.get("GITHUB_REF_NAME")
        if environment.get("GITHUB_REF_TYPE") == "tag" and tag != f"v{version}":
            found.append(f"the workflow runs for the tag {tag}, but its version is {version}")
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


def build(repository: Repository, pythons: set[str], *, dry: bool) -> None:
    """Check, build, test and describe a version, and put it into dist/.

    Args:
        repository: the working tree.
        pythons: the only Pythons to test the wheel on, such as `"3.12"`; empty for all that are found.
        dry: also build an unfinished tree, into build/dry-run/; a surface that breaks callers is still refused.

    Raises:
        Refused: if something must be fixed before a release.
        Failed: if a step fails.
    """
    found = unready(repository)
    if found and not dry:
        raise Refused(NOT_READY + "\n  ".join(found))
    base = compare_surface(repository)
    if wrong := surface.record_problem(repository, repository.version):
        found.append(f"{wrong}: ./scripts/release --prepare")
    if found and not dry:
        raise Refused(NOT_READY + "\n  ".join(found))

    say("comparing the generated packages with the specifications")
    environment = outside(PYTHONPATH=str(repository.root / "scripts"))
    run(*python("-m", "regenerator", "--check"), cwd=repository.root, environment=environment)
    with repository.scratch() as scratch:
        fresh = scratch / "fresh"
        fresh.mkdir()
        made = _make(repository, fresh, scratch, pythons)
        # The release that the surface was compared with, and what prevents a release, empty except after a dry run.
        made |= {"base": base, "open": found}
        if repository.commit != made["commit"] or (not dry and repository.changes()):
            raise Refused("the tree changed during the build")
        text = json.dumps(made, indent=2, sort_keys=True) + "\n"
        (fresh / "release.json").write_text(text, encoding="utf-8", newline="\n")
        # A dry run never touches dist/: whatever is there can be uploaded.
        output = DRY if dry else DIST
        if (repository.root / output).exists():
            shutil.move(repository.root / output, scratch / "old")
        shutil.move(fresh, repository.root / output)
    for file in made["files"]:
        say(f"{output}/{file['name']}  sha256 {file['sha256']}")
    if found:
        say("\n  ".join(["a release would be refused:", *found]))


def _make(repository: Repository, fresh: Path, scratch: Path, only: set[str]) -> dict[str, Any]:
    """Create the files of a release in a folder, and return their record."""
    say("building sdist and wheel, twice")
    built = archives.build_twice(repository, fresh)
    supported = trial.supported(repository.root)
    chosen = interpreters.find([name for name in supported if not only or name in only])
    lacking = [name for name in supported if name not in chosen]
    if only - set(chosen):
        raise Failed(f"Python {', '.join(sorted(only - set(chosen)))} was not found")
    example = installation.first_example((repository.root / "README.md").read_text(encoding="utf-8"))
    sha256 = archives.digest(built.wheel)
    origin: dict[str, Any] = {}
    described = fresh / f"{built.wheel.name.split('-py3-')[0]}.cdx.json"
    for name, interpreter in chosen.items():
        folder = scratch / f"python{name}"
        inside = installation.install(repository, interpreter, built.wheel, sha256, folder)
        with Sandbox() as sandbox:
            installation.try_example(inside, example, sandbox.environment, scratch)
        if not origin:
            # The oldest Python needs the most.
            origin = installation.provenance(inside, repository.version, scratch)
            bill.write(repository, inside, built.wheel, sha256, described)
        say(f"the wheel alone runs README's first example on Python {interpreter.version}")
        shutil.rmtree(folder)
    if lacking:
        say(f"{'left out' if only else 'not found'}, so not tested: Python {', '.join(lacking)}")
    kinds = {"sdist": built.sdist, "wheel": built.wheel, "sbom": described}
    return {
        "format": 1,
        "name": repository.project["name"],
        "version": repository.version,
        "commit": repository.commit,
        "source_date_epoch": repository.epoch,  # the time of the commit, in seconds since 1970
        "files": [
            {"name": path.name, "kind": kind, "size": path.stat().st_size, "sha256": archives.digest(path)}
            for kind, path in kinds.items()
        ],
        # The Pythons that the wheel was tested on, and the supported ones that were not available.
        "installed_on": [interpreter.version for interpreter in chosen.values()],
        "not_tried_on": lacking,
        "provenance": origin,  # what the generated packages were generated from
        "built_with": archives.tools(),
    }


if __name__ == "__main__":
    sys.exit(main())
