"""The command behind `scripts/regenerate`."""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from .build import GenerationError, Target, generate
from .facts import OperationFacts, SpecError

ROOT = Path(__file__).resolve().parents[2]
DIFF_LINES = 60
REACH = """
from invigilate import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring
from invigilate._resources import bound_operations
for mode, clients in [
    ("sync", (SmarterProctoring, ISpringLearn)), ("async", (AsyncSmarterProctoring, AsyncISpringLearn))
]:
    for client in clients:
        for package, operation in bound_operations(client):
            print(package, operation, mode)
"""

EXIT_OK, EXIT_DIFFERENT, EXIT_FAILED, EXIT_UNREACHABLE = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="regenerate",
        description="Generate the client packages in generated/ from the specifications in openapi/.",
        epilog="Exit codes: 0 done (or nothing to do), 1 --check found a difference, 2 generation failed and nothing "
        "was changed, 3 generated, but an operation cannot be reached from a client.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; fail with a diff when the tree differs",
    )
    parser.add_argument(
        "--spec",
        type=Path,
        help="generate from this specification instead (with --package, --output)",
    )
    parser.add_argument("--package", help="the package name for --spec")
    parser.add_argument("--output", type=Path, help="the folder that receives the package for --spec")
    options = parser.parse_args(arguments)
    settings: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "generator.yaml").read_text(encoding="utf-8"))
    own = (options.spec, options.package, options.output)
    if any(own) and not all(own):
        parser.error("--spec, --package and --output go together")
    if options.spec:
        templates = ROOT / "openapi" / "templates"
        targets = [Target(options.spec.resolve(), options.package, templates, options.spec.name)]
        destination = options.output.resolve()
    else:
        targets = [
            Target(ROOT / "openapi" / spec, package, ROOT / "openapi" / "templates", f"openapi/{spec}")
            for spec, package in settings["packages"].items()
        ]
        destination = ROOT / "generated"
    try:
        return _run(targets, destination, settings, check=options.check, facade=not options.spec)
    except (SpecError, GenerationError, yaml.YAMLError) as error:
        print(f"regenerate: {error}\nNothing was changed.", file=sys.stderr)
        return EXIT_FAILED


def _run(targets: list[Target], destination: Path, settings: dict[str, Any], *, check: bool, facade: bool) -> int:
    destination.mkdir(parents=True, exist_ok=True)
    # Beside the tree, so that the exchange is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=destination.parent) as folder:
        fresh = Path(folder)
        operations: dict[str, list[OperationFacts]] = {}
        for target in targets:
            operations[target.package] = generate(target, fresh / target.package, settings)
        differences = _differences(targets, destination, fresh)
        if check and differences:
            _print_diff(differences, destination, fresh)
            return EXIT_DIFFERENT
        if not check:
            _exchange(targets, destination, fresh)
    count = sum(len(found) for found in operations.values())
    state = "as generated" if not differences else f"{len(differences)} files changed"
    print(f"{count} operations in {len(targets)} packages, {state}")
    if not facade:
        return EXIT_OK
    return _check_reachable(operations)


def _files(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def _differences(targets: list[Target], old: Path, new: Path) -> list[Path]:
    found: list[Path] = []
    for target in targets:
        before, after = old / target.package, new / target.package
        for name in sorted((_files(before) if before.exists() else set()) | _files(after)):
            old_file, new_file = before / name, after / name
            if not (old_file.exists() and new_file.exists() and old_file.read_bytes() == new_file.read_bytes()):
                found.append(Path(target.package) / name)
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _print_diff(differences: list[Path], old: Path, new: Path) -> None:
    print(f"{old.name}/ is not what scripts/regenerate makes; {len(differences)} files differ:")
    for name in differences:
        print(f"  {name}")
    lines: list[str] = []
    for name in differences:
        before, after = (_lines(folder / name) for folder in (old, new))
        lines += difflib.unified_diff(before, after, f"{old.name}/{name}", f"regenerated/{name}", lineterm="", n=2)
    print("\n".join(lines[:DIFF_LINES]))
    if len(lines) > DIFF_LINES:
        print(f"... and {len(lines) - DIFF_LINES} more lines")
    print("Run ./scripts/regenerate, and commit what it makes.")


def _exchange(targets: list[Target], destination: Path, fresh: Path) -> None:
    """Put the new packages in place of the old ones; on a failure the old ones are put back."""
    aside = fresh / ".old"
    aside.mkdir()
    moved: list[str] = []
    try:
        for target in targets:
            current = destination / target.package
            if current.exists():
                current.rename(aside / target.package)
            moved.append(target.package)
            (fresh / target.package).rename(current)
    except OSError:
        for package in moved:
            shutil.rmtree(destination / package, ignore_errors=True)
            if (aside / package).exists():
                (aside / package).rename(destination / package)
        raise


def _check_reachable(operations: dict[str, list[OperationFacts]]) -> int:
    """Ask the facade, in a process that has not yet imported the old packages, which operations it binds."""
    path = os.pathsep.join([str(ROOT / "facade"), str(ROOT / "generated")])
    result = subprocess.run(
        [sys.executable, "-c", REACH],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if result.returncode:
        print(f"regenerate: the facade cannot be imported:\n{result.stderr}", file=sys.stderr)
        return EXIT_UNREACHABLE
    bound = {tuple(line.split()) for line in result.stdout.splitlines()}
    missing = [
        (package, operation)
        for package, found in operations.items()
        for operation in found
        if not {(package, operation.id, "sync"), (package, operation.id, "async")} <= bound
    ]
    for package, operation in missing:
        print(
            f"regenerate: {operation.id} ({package}) cannot be reached from the clients; bind it with a line like\n"
            f"    ... = operation({operation.tag}.<module>.describe)   in facade/invigilate/_resources.py",
            file=sys.stderr,
        )
    return EXIT_UNREACHABLE if missing else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
