"""The index of the search, in an order that answers questions.

Zensical 0.0.73 has no setting for ranking. It shows words of a title before words of the text, and those at the
beginning before others; entries that are alike stay in the order of the index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .page import Page

INDEX = "search.json"
# Their members have names such as `total` and `schedule_before`, which are words of the guides.
_TEST_TOOLS = {"Sandbox", "Faults of the sandbox"}

Item = dict[str, Any]


def tune(pages: Iterable[Page], site: Path) -> None:
    """Rewrite the index of a site: guides first, then one entry for each page of the generated reference.

    Args:
        pages: the pages, in the order of the navigation.
        site: the folder of the site.
    """
    file = site / INDEX
    index = json.loads(file.read_text(encoding="utf-8"))
    index["items"] = list(ordered(pages, index["items"]))
    file.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def ordered(pages: Iterable[Page], items: Iterable[Item]) -> Iterator[Item]:
    """Return the entries of an index in their new order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item["location"].partition("#")[0], []).append(item)
    pages = sorted(pages, key=lambda page: page.path.startswith("reference/"))
    for page in pages:
        of_page = found.get(_location(page.path), [])
        yield from _folded(page, of_page) if page.path.startswith("reference/") else of_page


def _location(path: str) -> str:
    return path.removesuffix("index.md") if path.endswith("index.md") else path.removesuffix(".md") + "/"


def _folded(page: Page, items: list[Item]) -> Iterator[Item]:
    """Move the parts of a page into its first entry; members of classes stay, after the name of their class."""
    if not items:
        return
    first, *rest = items
    is_class = "classes" in page.path.split("/") and not _TEST_TOOLS & set(page.section)
    members = [item for item in rest if is_class and item["level"] > 2]
    texts = [first["text"]] + [f"{item['title']} {item['text']}" for item in rest if item not in members]
    variable, _, name = first["title"].rpartition(".")
    title = f"{name} ({variable})" if variable else first["title"]
    yield {**first, "title": title, "text": " ".join(filter(None, texts))}
    for item in members:
        yield {**item, "title": f"{page.title}.{item['title']}"}
