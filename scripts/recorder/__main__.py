"""Records the command line into the documentation: `./scripts/record-terminal --help`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
_REGION = re.compile(r"(<!-- recorded: (\w+) -->\n\n```\n).*?(```\n\n<!-- end -->)", re.DOTALL)


def record() -> dict[str, str]:
    """Play all scenes; see `scenes.record`."""
    from . import scenes  # late: it imports the sandbox, which --help does not need

    return scenes.record()


def render(text: str, recordings: Mapping[str, str]) -> str:
    """Insert recordings into the regions of a page.

    Raises:
        KeyError: if there is no recording of that name.
    """
    return _REGION.sub(lambda region: f"{region[1]}{recordings[region[2]]}\n{region[3]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line, by default the process's own.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="./scripts/record-terminal",
        description="Runs the command line in a pseudo-terminal against a sandbox, and writes what a person would "
        "see to docs/command-line.md.",
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page is out of date")
    options = parser.parse_args(arguments)
    recordings = record()
    # Recording takes a while; the page may have been edited meanwhile.
    before = PAGE.read_text(encoding="utf-8")
    after = render(before, recordings)
    if options.check:
        if before != after:
            print("docs/command-line.md is out of date: run ./scripts/record-terminal")
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
