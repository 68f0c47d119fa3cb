"""The command behind `scripts/regenerate`."""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from .build import GenerationError, Target, generate, read_settings
from .extensions import check_package
from .facts import OperationFacts
from .parsing import module_name
from .refusals import Refusal, Refused
from .schemas import SpecError
from .unbinding import stale

ROOT = Path(__file__).resolve().parents[2]
DIFF_LINES, DIFF_LINES_OF_FILE, DIFF_NAMES = 120, 24, 40
REACH = """
import invigilate
from invigilate._apis import APIS
from invigilate._binding import bound_operations
for api in APIS:
    for mode, client in zip(("sync", "async"), api.clients):
        for package, operation in bound_operations(getattr(invigilate, client)):
            print(package, operation, mode)
"""

EXIT_OK, EXIT_DIFFERENT, EXIT_FAILED, EXIT_UNREACHABLE, EXIT_SKIPPED = 0, 1, 2, 3, 4


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="regenerate",
        description="Generate the client packages in generated/ from the specifications in openapi/.",
        epilog="Exit codes: 0 done (or nothing to do), 1 --check found a difference, 2 generation failed and nothing "
        "was changed, 3 generated, but an operation cannot be reached from a client, 4 generated without operations "
        "that --skip-refused left out.",
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail with a diff if the tree differs")
    parser.add_argument(
        "--golden", action="store_true", help="generate tests/golden/generated from tests/golden/nasty.yaml instead"
    )
    parser.add_argument("--spec", type=Path, help="generate from this specification instead (with --package, --output)")
    parser.add_argument("--package", help="the package name for --spec")
    parser.add_argument("--output", type=Path, help="the folder that receives the package for --spec")
    parser.add_argument(
        "--skip-refused", action="store_true", help="with --spec: list and leave out operations that are not supported"
    )
    options = parser.parse_args(arguments)
    own = (options.spec, options.package, options.output)
    if any(own) and (options.golden or not all(own)):
        parser.error("--spec, --package and --output go together, and without --golden")
    if options.skip_refused and not options.spec:
        parser.error("--skip-refused goes with --spec")
    if options.package and (wrong := check_package(options.package)):
        parser.error(wrong)
    try:
        settings = read_settings(ROOT)
        registry = tomllib.loads((ROOT / "facade" / "invigilate" / "apis.toml").read_text(encoding="utf-8"))
        templates = ROOT / "openapi" / "templates"
        if options.spec:
            targets = [Target(options.spec.resolve(), options.package, templates, options.spec.name)]
            return _run(
                targets, options.output.resolve(), settings, check=options.check, skip_refused=options.skip_refused
            )
        if options.golden:
            golden = ROOT / "tests" / "golden"
            targets = [Target(golden / "nasty.yaml", "nasty_client", templates, "tests/golden/nasty.yaml")]
            return _run(targets, golden / "generated", settings, check=options.check)
        targets = [
            Target(ROOT / "openapi" / f"{api['spec']}.yaml", api["package"], templates, f"openapi/{api['spec']}.yaml")
            for api in registry.values()
        ]
        return _run(targets, ROOT / "generated", settings, check=options.check, whole=True)
    except Refused as error:
        _print_refusals(error.refusals, "refused")
        hint = "--skip-refused generates the rest.\n" if options.spec and not options.skip_refused else ""
        print(f"{hint}Nothing was changed.", file=sys.stderr)
    except (SpecError, GenerationError, yaml.YAMLError, jinja2.TemplateError, OSError) as error:
        print(f"regenerate: {_reason(error)}\nNothing was changed.", file=sys.stderr)
    except Exception:
        # An unforeseen construct: the traceback shows where.
        traceback.print_exc()
        print("regenerate: unexpected failure, see above\nNothing was changed.", file=sys.stderr)
    return EXIT_FAILED


def _print_refusals(refusals: Sequence[Refusal], what: str) -> None:
    many = "1 operation is" if len(refusals) == 1 else f"{len(refusals)} operations are"
    lines = "".join(f"\n  {refusal}" for refusal in refusals)
    print(f"regenerate: {many} {what}:{lines}", file=sys.stderr)


def _reason(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}: {error.message}"
    return str(error) if isinstance(error, SpecError | GenerationError) else f"{type(error).__name__}: {error}"


