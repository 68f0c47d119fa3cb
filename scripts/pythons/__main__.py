"""Runs the command: `./scripts/test-pythons --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import interpreters, trial
from .interpreters import Interpreter
from .suite import LARGE, SMALL

ROOT = Path(__file__).resolve().parents[2]
OFFERED = ("3.11", "3.12", "3.13", "3.14", "3.15", "3.13t", "3.14t", "3.15t")
_DESCRIPTION = f"""\
Builds the wheel, installs it in a fresh virtual environment on each Python of this machine, and runs tests there that
can import only the wheel. Ends with a table that also names the Pythons that were not found.

Looks for {", ".join(OFFERED)} (t: free-threaded) on the PATH and in pyenv. Each environment gets the
extras {", ".join(SMALL)} and the newest allowed dependencies, as wheels. An extra that
cannot be installed is named; on a Python of the classifiers in pyproject.toml it counts as a failure.
"""
_EPILOG = "Exit codes: 0 all passed, 1 a Python failed or nothing ran, 2 wrong usage."


def main() -> int:
    """Run the command, and return its exit code."""
    parser = _parser()
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="test-pythons-") as scratch:
            return _run(parser, options, Path(scratch))
    except trial.Failed as error:
        print(f"test-pythons: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntest-pythons: interrupted", file=sys.stderr)
        return 130


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace, scratch: Path) -> int:
    found: dict[str, Interpreter] = {} if options.python else interpreters.find(OFFERED)
    missing = [] if options.python else [name for name in OFFERED if name not in found]
    for path in options.python:
        interpreter = interpreters.identify(path)
        if interpreter is None:
            parser.error(f"--python {path}: expected a Python with venv and ensurepip")
        found[interpreter.name] = interpreter

    wheel = trial.build(ROOT, scratch)
    tests = scratch / "tree"
    tests.mkdir()
    trial.copy_tests(ROOT, tests)
    constraint = None
    if options.dependencies == "oldest":
        constraint = scratch / "oldest.txt"
        constraint.write_text("\n".join(trial.oldest(ROOT / "pyproject.toml")), encoding="utf-8")
    supported = trial.supported(ROOT)
    extras = (*SMALL, *(LARGE if options.all_extras else ()))
    results = []
    for name, interpreter in found.items():
        print(f"test-pythons: {_title(interpreter)}, {options.dependencies} dependencies", flush=True)
        started = time.monotonic()
        result = trial.try_on(
            interpreter,
            wheel,
            tests,
            scratch / f"python{name}",
            extras,
            required=name in supported,
            constraint=constraint,
            arguments=options.arguments,
        )
        print(f"test-pythons: {result.outcome} ({time.monotonic() - started:.0f} s)\n", flush=True)
        results.append(result)
    print(table(results, missing))
    return 0 if results and all(result.passed for result in results) else 1


def table(results: Sequence[trial.Result], missing: Sequence[str]) -> str:
    """Return the table of all Pythons, with a line below it for each extra that is left out."""
    rows = [("Python", "free-threaded", "result", "dependencies")]
    for result in results:
        threads = "yes" if result.interpreter.free_threaded else "no"
        verdict = f"{'passed' if result.passed else 'FAILED'}: {result.outcome}"
        rows.append((result.interpreter.version, threads, verdict, result.noted))
    rows += [(name.removesuffix("t"), "yes" if name.endswith("t") else "no", "not found", "") for name in missing]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    for result in results:
        for extra, reason in result.left_out.items():
            lines.append(f"{_title(result.interpreter)}: extra {extra} is not installed, nor tested: {reason}")
    return "\n".join(line.rstrip() for line in lines)


def _title(interpreter: Interpreter) -> str:
    return f"Python {interpreter.version}{', free-threaded' if interpreter.free_threaded else ''}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./scripts/test-pythons",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--python", type=Path, action="append", default=[], metavar="PATH", help="only this one; repeatable"
    )
    parser.add_argument(
        "--dependencies", choices=("newest", "oldest"), default="newest", help="within the ranges of pyproject.toml"
    )
    parser.add_argument(
        "--all-extras", action="store_true", help=f"also {', '.join(LARGE)}; about 400 MB for each Python"
    )
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="for pytest, after --, in place of the tests")
    return parser


if __name__ == "__main__":
    sys.exit(main())
