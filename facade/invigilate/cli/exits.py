"""Exit codes, and which error gives which."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from invigilate import errors


class ExitCode(IntEnum):
    """What the command line exits with. `meaning` says it in words."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Take the number and what it means."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "Done."
    FAILED = 1, "Something else went wrong, such as a file that cannot be written."
    USAGE = 2, "The command line or a file that it names is wrong; nothing was sent."
    SETTINGS = 3, "A setting is missing or wrong, or the server refused the credentials (401, 403)."
    REFUSED = 4, "The server refused or failed (other 4xx, 5xx); of many rows, at least one."
    NOT_FOUND = 5, "The server knows no such thing (404)."
    NO_CONNECTION = 6, "No response came. Nothing was changed, or sending it again does no harm."
    INCOMPLETE = (
        7,
        "A report ended before its total, an export cannot be trusted or continued, or a response cannot be read.",
    )
    OUTCOME_UNKNOWN = 8, "A change may have been made and must not be repeated; stderr says what to do next."
    NOT_CONFIRMED = 9, "A change was not confirmed; nothing was sent."
    MISSING_EXTRA = 10, "A part is not installed; stderr names the extra."
    INTERRUPTED = 130, "Ctrl-C; stderr says whether something may have been sent."
    PIPE_CLOSED = 141, "Whoever read the output has gone, as in `| head`."


class Failure(Exception):
    """Ends a command with a line on stderr.

    Args:
        code: what to exit with.
        message: the line, without the name of the program.
        advice: further lines: what to do next.
    """

    def __init__(self, code: ExitCode, message: str, *advice: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice


def usage(message: str) -> Failure:
    """The failure of a wrong command line."""
    return Failure(ExitCode.USAGE, message)


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    # The more special ones first.
    (errors.InvalidArgumentError, ExitCode.USAGE),
    (errors.ConfigurationError, ExitCode.SETTINGS),
    (errors.OutcomeUnknownError, ExitCode.OUTCOME_UNKNOWN),
    (errors.AuthenticationError, ExitCode.SETTINGS),
    (errors.PermissionDeniedError, ExitCode.SETTINGS),
    (errors.NotFoundError, ExitCode.NOT_FOUND),
    (errors.APIStatusError, ExitCode.REFUSED),
    (errors.APIConnectionError, ExitCode.NO_CONNECTION),
    (errors.IncompleteResultError, ExitCode.INCOMPLETE),
    (errors.ResponseDecodeError, ExitCode.INCOMPLETE),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (BrokenPipeError, ExitCode.PIPE_CLOSED),
)


def code_of(error: BaseException) -> ExitCode:
    """Say what an error makes the command line exit with."""
    if isinstance(error, Failure):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
