"""Deprecation warnings that name the replacement and the version of the removal, at the line of the caller.

How long a deprecation lasts is decided in docs/compatibility.md.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def _deprecating(message: str, old: str = "", new: str = "") -> Callable[[Callable[P, T]], Callable[P, T]]:
    def decorate(function: Any) -> Any:
        # Not a coroutine function even if it wraps one: it warns when called, while the caller's line is known.
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            moved = {new: kwargs.pop(old)} if old in kwargs else {}
            if moved or not old:
                # The first frame outside of this library: operations are called through other functions.
                level = next(
                    number
                    for number in range(1, 1000)
                    if str(sys._getframe(number).f_globals.get("__name__")).partition(".")[0] != __package__  # pyright: ignore[reportPrivateUsage]
                )
                warnings.warn(message, DeprecationWarning, stacklevel=level)
            # With both names, Python raises.
            return function(*args, **moved, **kwargs)

        return call

    return decorate


def renamed_argument(old: str, new: str, *, removed_in: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function, method or coroutine function accept a keyword under its old name, with a warning.

    Type checkers know only the new name, so they report the old one. Passing both raises `TypeError`.

    Args:
        old: the old name.
        new: the new name.
        removed_in: the version that removes the old name, such as `0.5`.
    """
    return _deprecating(f"use {new} instead of {old}, which is removed in {removed_in}", old, new)


if TYPE_CHECKING:
    # Type checkers ship typing_extensions: they report what it decorates, and editors strike it through.
    from typing_extensions import deprecated as deprecated
else:

    def deprecated(message: str, /) -> Any:
        """Warn at each call of a function, method or coroutine function; see PEP 702.

        Args:
            message: a literal that names the replacement and the version of the removal, such as
                `"use list instead of find, which is removed in 0.5"`.
        """
        return _deprecating(message)
