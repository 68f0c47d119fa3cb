"""Spectral finds nothing in the specs: neither with its own rules for OpenAPI, nor with ours beside them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.documented import OPENAPI, SPECS

ROOT = Path(__file__).resolve().parents[2]
SPECTRAL = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "spectral"
OURS = OPENAPI / "spectral.yaml"


def lint(ruleset: Path, *specs: Path) -> subprocess.CompletedProcess[str]:
    """Lint specs; the least finding is a failure."""
    assert SPECTRAL.exists(), "Spectral is not installed: run ./scripts/bootstrap --node"
    command = [str(SPECTRAL), "lint", "--quiet", "--fail-severity=hint", "--format=text", "--ruleset", str(ruleset)]
    return subprocess.run(
        [*command, *map(str, specs)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def test_its_own_rules(tmp_path: Path) -> None:
    ruleset = tmp_path / "oas.yaml"
    ruleset.write_text("extends: spectral:oas\n", encoding="utf-8")
    done = lint(ruleset, *SPECS.values())
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_our_rules() -> None:
    done = lint(OURS, *SPECS.values())
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


SLIPS = [
    ("example: [live, automated]", "example: [dead]", "oas3-valid-media-example"),
    ("tags: [reports]", "tags: [unheard-of]", "operation-tag-defined"),
    ("tags: [exam_sessions]", "tags: [exam_sessions, exams]", "operation-singular-tag"),
    ("operationId: scheduleExamSession\n      t", "operationId: a b\n      t", "operation-operationId-valid-in-url"),
    ("    SuccessMessage:\n", "    Unused: {type: string}\n    SuccessMessage:\n", "oas3-unused-component"),
    ("        '429':\n", "        '428':\n", "operation-error-responses"),
    ("      externalDocs:\n        url", "      externalDocs:\n        other", "operation-external-docs"),
]


def test_slips_are_found(tmp_path: Path) -> None:
    text = SPECS["smarterproctoring"].read_text(encoding="utf-8")
    for old, new, _ in SLIPS:
        assert old in text
        text = text.replace(old, new, 1)
    slipped = tmp_path / "slipped.yaml"
    slipped.write_text(text, encoding="utf-8")
    done = lint(OURS, slipped)
    assert done.returncode != 0
    assert {rule for _, _, rule in SLIPS} <= set(done.stdout.split())
