"""The pages of the site: those written by hand, in the order of the navigation, and those that are generated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .errors import SiteError
from .links import Links, Place
from .page import Page

Render = Callable[[str], str]

CONFIG = "docs/zensical.toml"
# Pages that are not in docs/, and where they stand on the site.
ELSEWHERE = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "openapi/README.md": "specs.md",
}
_LONGEST_SUMMARY = 200
_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


class Project(NamedTuple):
    """What the site is about."""

    root: Path
    version: str
    repository: str
    config: dict[str, Any]
    """The content of docs/zensical.toml."""

    @classmethod
    def read(cls, root: Path) -> Project:
        """Read the project of a repository."""
        version: dict[str, str] = {}
        exec((root / "facade/invigilate/_version.py").read_text(encoding="utf-8"), version)
        pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return cls(
            root,
            version["__version__"],
            pyproject["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"],
            tomllib.loads((root / CONFIG).read_text(encoding="utf-8")),
        )


class Entry(NamedTuple):
    """A page in the navigation of docs/zensical.toml."""

    section: tuple[str, ...]
    title: str
    file: str
    """Its path in the repository."""


def entries(nav: Iterable[Any], section: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Return the pages of a navigation, in order."""
    for item in nav:
        ((title, content),) = item.items()
        if isinstance(content, str):
            file = content.removeprefix("../") if content.startswith("../") else f"docs/{content}"
            yield Entry(section, title, file)
        else:
            yield from entries(content, (*section, title))


def pages(project: Project, generated: Iterable[Page], render: Render = str) -> list[Page]:
    """Collect the pages of the site, with links that work there.

    Args:
        project: the repository.
        generated: the pages of the reference.
        render: fills the tables of a page that lead into the reference.

    Raises:
        SiteError: if a page is missing or in no navigation, or a link leads nowhere.
    """
    root = project.root
    listed = list(entries(project.config["project"]["nav"]))
    names = [entry.file for entry in listed]
    there = {path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md")} | ELSEWHERE.keys()
    problems = [f"{name}: expected it once in `nav` of {CONFIG}" for name in sorted(there) if names.count(name) != 1]
    problems += [f"{CONFIG}: expected a page, got {name}" for name in names if name not in there]
    if problems:
        raise SiteError(problems)
    places = {
        entry.file: Place(ELSEWHERE.get(entry.file, entry.file.removeprefix("docs/")), entry.title) for entry in listed
    }
    links = Links(root, f"{project.repository}/blob/v{project.version}/{{}}", places)
    written = []
    for entry in listed:
        text = render(links.rewrite(entry.file, (root / entry.file).read_text(encoding="utf-8"), problems))
        written.append(Page(places[entry.file].path, entry.title, entry.section, text, summary(text)))
    found = [*written, *generated]
    by_path = {page.path: page for page in found}
    problems += sorted({f"{page.path}: two pages" for page in found if by_path[page.path] is not page})
    if problems:
        raise SiteError(problems)
    return found


def summary(text: str) -> str:
    """Return the first sentences of a page as plain text, in one line."""
    prose = re.sub(r"<!--.*?-->", "", _FENCED.sub("", text), flags=re.DOTALL)
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", prose))
    first = next((part for part in paragraphs if part and not part.startswith(("#", "|", "!", "<"))), "")
    line = " ".join(re.sub(r"!?\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", first).split())
    short = ""
    for sentence in re.split(r"(?<=[.:]) ", line):
        if short and len(short) + len(sentence) >= _LONGEST_SUMMARY:
            break
        short = f"{short} {sentence}".strip()
    return re.sub(r":$", ".", short)
