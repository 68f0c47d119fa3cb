"""Everything in the specifications that is inferred rather than documented, in one list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regenerator.facts import METHODS

from .released import specifications
from .specification import Specification, load


@dataclass(frozen=True)
class Inferred:
    """One `x-inferred`.

    Attributes:
        specification: the file.
        operations: the operations and webhooks concerned, by operationId; empty if it concerns the whole document.
        pointer: its place, as a JSON pointer.
        place: the same with names of parameters instead of their indexes.
        reason: its text.
    """

    specification: str
    operations: tuple[str, ...]
    pointer: str
    place: str
    reason: str


def inferred(root: Path) -> list[Inferred]:
    """List every `x-inferred` of all specifications of a tree, in the order of the documents.

    Raises:
        ReportError: if a specification cannot be read.
    """
    files = specifications(root).items()
    return [entry for file, package in files for entry in inferred_in(load(root / "openapi" / file, package))]


def inferred_in(spec: Specification) -> list[Inferred]:
    """List every `x-inferred` of a specification, in the order of the document."""
    found: list[Inferred] = []
    for path, reason in _marks(spec.root, ()):
        listed = path[0] in {"paths", "webhooks"}
        operations = _operations(spec, path) if listed else tuple(spec.users.get(path[:3], ()))
        place = _pointer(_named(spec, path))
        found.append(Inferred(spec.source, operations, _pointer(path), place, " ".join(str(reason).split())))
    return found


def _operations(spec: Specification, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the operations below a path that a place in it concerns: one, or all of them."""
    item = spec.root[path[0]][path[1]]
    methods = path[2:3] if path[2:3] and path[2] in METHODS else METHODS
    return tuple(str(item[method].get("operationId", "")) for method in methods if method in item)


def _named(spec: Specification, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path with the names of parameters instead of their indexes."""
    node: Any = spec.root
    names: list[str] = []
    for part in path:
        listed = isinstance(node, list)
        node = node[int(part)] if listed else node[part]
        parameter = listed and names[-1:] == ["parameters"]
        names.append(str(spec.document.resolve(node)[0]["name"]) if parameter else part)
    return tuple(names)


def _marks(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "x-inferred" and path[-1:] != ("properties",):
                yield path, value
            else:
                yield from _marks(value, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _marks(item, (*path, str(index)))


def _pointer(path: tuple[str, ...]) -> str:
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def as_json(entries: list[Inferred]) -> str:
    """Return the list for other scripts; see the documentation of this package."""
    return json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False) + "\n"


def as_text(entries: list[Inferred]) -> str:
    """Return the list for a terminal, by specification and operations."""
    lines = [f"{len(entries)} places where something is inferred rather than documented"]
    for (file, operations), group in _grouped(entries):
        lines += ["", f"{file}: {', '.join(operations) or 'the whole document'}"]
        for entry in group:
            lines += [f"  {entry.place}", f"      {entry.reason}"]
    return "\n".join(lines) + "\n"


def as_markdown(entries: list[Inferred]) -> str:
    """Return the list as Markdown, with a table for each set of operations."""
    lines = [f"{len(entries)} places where something is inferred rather than documented."]
    for (file, operations), group in _grouped(entries):
        named = ", ".join(f"`{one}`" for one in operations) or "the whole document"
        lines += ["", f"### {file}: {named}", "", "| where | why |", "|---|---|"]
        lines += [f"| `{entry.place}` | {_cell(entry.reason)} |" for entry in group]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _grouped(entries: list[Inferred]) -> list[tuple[tuple[str, tuple[str, ...]], list[Inferred]]]:
    groups: dict[tuple[str, tuple[str, ...]], list[Inferred]] = {}
    for entry in entries:
        groups.setdefault((entry.specification, entry.operations), []).append(entry)
    return list(groups.items())


FORMS: dict[str, Callable[[list[Inferred]], str]] = {"text": as_text, "markdown": as_markdown, "json": as_json}
"""The formats of the list, by name."""

__all__ = ["FORMS", "Inferred", "as_json", "as_markdown", "as_text", "inferred"]
