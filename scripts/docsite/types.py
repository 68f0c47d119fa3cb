"""Python types, in words."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

_WORDS = {"Mapping": "mapping", "Unset": "", "R": "a row", "Self": "this object"}


def in_words(annotation: str, *, anything: str = "any JSON value", without: Collection[str] = ()) -> str:
    """Write a type as a person does: `list[str] | None | Unset` is "list of `str`, or `None`".

    Args:
        annotation: the type, as Python.
        anything: what `Any` is.
        without: alternatives to leave out.
    """
    words = {**_WORDS, "Any": anything, **dict.fromkeys(without, "")}
    return _joined(ast.parse(annotation, mode="eval").body, words)


def _joined(node: ast.expr, words: dict[str, str]) -> str:
    parts = list(dict.fromkeys(filter(None, (_word(each, words) for each in _alternatives(node)))))
    comma = "," if len(parts) > 2 or any(" of " in part for part in parts[:-1]) else ""
    return f"{', '.join(parts[:-1])}{comma} or {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from _alternatives(node.left)
        yield from _alternatives(node.right)
    else:
        yield node


def _word(node: ast.expr, words: dict[str, str]) -> str:
    match node:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inside):
            values = ast.literal_eval(inside)
            return f"`{type(values[0] if isinstance(values, tuple) else values).__name__}`"
        case ast.Subscript(value=ast.Name(id="list" | "Sequence" | "Collection" | "tuple"), slice=inside):
            items = _joined(inside.elts[0] if isinstance(inside, ast.Tuple) else inside, words)
            return "list of rows" if items == _WORDS["R"] else f"list of {items}"
        case ast.Subscript(value=ast.Name(id="Iterator" | "AsyncIterator" | "Generator" as name), slice=inside):
            return f"{words.get(name, f'`{name}`')} of {_joined(inside, words)}"
        case ast.Subscript(value=ast.Name(id="Unpack"), slice=inside):
            return f"the options of `{ast.unparse(inside)}`"
        case ast.Subscript(value=ast.Name(id=name)):
            return words.get(name, f"`{name}`")
        case ast.Constant(value=str(text)):
            return _joined(ast.parse(text, mode="eval").body, words)
        case _:
            text = ast.unparse(node)
            return words.get(text, f"`{text}`")
