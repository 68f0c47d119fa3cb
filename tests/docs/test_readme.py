"""Every Python block of the README and of docs/ runs unchanged, and prints what the page shows."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from invigilate.sandbox import __main__ as sandbox_command
from tests.docs.blocks import ROOT, Block, expected, read, run
from tests.docs.test_guides import GUIDES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Other tests run the blocks of these pages: test_guides.py, test_downstream.py, test_generated_alone.py,
# test_capture_docs.py, test_report_golden.py and tests/spark/test_page.py. Ray is not installed anywhere.
RUN_ELSEWHERE = {
    "credentials.md": {"bash"},
    "downstream.md": {"bash", "yaml"},
    "generated-packages.md": {"bash"},
    "own-api.md": {"bash", "yaml", "toml"},
    "capturing.md": set(),
    "performance.md": set(),
    "spec-changes.md": set(),
    "warehouse.md": {"python spark", "python ray"},
}
# The stubs of duckdb, polars and dlt have optional results where these pages need none.
UNTYPED = {"export.md", "warehouse.md"}
LANGUAGES = {"python", "text", "console", ""}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_print_what_the_page_shows(page: Path, served_sandbox: dict[str, Any]) -> None:
    blocks = read(page)
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        if block.language == "python" and block.file_name is None:
            assert run(block, namespace) == expected(block, blocks), str(block)


@pytest.mark.parametrize(
    ("page", "files"), [("README.md", {"test_booking.py": 1}), ("docs/testing.md", {"test_booking.py": 2})]
)
def test_blocks_that_are_files_pass_as_a_test_suite(page: str, files: dict[str, int], tmp_path: Path) -> None:
    blocks = {str(block.file_name): block for block in read(ROOT / page) if block.file_name}
    assert set(blocks) == set(files)
    for name, block in blocks.items():
        (tmp_path / name).write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir=."]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sum(files.values())} passed" in done.stdout


def test_every_block_that_is_a_file_is_run() -> None:
    pages = {page.name for page in PAGES for block in read(page) if block.file_name}
    assert pages - RUN_ELSEWHERE.keys() - GUIDES.keys() == {"README.md", "testing.md"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_pages_pass_the_strict_type_checker(tmp_path: Path) -> None:
    for page in PAGES:
        sources = [block.text for block in read(page) if block.language == "python" and block.file_name is None]
        if sources and page.name not in UNTYPED:
            name = page.stem.lower().replace("-", "_")
            (tmp_path / f"page_{name}.py").write_text("\n".join(sources), encoding="utf-8")
    assert len(list(tmp_path.iterdir())) > 10
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_has_a_language_that_is_tested(page: Path) -> None:
    for block in read(page):
        assert block.language in LANGUAGES | RUN_ELSEWHERE.get(page.name, set()), str(block)
        if block.language == "text" and page.name not in RUN_ELSEWHERE.keys() - {"warehouse.md"}:
            assert block.follows is not None, f"{block}: the output of no block"
            run_languages = {"python", "python spark", "bash"}
            assert block.follows.language in run_languages, f"{block}: the output of no block that is run"


def test_blocks_that_need_spark_are_run_by_its_tests() -> None:
    pages = {page.name for page in PAGES for block in read(page) if block.language == "python spark"}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "spark").glob("test_*.py")]
    assert [page for page in pages if not any(f'"{page}"' in s and '"python spark"' in s for s in sources)] == []


def commands() -> list[tuple[Block, list[str]]]:
    every = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"]
    return [
        (block, shlex.split(line))
        for page in every
        for block in read(page)
        if block.language == "console" and page.name != "capturing.md"
        for line in block.text.splitlines()
    ]


@pytest.mark.parametrize(
    ("block", "command"), commands(), ids=lambda value: str(value) if isinstance(value, Block) else shlex.join(value)
)
def test_commands_exist(block: Block, command: list[str]) -> None:
    match command:
        case [script, *arguments] if script.startswith("./scripts/"):
            assert os.access(ROOT / script, os.X_OK), f"{block}: no {script}"
            options = [argument for argument in arguments if argument.startswith("--")]
            if options:
                text = subprocess.run(
                    [ROOT / script, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
                ).stdout
                assert [option for option in options if option not in text] == [], str(block)
        case ["python", "-m", "invigilate.sandbox", *arguments]:
            assert isinstance(sandbox_command.parser().parse_args(arguments), argparse.Namespace)
        case ["pip", "install", what]:
            match = re.fullmatch(r"invigilate(?:\[(\w+)\])?", what)
            assert match, f"{block}: {what}"
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            assert match[1] is None or match[1] in project["optional-dependencies"]
        case ["invigilate", *arguments]:
            words = list(itertools.takewhile(lambda word: re.fullmatch(r"[a-z][a-z-]*", word), arguments))
            # `export` finds the operation that is left out once an option follows.
            words = arguments if words[:1] == ["export"] else words
            done = subprocess.run(
                [sys.executable, "-m", "invigilate.cli", *words, "--help"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                env={**os.environ, "COLUMNS": "200"},
            )  # fmt: skip
            assert [word for word in arguments if word.startswith("--") and word not in done.stdout] == []
        case ["python", "-c", program]:
            subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, check=True)
        case _:
            pytest.fail(f"{block}: nothing tests the command {shlex.join(command)}")
