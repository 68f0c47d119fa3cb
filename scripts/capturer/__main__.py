"""The command behind `scripts/capture`."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from .drafting import draft
from .facts import PageError, SpecError
from .layout import as_yaml
from .specification import Spec, load_specs
from .verification import as_text, read_page, status, verify

VARIABLE = "INVIGILATE_PAGES"
_SPECS = Path(__file__).resolve().parents[2] / "openapi"
_UNREADABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="capture",
        description="Draft an operation from a saved documentation page, or compare saved pages with the specs.",
        epilog="exit status: 0 draft printed, or no difference; 1 with --verify: pages and specs differ; "
        "2 a page or a spec cannot be read. docs/capturing.md describes the way from a page to an operation.",
    )
    parser.add_argument(
        "page",
        nargs="*",
        type=Path,
        metavar="PAGE",
        help="a page saved as text or Markdown; with --verify also folders of pages (default: environment variable "
        f"{VARIABLE})",
    )
    parser.add_argument("--verify", action="store_true", help="compare the pages with the specs and change nothing")
    parser.add_argument("--url", help="the URL of the page, for x-capture; saved pages do not contain it")
    parser.add_argument(
        "--date", type=datetime.date.fromisoformat, help="the day of transcription, as 2026-11-21 (default: today)"
    )
    parser.add_argument(
        "--specs", type=Path, default=_SPECS, help="folder with the specs, or a single spec (default: openapi/)"
    )
    # scripts/capture passes these to tests/pages/edits.py; here they are only listed.
    edits = parser.add_argument_group("the share of edits that is found", "instead of everything above")
    edits.add_argument("--edits", metavar="N", help="edit N facts of saved pages, or all; must come first")
    edits.add_argument("--seed", type=int, metavar="N", help="with --edits: which facts are chosen (default: 1)")
    options = parser.parse_args(arguments)
    if options.edits is not None or options.seed is not None:
        parser.error("--edits must be the first argument, and --seed needs it")
    if options.verify and not options.page and os.environ.get(VARIABLE):
        options.page = [Path(os.environ[VARIABLE])]
    if not options.page:
        parser.error(f"no page: pass PAGE, or with --verify set {VARIABLE}")
    if options.verify and (options.url or options.date):
        parser.error("--url and --date are for a draft")
    if not options.verify and len(options.page) != 1:
        parser.error("a draft needs exactly one page")
    if options.url and not options.url.startswith("https://"):
        parser.error("--url: expected an https URL")
    if options.date and options.date > datetime.date.today():
        parser.error("--date: expected a date that is not in the future")
    try:
        specs = read_specs(options.specs)
        pages = read_pages(options.page)
        if not options.verify:
            ((name, text),) = pages.items()
            page, date = read_page(name, text), options.date or datetime.date.today()
            print(as_yaml(draft(page, specs, address=options.url, date=date.isoformat())), end="")
            return 0
    except (PageError, SpecError, yaml.YAMLError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr)
        return _UNREADABLE
    verdicts = verify(pages, specs)
    print(as_text(verdicts))
    return status(verdicts)


def read_specs(place: Path) -> list[Spec]:
    """Read one spec, or all specs in a folder."""
    specs = load_specs(sorted(place.glob("*.yaml")) if place.is_dir() else [place])
    if not specs:
        raise SpecError(f"{place} contains no OpenAPI document")
    return specs


def read_pages(places: Sequence[Path]) -> dict[str, str]:
    """Read pages, and all pages in folders, by their shortest unambiguous names."""
    files: dict[Path, None] = {}
    for place in places:
        found = sorted([*place.glob("*.txt"), *place.glob("*.md")]) if place.is_dir() else [place]
        if not found:
            raise PageError(f"{place} contains no saved page (*.txt, *.md)")
        files |= dict.fromkeys(found)
    plain = [file.name for file in files]
    return {
        file.name if plain.count(file.name) == 1 else str(file): file.read_text(encoding="utf-8", errors="replace")
        for file in files
    }


if __name__ == "__main__":
    sys.exit(main())
