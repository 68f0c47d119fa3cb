"""The site for programs: Markdown twins of the pages, and llms.txt (https://llmstxt.org)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from .page import Page


def write(pages: Iterable[Page], settings: dict[str, Any], site: Path) -> None:
    """Add the twins of the pages, `llms.txt` and `llms-full.txt` to a site.

    Args:
        pages: the pages, in the order of the navigation.
        settings: the site's name and description, as Zensical calls them.
        site: the folder of the site.
    """
    pages = list(pages)
    for page in pages:
        # The twin of `<page>/` is `<page>.md`, so that links among twins are those of the sources.
        twin = site / page.path
        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_text(page.text, encoding="utf-8")
    name, description = settings["site_name"], settings["site_description"]
    (site / "llms.txt").write_text(index(name, description, pages), encoding="utf-8")
    whole = "\n".join(f"<!-- {page.path} -->\n\n{page.text.strip()}\n" for page in pages)
    (site / "llms-full.txt").write_text(whole, encoding="utf-8")


def index(name: str, description: str, pages: Iterable[Page]) -> str:
    """Return the content of llms.txt."""
    lines = [f"# {name}", "", f"> {description}", "", "All pages in one file: [llms-full.txt](llms-full.txt)."]
    for section, inside in groupby(pages, lambda page: page.section[:2]):
        lines += ["", f"## {': '.join(section) or 'Start'}", ""]
        lines += [f"- [{page.title}]({page.path}): {page.summary}" for page in inside]
    return "\n".join(lines) + "\n"
