"""The types that callers see, as mypy and pyright find them, both strict."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPING = ROOT / "tests" / "typing"
PYRIGHT = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "pyright"
SILENCER = re.compile(r"  # (?:type|pyright): ignore\[[^]]*\]")


def run_mypy(*paths: Path) -> set[tuple[str, int]]:
    """File and line of each error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    found = re.findall(r"^(.*?\.py):(\d+): error: ", done.stdout, re.MULTILINE)
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return {(Path(name).name, int(line)) for name, line in found}


def run_pyright(*paths: Path) -> set[tuple[str, int]]:
    """File and line of each error."""
    if not PYRIGHT.exists():
        pytest.fail("pyright is not installed: run ./scripts/bootstrap --node")
    done = subprocess.run([str(PYRIGHT), "--outputjson", *map(str, paths)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(paths)
    errors = [item for item in report["generalDiagnostics"] if item["severity"] == "error"]
    return {(Path(item["file"]).name, item["range"]["start"]["line"] + 1) for item in errors}


RUNS = pytest.mark.parametrize("run", [run_mypy, run_pyright], ids=["mypy", "pyright"])


@RUNS
def test_what_is_accepted_and_what_is_rejected(run: object) -> None:
    assert callable(run)
    assert run(TYPING / "accepted.py", TYPING / "rejected.py") == set()


@RUNS
def test_each_silenced_line_is_an_error(run: object, tmp_path: Path) -> None:
    assert callable(run)
    source = (TYPING / "rejected.py").read_text(encoding="utf-8")
    silenced = {number for number, line in enumerate(source.splitlines(), 1) if len(SILENCER.findall(line)) == 2}
    assert len(silenced) >= 90
    assert len(SILENCER.findall(source)) == 2 * len(silenced), "each line is silenced for both checkers"
    copy = tmp_path / "rejected_bare.py"
    copy.write_text(SILENCER.sub("", source), encoding="utf-8")
    assert {line for name, line in run(copy) if name == copy.name} == silenced


@RUNS
def test_a_wrong_type_of_a_response_would_be_noticed(run: object, tmp_path: Path) -> None:
    assert callable(run)
    source = (TYPING / "accepted.py").read_text(encoding="utf-8")
    # Each assertion is turned into a wrong one: none of them may hold of anything, or of Any.
    kinds = [
        node.args[1]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "assert_type"
    ]
    assert len(kinds) >= 90
    wrong = source.splitlines()
    for kind in kinds:
        line = wrong[kind.lineno - 1]
        assert kind.end_lineno == kind.lineno
        wrong[kind.lineno - 1] = line[: kind.col_offset] + "frozenset[complex]" + line[kind.end_col_offset :]
    copy = tmp_path / "accepted_wrong.py"
    copy.write_text("\n".join(wrong) + "\n", encoding="utf-8")
    assert {kind.lineno for kind in kinds} <= {line for _, line in run(copy)}
