"""Links of a page in the repository, as links of the same page on the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# Fenced blocks, code spans and comments, in which nothing is a link; then links that are called by a file, and others.
_PARTS = re.compile(
    r"^(?P<fence> *(?:`{3,}|~{3,})).*?^(?P=fence)`* *$"
    r"|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
    r"|<!--.*?-->"
    r"|\[(?P<label>[\w./-]+\.md)\](?=\((?P<labeled>[^)\s]+))"
    r"|(?:(?<=\]\()|^\[[^\]\n]+\]: +)(?P<target>[^)\s]+)",
    re.DOTALL | re.MULTILINE,
)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
README = "README.md"


class Place(NamedTuple):
    """Where a page is on the site."""

    path: str
    title: str


class Links:
    """Where links of pages in the repository lead on the site.

    Args:
        root: the repository.
        files: URL of a file of the repository at the version that is documented, with `{}` for its path.
        pages: the handwritten pages, by their paths in the repository.
    """

    def __init__(self, root: Path, files: str, pages: Mapping[str, Place]) -> None:
        self._root = root
        self._files = files
        self._pages = pages

    def rewrite(self, page: str, text: str, problems: list[str]) -> str:
        """Return a page with links that work on the site.

        Args:
            page: its path in the repository.
            text: its content.
            problems: receives a line for each link that leads nowhere.
        """

        def replace(match: re.Match[str]) -> str:
            if (label := match["label"]) is not None:
                place = self._pages.get(_file(page, match["labeled"]))
                return f"[{place.title}]" if place else f"[{label}]"
            target = match["target"]
            if target is None:
                return match[0]
            new = self._target(page, target)
            if new is None:
                problems.append(f"{page}: expected a link to a page or file, got {target}")
                return match[0]
            return match[0][: -len(target)] + new

        return _PARTS.sub(replace, text)

    def _target(self, page: str, target: str) -> str | None:
        path, hash_sign, fragment = target.partition("#")
        if not path or _ABSOLUTE.match(target):
            return target
        file = _file(page, target)
        anchor = hash_sign + fragment
        # The home page is the site's README, but has other headings.
        place = self._pages.get("docs/index.md" if file == README and not anchor else file)
        on_site = place.path if place else None
        if on_site is None and file.startswith("docs/") and (self._root / file).is_file():
            on_site = file.removeprefix("docs/")
        if on_site is not None:
            return posixpath.relpath(on_site, posixpath.dirname(self._pages[page].path) or ".") + anchor
        if file.startswith("..") or not (self._root / file).exists():
            return None
        url = self._files.format(file)
        return (url.replace("/blob/", "/tree/", 1) if (self._root / file).is_dir() else url) + anchor


def _file(page: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target.partition("#")[0]))
