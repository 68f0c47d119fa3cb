"""Deprecations of this library: warnings that name the replacement and the end, at the line of the caller.

How long a deprecation lasts is decided in docs/compatibility.md.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._binding import P, T


def _deprecating(message: str, old: str = "", new: str = "") -> Callable[[Callable[P, T]], Callable[P, T]]:
    def decorate(function: Any) -> Any:
        # No coroutine function even where it wraps one: it warns when it is called, while the caller's line is known.
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            moved = {new: kwargs.pop(old)} if old in kwargs else {}
            if moved or not old:
                # The first frame that is none of this library's: operations are called through others.
                level = next(
                    number
                    for number in range(1, 1000)
                    if str(sys._getframe(number).f_globals.get("__name__")).partition(".")[0] != __package__  # pyright: ignore[reportPrivateUsage]
                )
                warnings.warn(message, DeprecationWarning, stacklevel=level)
            # Python refuses both names at once.
            return function(*args, **moved, **kwargs)

        return call

    return decorate


def renamed_argument(old: str, new: str, *, removed_in: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function, a method or a coroutine function take a keyword under the name that it had, with a warning.

    Type checkers know the new name alone, and so report the old one. With both, the call raises `TypeError`.

    Args:
        old: the name that it had.
        new: the name that it has.
        removed_in: the version that takes the old name no more, as in `0.5`.
    """
    return _deprecating(f"use {new} instead of {old}, which is removed in {removed_in}", old, new)


if TYPE_CHECKING:
    # Type checkers bring it with them: they report, and editors strike through, what it decorates.
    from typing_extensions import deprecated as deprecated
else:

    def deprecated(message: str, /) -> Any:
        """Warn of each call of a function, a method or a coroutine function; see PEP 702.

        Args:
            message: a literal that names the replacement and the end, as in
                `"use list instead of find, which is removed in 0.5"`.
        """
        return _deprecating(message)
