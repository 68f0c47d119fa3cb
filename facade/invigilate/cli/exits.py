"""Exit codes, and the errors that lead to them."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from invigilate import errors


class ExitCode(IntEnum):
    """The exit codes of the command line; `meaning` describes each in words."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Create a code from its number and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "Done."
    FAILED = 1, "Something else failed, such as writing a file."
    USAGE = 2, "The command line, or a file that it names, is wrong; nothing was sent."
    SETTINGS = 3, "A setting is missing or wrong, or the server refused the credentials (401, 403)."
    REFUSED = 4, "The server refused a request, or failed (other 4xx, 5xx); with many rows, at least once."
    NOT_FOUND = 5, "The server did not find it (404)."
    NO_CONNECTION = 6, "No response. Nothing was changed, or the operation is idempotent and can be retried."
    INCOMPLETE = (
        7,
        "A report ended before its total, an export cannot be trusted or continued, or a response cannot be decoded.",
    )
    OUTCOME_UNKNOWN = 8, "A change may have been made and must not be retried; stderr says what to do next."
    NOT_CONFIRMED = 9, "A change was not confirmed; nothing was sent."
    MISSING_EXTRA = 10, "An extra is not installed; stderr names it."
    DRIFT = 11, "Recorded responses differ from the specs; stdout says where."
    INTERRUPTED = 130, "Ctrl-C; stderr says whether something may have been sent."
    PIPE_CLOSED = 141, "The reader of the output closed the pipe, as in `| head`."


class Failure(Exception):
    """Ends a command with a line on stderr."""

    def __init__(self, code: ExitCode, message: str, *advice: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice


def usage(message: str) -> Failure:
    """Return the failure for a wrong command line."""
    return Failure(ExitCode.USAGE, message)


_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    # Subclasses first.
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
    """Return the exit code for an error."""
    if isinstance(error, Failure):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
