"""Fixtures of the documentation tests."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.blocks import ROOT


@pytest.fixture(autouse=True)
def usual_logging() -> Iterator[None]:
    """Pages set up logging, which must not reach other tests of the same worker."""
    loggers = [logging.getLogger(), logging.getLogger("invigilate")]
    before = [(each.level, [*each.handlers], each.propagate) for each in loggers]
    yield
    for each, (level, handlers, propagate) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.handlers[:], each.propagate = handlers, propagate


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
