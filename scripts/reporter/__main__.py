"""The command behind `./scripts/regenerate --report`, `--record` and `--inferred`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import inferred, released, rendering
from .changes import ReportError
from .report import make

ROOT = Path(__file__).resolve().parents[2]
EXIT_OK, EXIT_FAILED = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "report":
            return _report(options.base, options.format)
        if options.command == "record":
            return _record(options.version, options.output)
        print(inferred.FORMS[options.format](inferred.inferred(ROOT)), end="")
    except ReportError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reporter",
        description="Say what a change means for callers of the Python API, and keep what was released.",
        epilog="Exit codes: 0 done, whatever the report says; 2 it could not be made.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    script = "./scripts/regenerate"
    report = commands.add_parser("report", prog=f"{script} --report", help="compare this tree with a release")
    report.add_argument(
        "base",
        nargs="?",
        metavar="BASE",
        help="a version below tests/released/ (by default the newest that is no pre-release), a folder with a record, "
        "or a git revision",
    )
    report.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    record = commands.add_parser(
        "record", prog=f"{script} --record", help="keep this tree as a release to compare with"
    )
    record.add_argument(
        "--version", required=True, help="the version of this tree, as in facade/invigilate/_version.py"
    )
    record.add_argument("--output", type=Path, help="the folder to write; by default tests/released/VERSION")
    listing = commands.add_parser("inferred", prog=f"{script} --inferred", help="list everything that is inferred")
    listing.add_argument("--format", choices=tuple(inferred.FORMS), default="text")
    return parser


def _report(base: str | None, form: str) -> int:
    with released.base(ROOT, base) as found:
        _check_generated()
        report = make(ROOT, found)
    if form == "json":
        print(rendering.as_json(report), end="")
    elif form == "markdown":
        print(rendering.as_markdown(report), end="")
    else:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(rendering.as_text(report, rendering.coloured if colours else rendering.plain), end="")
    return EXIT_OK


def _check_generated() -> None:
    """Refuse to report on packages that are not what the specifications make: it would tell half of the change."""
    command = [sys.executable, "-m", "regenerator", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 1:
        raise ReportError("generated/ is not what the specifications make; run ./scripts/regenerate first")
    if done.returncode not in {0, 3}:
        raise ReportError(done.stderr.strip() or "the specifications cannot be generated from")


def _record(version: str, output: Path | None) -> int:
    current = released.version(ROOT)
    if version != current:
        raise ReportError(
            f"version: expected {current}, as in facade/invigilate/_version.py, and {version!r} was given"
        )
    place = ROOT / "tests" / "released" / version
    folder = output or place
    if folder.resolve() == place.resolve() and released.is_tagged(ROOT, version):
        raise ReportError(
            f"{version} is released (the tag v{version} exists), and its record stays what was released; set the next "
            "version first, or name another folder with --output"
        )
    _check_generated()
    names = released.record(ROOT, folder)
    print(f"{version} is kept in {folder}: {', '.join(names)}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
