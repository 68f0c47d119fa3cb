"""A pytest plugin with the fixture `invigilate_sandbox`.

Switch it on in a `conftest.py` with `pytest_plugins = ["invigilate.sandbox.pytest_plugin"]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from invigilate.sandbox import Sandbox


@pytest.fixture
def invigilate_sandbox() -> Iterator[Sandbox]:
    """A sandbox with fresh state; what was compiled for an earlier one is used again."""
    from invigilate.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
