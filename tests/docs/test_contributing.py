"""CONTRIBUTING.md: the diff of the operation added last, and what an operation costs."""

from __future__ import annotations

import re
from pathlib import Path

import invigilate
from invigilate._apis import APIS
from invigilate._binding import bound_operations
from tests.docs.blocks import ROOT, Block, read


def diff() -> Block:
    (block,) = (block for block in read(ROOT / "CONTRIBUTING.md") if block.language == "diff")
    return block


def test_the_repository_has_the_added_lines_in_this_order() -> None:
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
    operations, lines = 0, 0
    for api in APIS:
        sync, asynchronous = (bound_operations(getattr(invigilate, client)) for client in api.clients)
        assert sync.keys() == asynchronous.keys()
        operations += len(sync)
        resources = (ROOT / "facade" / "invigilate" / api.key / "resources.py").read_text(encoding="utf-8")
        lines += len(re.findall(r"^    \w+ = operation\(lambda: \w+\.\w+\.describe\)$", resources, re.MULTILINE))
    assert lines == operations
    assert f"All {operations} operations cost one line each." in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
