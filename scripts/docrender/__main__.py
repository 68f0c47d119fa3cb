"""Renders the marked regions of the documentation: `./scripts/render-docs --help`."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path

from .regions import REGIONS

ROOT = Path(__file__).resolve().parents[2]

_REGION = re.compile(r"(<!-- rendered: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """The pages that may contain regions."""
    named = ("README.md", "CONTRIBUTING.md", "openapi/README.md")
    return [*(ROOT / name for name in named), *sorted((ROOT / "docs").glob("*.md"))]


def render(text: str) -> str:
    """Fill the regions of a page.

    Raises:
        KeyError: if there is no region of a name.
    """
    return _REGION.sub(lambda match: f"{match[1]}\n{REGIONS[match[2]]()}\n\n{match[4]}", text)


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/render-docs",
        description="Render the regions of README.md, CONTRIBUTING.md, openapi/README.md and docs/ between "
        "'<!-- rendered: NAME -->' and '<!-- end -->': calls, coverage, settings, errors, retries, verdicts, "
        "and the sandbox's state, inventions, behaviors and faults.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and fail if a page differs")
    check = parser.parse_args().check
    differs = False
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = render(old)
        if new == old:
            continue
        differs = True
        name = page.relative_to(ROOT).as_posix()
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, f"{name}, rendered")
            )
        else:
            page.write_text(new, encoding="utf-8")
            print(f"rendered {name}")
    return int(check and differs)


if __name__ == "__main__":
    sys.exit(main())
