"""Keeps the frames of this library out of tracebacks.

Tools that print local variables (rich, pytest, `traceback.TracebackException`, crash reporters) would show what these
frames hold: arguments, headers, and buffers of connections.
"""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .errors import InvigilateError

F = TypeVar("F", bound=Callable[..., Any])

_NOTE = "raised by the calls below, without their local variables:\n"


def sealed(function: F) -> F:
    """Decorate a function so that tracebacks of its exceptions start at the caller, and causes have none.

    An exception that is not an error of this library, so probably a bug in it or in a callable that was passed, keeps
    the lines of its traceback as a note.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            forget_frames(error, handled)
            raise

    @functools.wraps(function)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        handled = sys.exception()
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            forget_frames(error, handled)
            raise

    decorated: Any = call_async if inspect.iscoroutinefunction(function) else call
    decorated.is_sealed = True
    return cast("F", decorated)


def forget_frames(error: BaseException, handled: BaseException | None) -> None:
    """Remove the tracebacks of an exception and of its causes and contexts.

    Raising it again with a bare `raise` starts a traceback at the caller.

    Args:
        error: the exception.
        handled: the exception that the caller was handling before, which is left alone.
    """
    below = error.__traceback__ and error.__traceback__.tb_next
    # Sealed functions call each other: the lines that the inner one removed say more.
    noted = any(str(note).startswith(_NOTE) for note in getattr(error, "__notes__", ()))
    if below is not None and not noted and isinstance(error, Exception) and not isinstance(error, InvigilateError):
        error.add_note(_NOTE + "".join(traceback.format_tb(below)).rstrip())
    waiting: list[BaseException | None] = [error]
    seen = {id(handled)}
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
