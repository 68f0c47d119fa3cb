"""Fixtures of the documentation tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.blocks import ROOT


@pytest.fixture
def served_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The sandbox in a process of its own, as readers start it, with its environment variables set."""
    command = [sys.executable, "-m", "invigilate.sandbox", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            known: dict[str, Any] = json.loads(process.stdout.readline())
            for name, value in known["environment"].items():
                monkeypatch.setenv(name, value)
            yield known
        finally:
            process.terminate()
            process.wait(timeout=10)
