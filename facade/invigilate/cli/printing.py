"""Prints what came of a change. That may fail when the change is made, and whoever made it has to learn of it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .exits import ExitCode
from .output import discard, note


def printed(show: Callable[[], None], made: str) -> ExitCode:
    """Print, and say on stderr if that cannot be done.

    Args:
        show: what prints.
        made: what is true all the same, with the subject of "cannot be printed" at its end.

    Returns:
        `OK`, or what to exit with if nothing else is wrong.

    Raises:
        KeyboardInterrupt: with a text, if printing is cut off.
    """
    try:
        show()
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{made} is not printed to its end") from None
    except Exception as error:
        discard(sys.stdout)
        note(f"{made} cannot be printed: {getattr(error, 'strerror', None) or type(error).__name__}")
        return ExitCode.PIPE_CLOSED if isinstance(error, BrokenPipeError) else ExitCode.FAILED
    return ExitCode.OK
