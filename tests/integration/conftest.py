"""Fixtures for tests against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from invigilate.sandbox import Sandbox
from tests.support.caller import Caller


@pytest.fixture
def call() -> Iterator[Caller]:
    with Sandbox() as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()
        assert sandbox.defects == []
