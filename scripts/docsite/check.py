"""Finds what is broken in a built site: dead links and anchors, images without an alternative, code shown as text."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

# Folders of versions are beside each other, so that links cannot begin at the root.
_ROOT = "http://site/"
_HERE = f"{_ROOT}version/"
# What may show a fence.
_CODE = {"code", "pre", "script", "style"}


class _Document(HTMLParser):
    """Collects the links and anchors of a page, and fences that are shown as text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.without_alt: list[str] = []
        self.fences: list[str] = []
        self._code = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        found = dict(attrs)
        self._code += tag in _CODE
        self.anchors.update(found[name] or "" for name in ("id", "name") if found.get(name))
        for name in ("href", "src"):
            if name in found and tag != "base":
                self.links.append(found[name] or "")
        if tag == "img" and found.get("alt") is None:
            self.without_alt.append(found.get("src") or "")

    def handle_endtag(self, tag: str) -> None:
        """Look at the end of an element."""
        self._code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        """Look at a text."""
        if "```" in data and not self._code:
            self.fences.append(" ".join(data[data.index("```") :].split())[:40])


def problems(site: Path) -> Iterator[str]:
    """Describe what is broken in the pages of a site.

    Only the link to the latest version may leave the folder.
    """
    documents = {path: _Document(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, document in documents.items():
        name = path.relative_to(site).as_posix()
        for source in document.without_alt:
            yield f"{name}: expected an alternative text for the image {source}"
        for fence in document.fences:
            yield f"{name}: expected a block of code, got text: {fence}"
        for link in dict.fromkeys(document.links):
            if (why := _dead(site, name, link, documents)) is not None:
                yield f"{name}: {why}: {link}"


def _dead(site: Path, page: str, link: str, documents: dict[Path, _Document]) -> str | None:
    target = urljoin(_HERE + page, link)
    if not target.startswith(_ROOT) or target == f"{_ROOT}latest/":
        return None
    if not target.startswith(_HERE):
        return "link to another version"
    parts = urlsplit(target.removeprefix(_HERE))
    file = site / unquote(parts.path)
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return "dead link"
    if parts.fragment and file in documents and unquote(parts.fragment) not in documents[file].anchors:
        return "dead anchor"
    return None
