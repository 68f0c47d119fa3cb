"""What ./scripts/weekly runs and prints, in a tree whose tools only print how they were called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.scripts import run_script

ROOT = Path(__file__).resolve().parents[2]
STUB = """\
#!/usr/bin/env bash
echo "$(basename "$0") $* ${INVIGILATE_PAGES:-}"
[[ "$(basename "$0")" != "${FAILING:-}" ]]
"""
TESTS = "python -m pytest -m weekly --numprocesses=auto --dist=loadfile"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("bootstrap", "capture", "mutants", "simulate", "../.venv/bin/python"):
        file = tmp_path / "scripts" / name
        (tmp_path / "scripts").mkdir(exist_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(STUB)
        file.chmod(0o755)
    (tmp_path / "scripts" / "weekly").write_text((ROOT / "scripts" / "weekly").read_text("utf-8"))
    return tmp_path


def run(tree: Path, *arguments: str, code: int = 0, **environment: str) -> list[str]:
    """The lines that the script prints, without times."""
    output, _ = run_script(tree / "scripts" / "weekly", *arguments, code=code, **environment)
    return [re.sub(r" in \d+ s$", "", line).strip() for line in output.splitlines() if line]


def test_all_parts_run_in_order(tree: Path) -> None:
    assert run(tree, "--seed", "7") == [
        "bootstrap --node --programs --quiet",
        "==> tests",
        TESTS,
        "==> edits",
        "capture --edits 500 --seed 7",
        "==> mutants",
        "mutants",
        "==> simulate",
        "simulate --seed 7 --worlds 100000",
        "==> summary (seed 7)",
        "tests     passed",
        "edits     passed",
        "mutants   passed",
        "simulate  passed",
    ]


def test_one_that_fails_fails_at_the_end(tree: Path) -> None:
    (tree / "saved").mkdir()
    lines = run(tree, "mutants", "edits", code=1, FAILING="mutants", INVIGILATE_PAGES="saved")
    assert lines[-2:] == ["mutants   FAILED", "edits     passed"]
    assert any(line.endswith(f" {tree}/saved") for line in lines)
    # The seed of a week is its number, for a person to use again.
    assert re.search(r"==> summary \(seed 20\d{4}\)", "\n".join(lines))


@pytest.mark.parametrize("arguments", [["unheard-of"], ["--seed"], ["--seed", "x"]])
def test_what_it_does_not_know_is_refused(tree: Path, arguments: list[str]) -> None:
    assert run(tree, *arguments, code=2) == []
