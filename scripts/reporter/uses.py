"""Finds the code that still uses a name which is gone: in the facade, tests, examples and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .changes import Change
from .specification import Specification

_FOLDERS = ("facade", "tests", "examples", "docs")
_SUFFIXES = frozenset({".md", ".py"})
# Records of releases, and code and reports that are generated.
_LEFT_OUT = re.compile(r"(^|/)(\.\w+|node_modules|tests/released/\d[^/]*|tests/golden/(generated|reports))/|_client/")


def located(root: Path, changes: Sequence[Change], new: Sequence[Specification]) -> list[Change]:
    """Replace the old names in `uses` by the lines that have them.

    Args:
        root: the tree.
        changes: the changes.
        new: its specifications. A line with a name that another field or argument has counts only if its file mentions
            the model or a call concerned, too.
    """
    if not any(change.uses for change in changes):
        return list(changes)
    values = [value for spec in new for model in spec.models.values() for value in model.fields.values()]
    values += [value for spec in new for call in spec.calls.values() for value in call.arguments.values()]
    common = {name for value in values for name in (value.python, value.fact.wire_name)}
    files = {path: path.read_text(encoding="utf-8", errors="replace") for path in _files(root)}
    return [replace(change, uses=tuple(_lines(root, change, files, common))) for change in changes]


def _files(root: Path) -> Iterator[Path]:
    yield from (path for path in [root / "README.md"] if path.is_file())
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in _SUFFIXES and not _LEFT_OUT.search(path.relative_to(root).as_posix()):
                yield path


def _lines(root: Path, change: Change, files: dict[Path, str], common: set[str]) -> Iterator[str]:
    if not change.uses:
        return
    names = "|".join(re.escape(name) for name in sorted(change.uses, key=len, reverse=True))
    # An attribute, a keyword or a name in quotes; the name of a module or a URL anywhere.
    bounded = rf"\b(?:{names})\b" if change.area in {"operation", "specification"} else ""
    pattern = re.compile(bounded or rf"\.(?:{names})\b|\b(?:{names})=(?!=)|[\"'`](?:{names})[\"'`]")
    about = [change.name.partition(".")[0], *(place.rpartition(".")[2] for place in change.where)]
    context = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in about))
    for path, text in files.items():
        if pattern.search(text) and (common.isdisjoint(change.uses) or context.search(text)):
            for number, line in enumerate(text.splitlines(), 1):
                if pattern.search(line):
                    yield f"{path.relative_to(root).as_posix()}:{number}"


__all__ = ["located"]
