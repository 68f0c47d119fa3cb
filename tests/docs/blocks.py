"""Reads and runs the fenced blocks of a Markdown page."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(.*)$")
# A block that is a file has its name in the first line.
_FILE = re.compile(r"# ([\w./]+\.py)\n")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the page that it is on.
        line: the number of its first line, counted from 1.
        language: the word after the fence.
        text: the content, unchanged.
        follows: the block before it, if only white space separates them.
    """

    page: Path
    line: int
    language: str
    text: str
    follows: Block | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The file name of a block that is a file; `None` for a block to run."""
        match = _FILE.match(self.text) if self.language == "python" else None
        return match[1] if match else None


def read(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    blocks: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number, last, between = 0, None, True
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            between = between or bool(lines[number].strip())
            number += 1
            continue
        end = next((n for n in range(number + 1, len(lines)) if lines[n] == "```"), None)
        assert end is not None, f"{page.name}:{number + 1}: the block does not end"
        text = "".join(f"{line}\n" for line in lines[number + 1 : end])
        last = Block(page, number + 2, fence[1], text, None if between else last)
        blocks.append(last)
        number, between = end + 1, False
    return blocks


def run(block: Block, namespace: dict[str, Any]) -> str:
    """Run a block unchanged, and return what it prints. Exceptions are not caught."""
    # Empty lines before it, so that a traceback names the line on the page.
    code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def expected(block: Block, blocks: list[Block]) -> str:
    """Return the documented output of a block: the `text` block right after it, or nothing."""
    return "".join(other.text for other in blocks if other.language == "text" and other.follows is block)
