"""A pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pexpect
import pyte

_ROWS = 500
"""Enough that nothing scrolls out of view."""
_PATIENCE = 30


class Terminal:
    """A program in a pseudo-terminal.

    Args:
        command: what to run.
        environment: its variables, beside those of this process.
        folder: where it runs.
        columns: how wide the terminal is.

    Attributes:
        raw: what the program wrote, escape codes included.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, columns: int = 100
    ) -> None:
        # Variables that would make a program assume another terminal.
        hidden = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CI", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        self._screen = pyte.Screen(columns, _ROWS)
        self._stream = pyte.Stream(self._screen)
        self.raw = ""
        self._process: Any = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**inherited, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment},
            cwd=str(folder),
            dimensions=(_ROWS, columns),
            encoding="utf-8",
            timeout=_PATIENCE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.close(force=True)

    def wait_for(self, text: str) -> None:
        """Wait until the program writes a string."""
        self._process.expect_exact(text)
        self._show(self._process.before + self._process.after)

    def type(self, text: str) -> None:
        """Type a line."""
        self._process.sendline(text)

    def press_ctrl_c(self) -> None:
        """Interrupt the program."""
        self._process.sendintr()

    def press_ctrl_d(self) -> None:
        """Close the input of the program."""
        self._process.sendeof()

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        self._process.expect(pexpect.EOF)
        self._show(self._process.before)
        self._process.close()
        code = self._process.exitstatus
        return int(code if code is not None else 128 + self._process.signalstatus)

    @property
    def text(self) -> str:
        """The text on the screen, without trailing spaces."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    def _show(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text)
