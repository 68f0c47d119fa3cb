"""Builds and serves the documentation site: `./scripts/docs --help`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from . import reference
from .build import build
from .errors import SiteError
from .server import server, url

ROOT = Path(__file__).resolve().parents[2]


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/docs",
        description="Build the documentation site: the pages of docs/, and the reference, which is generated from the "
        "specs and docstrings. Each version has a folder of its own; those of other versions are kept, and `latest` "
        "is a copy of the newest.",
    )
    parser.add_argument("command", choices=["build", "serve"], help="serve builds, then serves on 127.0.0.1")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    parser.add_argument("--port", type=_port, default=8000, help="of serve; 0 takes a free one (default: 8000)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "build":
        return _build(options.output)
    try:
        serving = server(options.output, options.port)
    except OSError as error:
        print(f"--port: expected a free port, got {options.port}: {error}", file=sys.stderr)
        return 1
    with serving:
        if code := _build(options.output):
            return code
        print(f"serving {url(serving)} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            serving.serve_forever()
    return 0


def _build(output: Path) -> int:
    try:
        folder = build(ROOT, output, reference.pages(), reference.rendered)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"built {folder}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
