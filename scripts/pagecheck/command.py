"""The command: reads pages and specs, compares them, and prints the result."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .comparison import KINDS, Comparison
from .facts import Difference, Page, PageError, SpecError
from .help_page import is_help_page, read_help_page
from .lines import plain
from .reference_page import is_reference_page, read_reference_page
from .specification import Spec, find_operation, load_specs

VARIABLE = "INVIGILATE_PAGES"
_SPECS = Path(__file__).resolve().parents[2] / "openapi"


@dataclass
class Result:
    """The result for a folder of pages."""

    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """Number of facts compared by kind, for each readable page."""
    operations: dict[str, str] = field(default_factory=dict[str, str])
    """The operation of each page."""
    differences: list[str] = field(default_factory=list[str])
    readable: int = 0


def read_page(file: str, content: str) -> Page:
    """Read all facts of a saved page, of either vendor."""
    raw = content.splitlines()
    lines = [plain(line) for line in raw]
    if is_reference_page(lines):
        return read_reference_page(file, raw)
    if is_help_page(lines):
        return read_help_page(file, raw)
    raise PageError("not a documentation page of a known form")


def compare(pages: Mapping[str, str], specs: Sequence[Spec]) -> Result:
    """Compare saved pages, by file name, with the specs."""
    result = Result()
    for file, content in sorted(pages.items()):
        try:
            page = read_page(file, content)
        except PageError as error:
            result.differences.append(f"{file}: the page cannot be read: {error}")
            continue
        result.readable += 1
        operation = find_operation(specs, page.method, page.path)
        if operation is None:
            request = f"{page.method} {page.path}"
            result.differences.append(str(Difference(file, "operation", request, "nothing")))
            continue
        comparison = Comparison(page, operation)
        try:
            comparison.run()
        except SpecError as error:
            result.differences.append(f"{file}: the spec cannot be compared: {error}")
            continue
        result.counts[file] = comparison.counts
        if operation.name in result.operations.values():
            result.differences.append(f"{file}: another page documents the same operation {operation.name}")
        result.operations[file] = operation.name
        result.differences += map(str, comparison.differences)
    return result


def render(result: Result) -> str:
    """Return a table of the facts compared, one row per page."""
    rows = [["page", "operation", *KINDS, "facts"]]
    for file, counts in result.counts.items():
        cells = [str(counts[kind]) for kind in KINDS]
        rows.append([file, result.operations[file], *cells, str(counts.total())])
    sums = [sum(counts[kind] for counts in result.counts.values()) for kind in KINDS]
    rows.append(["all", "", *map(str, sums), str(sum(sums))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0: no difference; 1: differences; 2: nothing to compare."""
    parser = argparse.ArgumentParser(
        prog="compare-pages",
        description="Compares saved documentation pages with the specs, fact by fact.",
        epilog="exit status: 0 no difference, 1 differences, 2 no folder or no readable page",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help=f"folder with the pages as *.txt (default: environment variable {VARIABLE})",
    )
    parser.add_argument("--specs", type=Path, default=_SPECS, help="folder with the specs (default: openapi/)")
    options = parser.parse_args(arguments)
    folder: Path | None = options.folder
    if folder is None and os.environ.get(VARIABLE):
        folder = Path(os.environ[VARIABLE])
    if folder is None:
        print(f"compare-pages: no folder: pass a folder of saved pages, or set {VARIABLE}", file=sys.stderr)
        return 2
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    pages = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}
    result = compare(pages, load_specs(sorted(options.specs.glob("*.yaml"))))
    for line in result.differences:
        print(line, file=sys.stderr)
    if not result.readable:
        print(f"compare-pages: no page in {folder} can be read", file=sys.stderr)
        return 2
    print(render(result))
    if result.differences:
        print(f"\n{len(result.differences)} differences", file=sys.stderr)
        return 1
    return 0
