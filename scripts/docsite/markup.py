"""The Markdown of generated pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable


def cell(*lines: str) -> str:
    """Make texts fit for a cell of a table, each on a line of its own."""
    return "<br>".join(filter(None, (" ".join(line.split()).replace("|", "\\|") for line in lines)))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(language: str, text: str, indent: int = 0) -> str:
    """A block of code."""
    return textwrap.indent(f"```{language}\n{text.rstrip()}\n```", " " * indent)


def joined(blocks: Iterable[str]) -> str:
    """A page of blocks; empty ones are left out."""
    return "\n\n".join(filter(None, blocks)) + "\n"
