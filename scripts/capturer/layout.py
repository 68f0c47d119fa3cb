"""Writes a draft as YAML, in the layout of the specs."""

from __future__ import annotations

from typing import Any

import yaml

from .components import TODO
from .drafting import REUSED, Draft

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
    lines.append(f"# It becomes part of a spec once nothing in it is marked {TODO}; open items are listed at the end.")
    lines += [f"# The operation belongs into {draft.target}."] if draft.target else []
    end: list[str] = []
    for title, entries in draft.remaining.items():
        (lines if title == REUSED else end).extend(["#", f"# {title}:", *(f"#   {entry}" for entry in entries)])
    return "\n".join([*lines, body.rstrip("\n"), *end[1:], ""])


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
