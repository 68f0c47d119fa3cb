"""The command behind `./scripts/regenerate --report`, `--record` and `--inferred`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import downstream, inferred, released, rendering
from .changes import ReportError
from .report import make
from .specification import load

ROOT = Path(__file__).resolve().parents[2]
EXIT_OK, EXIT_FAILED = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "report":
            return _report(options)
        if options.command == "record":
            return _record(options.version, options.output)
        own = options.spec is None
        found = inferred.inferred(ROOT) if own else inferred.inferred_in(load(options.spec, "", skip_refused=True))
        print(inferred.FORMS[options.format](found), end="")
    except ReportError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reporter",
        description="Report what a change means for callers of the Python API, and record releases.",
        epilog="Exit codes: 0 done, whatever the report says; 2 failed.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    script = "./scripts/regenerate"
    report = commands.add_parser("report", prog=f"{script} --report", help="compare this tree with a release")
    report.add_argument(
        "base",
        nargs="?",
        metavar="BASE",
        help="a version below tests/released/ (by default the newest that is not a pre-release), a folder with a "
        "record, or a git revision",
    )
    report.add_argument(
        "--spec",
        type=Path,
        help="compare this specification; BASE is then an older copy of it, such as openapi.yaml in the generated "
        "package, or a git revision of its repository",
    )
    report.add_argument("--package", help="the package that is generated from --spec; by default its name with _client")
    report.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    record = commands.add_parser(
        "record", prog=f"{script} --record", help="record this tree as a release to compare with"
    )
    record.add_argument(
        "--version", required=True, help="the version of this tree, as in facade/invigilate/_version.py"
    )
    record.add_argument("--output", type=Path, help="the output folder; by default tests/released/VERSION")
    listing = commands.add_parser("inferred", prog=f"{script} --inferred", help="list everything that is inferred")
    listing.add_argument("--spec", type=Path, help="list this specification instead")
    listing.add_argument("--format", choices=tuple(inferred.FORMS), default="text")
    return parser


def _report(options: argparse.Namespace) -> int:
    form = options.format
    if options.spec is None:
        with released.base(ROOT, options.base) as found:
            _check_generated()
            report = make(ROOT, found)
    elif options.base is None:
        raise ReportError("--spec needs BASE: an older copy of the specification, or a git revision")
    else:
        report = downstream.make(ROOT, options.spec, options.base, options.package)
    if form == "json":
        print(rendering.as_json(report), end="")
    elif form == "markdown":
        print(rendering.as_markdown(report), end="")
    else:
        colors = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(rendering.as_text(report, rendering.colored if colors else rendering.plain), end="")
    return EXIT_OK


def _check_generated() -> None:
    """Refuse to report on packages that do not match the specifications: it would report half of the change."""
    command = [sys.executable, "-m", "regenerator", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 1:
        raise ReportError("generated/ does not match the specifications; run ./scripts/regenerate first")
    if done.returncode not in {0, 3}:
        raise ReportError(done.stderr.strip() or "code cannot be generated from the specifications")


def _record(version: str, output: Path | None) -> int:
    current = released.version(ROOT)
    if version != current:
        raise ReportError(f"version: expected {current}, as in facade/invigilate/_version.py, got {version!r}")
    place = ROOT / "tests" / "released" / version
    folder = output or place
    if folder.resolve() == place.resolve() and released.is_tagged(ROOT, version):
        raise ReportError(
            f"{version} is released (the tag v{version} exists), and its record must not change; set the next "
            "version first, or name another folder with --output"
        )
    _check_generated()
    names = released.record(ROOT, folder)
    print(f"{version} is recorded in {folder}: {', '.join(names)}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
