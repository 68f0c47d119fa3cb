"""The command line, `invigilate` or `python -m invigilate.cli`. It needs the extra `cli`.

This module imports no terminal library, so that a missing one is reported in one line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from .exits import ExitCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the arguments after the name of the program; by default those of the process.

    Returns:
        The exit code, one of `ExitCode`.
    """
    if find_spec("typer") is None or find_spec("rich") is None:
        print('invigilate: the command line needs an extra: pip install "invigilate[cli]"', file=sys.stderr)
        return ExitCode.MISSING_EXTRA
    from .app import run

    return run(sys.argv[1:] if arguments is None else list(arguments))


__all__ = ["ExitCode", "main"]
