"""Writes a draft as YAML, in the layout of the specs, or as JSON."""

from __future__ import annotations

import json
from typing import Any

import yaml

from .components import TODO
from .drafting import Draft

# Short lists that the specs write on one line.
_IN_LINE = frozenset({"type", "tags", "required", "examples"})
_WIDTH = 120


class _Flow(list[Any]):
    """A list that goes on one line."""


class _Writer(yaml.SafeDumper):
    """Indents lists below their key, and writes shared values twice instead of using YAML anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_flow(writer: yaml.SafeDumper, data: _Flow) -> yaml.Node:
    return writer.represent_sequence("tag:yaml.org,2002:seq", list(data), flow_style=True)


_Writer.add_representer(_Flow, _write_flow)


def as_yaml(draft: Draft) -> str:
    """Return the draft as YAML, with what it lacks in comments at its end."""
    body = yaml.dump(_arranged(draft.document), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=_WIDTH)
    lines = [f"# Draft of {draft.page.method} {draft.page.path}, made from {draft.page.file}."]
    lines.append(f"# It becomes part of a spec once nothing in it is marked {TODO}; what is open stands at the end.")
    if draft.target:
        lines.append(f"# The operation belongs into {draft.target}.")
    for title, entries in remaining(draft).items():
        if title == _REUSED:
            lines += ["#", f"# {title}:", *(f"#   {entry}" for entry in entries)]
    end: list[str] = []
    for title, entries in remaining(draft).items():
        if title != _REUSED:
            end += ["#", f"# {title}:", *(f"#   {entry}" for entry in entries)]
    return "\n".join([*lines, body.rstrip("\n"), *end[1:], ""])


def as_json(draft: Draft) -> str:
    """Return the draft as JSON, with what it lacks under `x-draft`."""
    document = {**draft.document, "x-draft": {"page": draft.page.file, "target": draft.target, **remaining(draft)}}
    return json.dumps(document, indent=2, ensure_ascii=False)


_REUSED = "In that spec already, and here only to make the draft whole"


def remaining(draft: Draft) -> dict[str, list[str]]:
    """Return everything that the draft lacks or adds to the page, by kind."""
    found: dict[str, list[str]] = {}
    if draft.captured:
        found["Captured already"] = [
            f"{draft.target} has {draft.captured} with this method and path; ./scripts/capture --verify compares them"
        ]
    found[_REUSED] = draft.reused
    found[f"Marked {TODO}, for a person to decide or to write"] = [
        f"{key} ({len(places)} places)" if len(places) > 3 else f"{key}: {'; '.join(places)}"
        for key, places in draft.undecided.items()
    ]
    found["Not on the page, or not readable from it"] = draft.unread
    found["On the page in the vendor's words, to be rephrased"] = draft.prose
    found["Suggested by a name or a description, to be confirmed"] = [
        f"{key}: {'; '.join(places)}" for key, places in draft.suggested.items()
    ]
    found["Chosen here: names of the operation and of schemas"] = [
        draft.document["paths"][draft.page.path][draft.page.method.lower()]["operationId"],
        *(name for name in draft.document["components"]["schemas"] if f"schemas/{name}" not in draft.reused),
    ]
    found["The page contradicts itself, so the draft cannot match all of it"] = draft.contradictions
    return {title: entries for title, entries in found.items() if entries}


def _arranged(node: Any, key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _arranged(value, name) for name, value in node.items()}
    if not isinstance(node, list):
        return node
    items = [_arranged(item) for item in node]
    plain = all(not isinstance(item, dict | list) for item in items)
    if plain and (not items or (key in _IN_LINE and sum(len(str(item)) + 2 for item in items) < _WIDTH - 40)):
        return _Flow(items)
    return items
