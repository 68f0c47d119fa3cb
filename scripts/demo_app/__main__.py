"""Runs the demo: `./scripts/demo --help`."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from invigilate import InvigilateError, ISpringLearn, SmarterProctoring
from invigilate.sandbox import Sandbox

from .chapters import CHAPTERS, SHORT, set_stage
from .screen import Screen

_OUTPUT = Path(__file__).resolve().parents[2] / "demo-output"
_ROWS = 40_000
_ROWS_SHORT = 5_000


def main() -> int:
    """Run the command, and return its exit status."""
    options = _parser().parse_args()
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal cannot encode become question marks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        rows = options.rows if options.rows is not None else _ROWS_SHORT if options.short else _ROWS
        run(rows, options.output, short=options.short)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader closed the pipe
        return 0
    except (InvigilateError, OSError) as error:
        print(f"demo: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def run(rows: int, folder: Path, *, short: bool) -> None:
    """Run the chapters, and print how to read the documentation.

    Args:
        rows: rows of the report at the start.
        folder: where the report is written.
        short: whether to run only the chapters of `SHORT`, without details.
    """
    folder.mkdir(parents=True, exist_ok=True)
    screen = Screen()
    with (
        Sandbox(seed=7, report_rows=rows) as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
        ISpringLearn(
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            account_url=sandbox.account_url,
            base_url=sandbox.ispring_url,
        ) as ispring,
    ):
        screen.title(
            "A booking with invigilate" if short else "A term with invigilate",
            "All requests go to a sandbox of SmarterProctoring and iSpring Learn on this machine; nothing leaves it.",
        )
        stage = set_stage(screen, sandbox, client, ispring, folder, short=short)
        for chapter in SHORT if short else CHAPTERS:
            screen.chapter((chapter.__doc__ or "").partition("\n")[0].removesuffix("."))
            chapter(stage)
        screen.end("Documentation: ./scripts/docs serve, then http://127.0.0.1:8000/")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Shows a term in SmarterProctoring and iSpring Learn, with real requests to the sandbox.",
    )
    parser.add_argument(
        "--rows",
        type=_count,
        metavar="N",
        help=f"rows of the report; {_ROWS:,} by default, {_ROWS_SHORT:,} with --short",
    )
    parser.add_argument(
        "--short", action="store_true", help="only book a session, find out about a lost response, and read the report"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=_OUTPUT,
        metavar="FOLDER",
        help="where the report is written; demo-output by default",
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("expected an integer of at least 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
