"""Wraps each command: errors in one line, warnings, exit codes."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from invigilate.errors import InvalidArgumentError, InvigilateError

from .exits import ExitCode, Failure, code_of
from .fields import as_usage
from .output import note, one_line, settle, shown, unwritable


class _Notes(logging.Handler):
    """Prints what the library logs, except errors: the command reports these itself."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__(logging.DEBUG if debug else logging.WARNING)
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        if self._debug or record.levelno < logging.ERROR:
            note(record.getMessage())


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command end with one line on stderr and an exit code, whatever happens; add `--debug`."""

    @functools.wraps(function)
    def command(**values: Any) -> None:
        debug = bool(values.pop("debug", False))
        notes = _Notes(debug=debug)
        logger = logging.getLogger("invigilate")
        before = logger.level, logger.propagate
        logger.addHandler(notes)
        logger.setLevel(logging.DEBUG if debug else logging.WARNING)
        logger.propagate = False
        try:
            with warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("always", UserWarning)
                warnings.showwarning = _show_warning
                function(**values)
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, typer.Exit):
                raise
            raise typer.Exit(_end(error, debug=debug)) from None
        finally:
            logger.removeHandler(notes)
            logger.setLevel(before[0])
            logger.propagate = before[1]

    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    option = typer.Option(
        "--debug", help="Print the traceback of an error, and each attempt of a request with its outcome."
    )
    debug = inspect.Parameter(
        "debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )
    described(command, [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters), debug])
    return command


def interrupted(*details: str) -> None:
    """Report that Ctrl-C ended the command, and what that means."""
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)  # over the ^C that the terminal shows
    note("; ".join(["interrupted", *map(str, details)]))


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    note(str(message))


def _end(error: BaseException, *, debug: bool) -> ExitCode:
    code, unprinted = code_of(error), settle()
    if code is ExitCode.PIPE_CLOSED:
        return code
    if debug:
        import traceback

        formatted = traceback.TracebackException.from_exception(error)
        # The message is printed below.
        lines = "".join(list(formatted.format())[: -len(list(formatted.format_exception_only()))]).split("\n")
        lines[-1] = f"{type(error).__module__}.{type(error).__qualname__}"
        print("\n".join(map(shown, lines)), file=sys.stderr)
    if isinstance(error, KeyboardInterrupt):
        interrupted(*error.args[:1])
        for line in error.args[1:]:
            note(line)
    elif isinstance(error, Failure):
        note(error.message)
        for line in error.advice:
            note(line)
    elif isinstance(error, InvalidArgumentError):
        note(str(as_usage(error)))
    elif isinstance(error, OSError) and unprinted is not None and error.filename is None:
        note(unwritable(unprinted).message)
    elif isinstance(error, OSError) and error.strerror:
        # An unbuffered stdout has nothing left that could show whether it is the one.
        note(f"{error.filename or 'stdout or a file'}: {error.strerror}")
    else:
        text = one_line(str(error))
        # An error without an exit code of its own is a bug of this program: its class helps to report it.
        note(
            f"{type(error).__name__}: {text}"
            if code is ExitCode.FAILED and not isinstance(error, InvigilateError)
            else text
        )
    return code


def described(function: Callable[..., Any], parameters: Sequence[inspect.Parameter]) -> None:
    """Set the signature of a function that takes any keywords."""
    target: Any = function
    target.__signature__ = inspect.Signature(list(parameters))
    target.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