def _run(
    targets: list[Target],
    destination: Path,
    settings: dict[str, Any],
    *,
    check: bool,
    whole: bool = False,
    skip_refused: bool = False,
) -> int:
    """Generate all targets, then compare or replace them at once.

    Args:
        targets: the packages to generate.
        destination: the folder of the packages.
        settings: generator.yaml.
        check: change nothing.
        whole: the folder has no other files, and all operations must be reachable from clients.
        skip_refused: leave out operations that are not supported.
    """
    # Next to the tree, so that replacing is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=None if check else destination.parent) as folder:
        fresh = Path(folder)
        operations: dict[str, list[OperationFacts]] = {}
        refusals: list[Refusal] = []
        for target in targets:
            generated = generate(target, fresh / target.package, settings, skip_refused=skip_refused)
            operations[target.package] = generated.operations
            refusals += generated.refusals
        packages = [target.package for target in targets]
        stale = _stale(destination, packages) if whole else []
        before, after = _contents(destination, [*packages, *stale]), _contents(fresh, packages)
        differences = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if check and differences:
            _print_diff(destination.name, differences, before, after)
            return EXIT_DIFFERENT
        if not check:
            _replace(packages, stale, destination, fresh)
    count = sum(len(found) for found in operations.values())
    changed = f"{len(differences)} file{'s' if len(differences) != 1 else ''} changed"
    operations_ = "operation" if count == 1 else "operations"
    print(f"{count} {operations_} in {', '.join(packages)}: {changed if differences else 'as generated'}")
    if refusals:
        _print_refusals(refusals, "left out")
        return EXIT_SKIPPED
    return _check_reachable(operations) if whole else EXIT_OK


def _stale(destination: Path, packages: list[str]) -> list[str]:
    """Return the packages of removed specifications."""
    if not destination.exists():
        return []
    return sorted(path.name for path in destination.iterdir() if path.name not in {*packages, "__pycache__"})


def _contents(folder: Path, packages: list[str]) -> dict[str, bytes]:
    """Return the files of packages, by their path below the folder."""
    files = [file for name in packages for file in (folder / name, *(folder / name).rglob("*")) if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files if "__pycache__" not in file.parts}


def _print_diff(folder: str, differences: list[str], before: dict[str, bytes], after: dict[str, bytes]) -> None:
    many = f"{len(differences)} files differ" if len(differences) > 1 else "1 file differs"
    print(f"{folder}/ is not what scripts/regenerate generates; {many}:")
    there, made = ({name.partition("/")[0] for name in files} for files in (before, after))
    parts: list[str] = []
    shown: dict[str, None] = {}
    for name in differences:
        package = name.partition("/")[0]
        # A whole package is one line.
        label = name if package in there & made else package
        state = " (missing)" if name not in before else " (not generated)" if name not in after else ""
        shown[f"  {label}{state}"] = None
        old, new = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
        names = f"{folder}/{name}", f"regenerated/{name}"
        lines = list(difflib.unified_diff(old, new, *names, lineterm="", n=2))
        # One file must not hide the others.
        parts += _cut(lines, DIFF_LINES_OF_FILE, f"more lines in {name}")
    print("\n".join(_cut(list(shown), DIFF_NAMES, "more")))
    print("\n".join(_cut(parts, DIFF_LINES, "more lines")))
    print("Run ./scripts/regenerate, and commit the result.")


def _cut(lines: list[str], most: int, what: str) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} {what}"]


def _replace(packages: list[str], stale: list[str], destination: Path, fresh: Path) -> None:
    """Replace the packages; on a failure the old ones are restored."""
    aside = fresh / ".old"
    aside.mkdir()
    destination.mkdir(exist_ok=True)
    moved: list[str] = []
    try:
        for name in [*packages, *stale]:
            current = destination / name
            moved.append(name)
            if current.exists():
                current.rename(aside / name)
            if name in packages:
                (fresh / name).rename(current)
    except BaseException:
        for name in moved:
            if (aside / name).exists():
                shutil.rmtree(destination / name, ignore_errors=True)
                (aside / name).rename(destination / name)
        raise


def _check_reachable(operations: dict[str, list[OperationFacts]]) -> int:
    """Check that clients bind all operations, in a process that has not imported the old packages."""
    path = os.pathsep.join([str(ROOT / "facade"), str(ROOT / "generated")])
    result = subprocess.run(
        [sys.executable, "-c", REACH],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if result.returncode:
        if lines := stale(ROOT):
            print(
                "regenerate: the facade cannot be imported: it binds what no longer exists. Remove or rename:",
                file=sys.stderr,
            )
            print("\n".join(f"    {line}" for line in lines), file=sys.stderr)
        else:
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
        module = module_name(operation)
        print(
            f"regenerate: {operation.id} ({package}) cannot be reached from each client. Bind it in the class of its "
            f"resource in the folder of its API:\n"
            f"    {module} = operation(lambda: {operation.tag}.{module}.describe)",
            file=sys.stderr,
        )
    return EXIT_UNREACHABLE if missing else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
