"""Markdown as Git hosts read it, written as Python-Markdown reads it, which renders the site.

Git hosts continue an item of a list where its content begins, Python-Markdown four columns further in per level. In a
table, the former take `\\|` in code as a bar, the latter as both characters. After the language of a block of code, the
former ignore other words, with which the latter sees no block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r" *(`{3,}|~{3,}) *[^\s`]*(?=( [^`]*)?$)")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d+[.)]) +(?=\S)")
_ROW = re.compile(r" *\|")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def convert(text: str) -> str:
    """Return a page for Python-Markdown."""
    return "".join(f"{line}\n" for line in _lines(text.splitlines()))


def _lines(lines: list[str]) -> Iterator[str]:
    inside: list[int] = []  # the columns where the content of the open items begins
    fence = ""
    paragraph = False
    for line in lines:
        if fence:
            yield _moved(line, inside)
            if re.fullmatch(f" *{re.escape(fence)}{fence[0]}* *", line):
                fence = ""
            continue
        if not line.strip():
            paragraph = False
            yield line
            continue
        while inside and len(line) - len(line.lstrip(" ")) < inside[-1]:
            inside.pop()
        column = inside[-1] if inside else 0
        if opening := _FENCE.match(line):
            fence = opening[1]
            line = opening[0]
        if item := _ITEM.match(line[column:]):
            if paragraph:
                yield ""
            yield _moved(line, inside)
            inside.append(column + item.end())
        else:
            yield _moved(_CODE.sub(_bars, line) if _ROW.match(line) else line, inside)
        # A list interrupts a paragraph on Git hosts, and is part of it here.
        paragraph = not inside and not fence and not line.startswith("#")


def _moved(line: str, inside: list[int]) -> str:
    """Indent a line as deep as its items are; `inside` has their columns."""
    if not inside or not line.strip():
        return line
    column = min(inside[-1], len(line) - len(line.lstrip(" ")))
    return "    " * len(inside) + line[column:]


def _bars(code: re.Match[str]) -> str:
    return code[0].replace(r"\|", "|")
