"""What CONTRIBUTING.md says of the last operation added, and of what an operation costs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from docrender.regions import thinness

from invigilate import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring
from invigilate._resources import bound_operations
from tests.docs.blocks import ROOT, Block, read


def diff() -> Block:
    (block,) = (block for block in read(ROOT / "CONTRIBUTING.md") if block.language == "diff")
    return block


def test_what_the_diff_adds_stands_in_the_repository_in_this_order() -> None:
    lines: list[str] = []
    files = 0
    for line in diff().text.splitlines():
        if line.startswith("+++ "):
            path: Path = ROOT / line.removeprefix("+++ b/")
            lines = path.read_text(encoding="utf-8").splitlines()
            files += 1
        elif line.startswith("@@"):
            continue
        elif line.strip() != "...":
            assert line[:1] in {"+", " "}, line
            assert line[1:] in lines, f"{path.name}: {line}"
            lines = lines[lines.index(line[1:]) + 1 :]
    assert files == 2


def test_the_diff_shows_one_line_of_the_facade() -> None:
    facade = diff().text.partition("+++ b/facade/")[2]
    assert len(re.findall(r"^\+(?!\+)", facade, re.MULTILINE)) == 1


def test_each_operation_costs_one_line_and_none_is_forgotten() -> None:
    clients = (SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn)
    sync, asynchronous, *ispring = (bound_operations(client) for client in clients)
    assert sync.keys() == asynchronous.keys()
    operations = len(sync) + len(ispring[0])
    assert textwrap.dedent(f"{operations} operations cost 1 each.") == thinness().splitlines()[-1]
