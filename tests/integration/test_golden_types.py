"""The golden package under the strict type checkers. mypy sees it with all other files; pyright has settings here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYRIGHT = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "pyright"


def test_pyright_strict() -> None:
    if not PYRIGHT.exists():
        pytest.fail("pyright is not installed: run ./scripts/bootstrap --node")
    result = subprocess.run(
        [str(PYRIGHT), "--project", str(ROOT / "tests" / "golden")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout.strip().endswith("0 errors, 0 warnings, 0 informations")


@pytest.mark.parametrize("folder", ["generated", "tests/golden/generated"])
def test_no_checker_is_silenced(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pyright:" not in text, path
        assert "type: ignore" not in text, path
        assert "noqa" not in text, path
