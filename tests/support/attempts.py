"""Calls whose arguments are in no frame of the test, so that what a traceback shows of them is the library's.

This file is short, since what shows tracebacks reads the files of their frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.modes import settle


class Attempt:
    """A call that is expected to fail."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    async def error(self) -> BaseException | None:
        """What the call raises, read to its end."""
        try:
            result = self.begun()
            await settle(result.collect() if hasattr(result, "collect") else result)
        except BaseException as error:
            return error
        return None

    def begun(self) -> Any:
        """What the call returns."""
        return self._call()
