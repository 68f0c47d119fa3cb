"""The command behind `scripts/capture`."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from pagecheck.command import read_page
from pagecheck.facts import PageError, SpecError
from pagecheck.specification import Spec, load_specs

from . import layout, verification
from .drafting import draft

_SPECS = Path(__file__).resolve().parents[2] / "openapi"
EXIT_OK, EXIT_DRIFT, EXIT_UNREADABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="capture",
        description="Draft an operation from a saved documentation page, or compare saved pages with the specs.",
        epilog="exit status: 0 draft printed, or no difference; 1 with --verify: pages and specs differ; "
        "2 a page or a spec cannot be read. docs/capturing.md describes the way from a page to an operation.",
    )
    parser.add_argument(
        "page", nargs="+", type=Path, metavar="PAGE", help="a page saved as text; or, with --verify, a folder"
    )
    parser.add_argument("--verify", action="store_true", help="compare the pages with the specs and change nothing")
    parser.add_argument(
        "--format",
        choices=("yaml", "json", "text"),
        help="of the draft: yaml (the default) or json; of --verify: text (the default) or json",
    )
    parser.add_argument("--url", help="the URL of the page, for x-capture; saved pages do not contain it")
    parser.add_argument("--date", help="the day of transcription, as 2026-11-21 (default: today)")
    parser.add_argument(
        "--specs", type=Path, default=_SPECS, help="folder with the specs, or a single spec (default: openapi/)"
    )
    options = parser.parse_args(arguments)
    allowed = ("text", "json") if options.verify else ("yaml", "json")
    options.format = options.format or allowed[0]
    if options.format not in allowed:
        parser.error(f"--format {options.format} is not for {'--verify' if options.verify else 'a draft'}")
    if options.verify and (options.url or options.date):
        parser.error("--url and --date are for a draft")
    if not options.verify and len(options.page) != 1:
        parser.error("a draft needs exactly one page")
    if options.url and not options.url.startswith("https://"):
        parser.error("--url: expected an https URL")
    if options.date and not _is_date(options.date):
        parser.error("--date: expected a date like 2026-11-21, not in the future")
    try:
        specs = _specs(options.specs)
        if options.verify:
            return _verify(_pages(options.page), specs, options.format)
        name, text = next(iter(_pages(options.page).items()))
        made = draft(read_page(name, text), specs, address=options.url, date=options.date)
    except (PageError, SpecError, yaml.YAMLError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr)
        return EXIT_UNREADABLE
    print(layout.as_yaml(made) if options.format == "yaml" else layout.as_json(made), end="")
    return EXIT_OK


def _verify(pages: dict[str, str], specs: list[Spec], form: str) -> int:
    verdicts = verification.verify(pages, specs)
    print(verification.as_text(verdicts) if form == "text" else verification.as_json(verdicts))
    return verification.status(verdicts)


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text) <= datetime.date.today() and len(text) == 10
    except ValueError:
        return False


def _specs(place: Path) -> list[Spec]:
    files = sorted(place.glob("*.yaml")) if place.is_dir() else [place]
    specs = load_specs(files)
    if not specs:
        raise SpecError(f"{place} contains no OpenAPI document")
    return specs


def _pages(places: Sequence[Path]) -> dict[str, str]:
    """Read pages, and all pages in folders, by their shortest unambiguous names."""
    files: list[Path] = []
    for place in places:
        found = sorted(place.glob("*.txt")) if place.is_dir() else [place]
        if not found:
            raise PageError(f"{place} contains no saved page (*.txt)")
        files += [file for file in found if file not in files]
    plain = [file.name for file in files]
    return {
        file.name if plain.count(file.name) == 1 else str(file): file.read_text(encoding="utf-8", errors="replace")
        for file in files
    }


if __name__ == "__main__":
    sys.exit(main())
