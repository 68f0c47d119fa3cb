"""The errors of this library.

    InvigilateError
    ├── ConfigurationError (ValueError)        the client cannot work as it was set up
    ├── InvalidArgumentError (ValueError)      an argument is wrong; nothing was sent
    │   ├── InvalidSidError                    a resource identifier is of another kind or shape
    │   └── InvalidTimestampError              a time names no instant
    └── APIError                               a call did not give its documented success
        ├── APIConnectionError                 no answer came
        │   └── APITimeoutError                none came in time
        ├── APIStatusError                     the server answered with an error
        │   ├── BadRequestError                400
        │   ├── AuthenticationError            401
        │   ├── PermissionDeniedError          403
        │   ├── NotFoundError                  404
        │   ├── ConflictError                  409
        │   ├── UnprocessableEntityError       422
        │   ├── RateLimitError                 429
        │   └── InternalServerError            5xx
        ├── ResponseDecodeError                the answer is not what is documented
        ├── IncompleteResultError              a report ends early, or contradicts itself
        └── OutcomeUnknownError                a call that must not be repeated may have gone through

    ReportWarning (UserWarning)                a report changed while it was read; see `Pager.warnings`

`str()` of an error is one line that names method, path, status, the vendor's code and message, and the request id.
Nothing that the caller sent in a sensitive field is in it, nor in `repr()` or a pickle. Errors survive pickling
without body, headers and cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Attempt(NamedTuple):
    """One attempt at a call.

    Attributes:
        number: counted from 1.
        status_code: the HTTP status, or `None` if no answer came.
        reason: what came of it, in a few words.
        wait: seconds waited before the next attempt; `0.0` after the last.
    """

    number: int
    status_code: int | None
    reason: str
    wait: float


class InvigilateError(Exception):
    """Base of all errors of this library."""


class ConfigurationError(InvigilateError, ValueError):
    """The client cannot work as it was set up; nothing was sent."""


class InvalidArgumentError(InvigilateError, ValueError):
    """An argument is wrong; nothing was sent.

    Attributes:
        argument: its name, with the path to a nested field, as in `exam.configuration.access.open`.
        expected: what is documented.
        given: a description of what was given, without its value where that may be anybody's secret.
    """

    def __init__(self, argument: str, expected: str, given: str) -> None:
        super().__init__(argument, expected, given)
        self.argument = argument
        self.expected = expected
        self.given = given

    def __str__(self) -> str:
        return f"{self.argument}: expected {self.expected}, got {self.given}"


class InvalidSidError(InvalidArgumentError):
    """A resource identifier is of another kind or shape than documented; nothing was sent."""


class InvalidTimestampError(InvalidArgumentError):
    """A time is no RFC 3339 date-time with an offset, or a datetime without time zone; nothing was sent."""


class APIError(InvigilateError):
    """Base of the errors of a call.

    Attributes:
        method: the HTTP method.
        path: the path without query; a segment that does not look like an identifier is left out.
        operation: the operationId, or `None` for `client.request()`.
        attempts: what was tried.
        status_code: the HTTP status, if an answer came.
        request_id: the server's name for the request, if it gave one.
        body: the body of the answer, kept in memory only; `None` after unpickling.
        headers: the headers of the answer; `None` after unpickling.
    """

    status_code: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] | None = None

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        path: str = "",
        operation: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.path = path
        self.operation = operation
        self.attempts = attempts
        self.request_id = request_id

    def __str__(self) -> str:
        notes: list[str] = []
        if self.request_id:
            notes.append(f"request id {self.request_id}")
        if len(self.attempts) > 1:
            notes.append(f"{len(self.attempts)} attempts")
        where = f"{self.method} {self.path}: " if self.method else ""
        return f"{where}{self.message}" + (f" ({', '.join(notes)})" if notes else "")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}
        return _rebuild, (type(self), self.message, state)


# Bodies may hold what nobody may see, and a monotonic clock means nothing to another process.
_NOT_PICKLED = frozenset({"body", "headers", "sent_monotonic"})


def _rebuild(kind: type[APIError], message: str, state: dict[str, Any]) -> APIError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class APIConnectionError(APIError):
    """No answer came.

    Attributes:
        sent: whether any of the request may have been written, in any attempt. `False` is certain.
    """

    sent: bool = True


class APITimeoutError(APIConnectionError):
    """No answer came in time."""


class APIStatusError(APIError):
    """The server answered with an error.

    Attributes:
        code: the vendor's code, if the body has one.
        vendor_message: the vendor's message, with what is sensitive masked.
        retry_after: seconds that the server asks to wait, if it does.
    """

    status_code: int  # pyright: ignore[reportIncompatibleVariableOverride]  # here an answer always came
    code: str | None = None
    vendor_message: str | None = None
    retry_after: float | None = None


class BadRequestError(APIStatusError):
    """400: the server refuses the request as it is."""


class AuthenticationError(APIStatusError):
    """401: the credentials are missing, wrong or expired."""


class PermissionDeniedError(APIStatusError):
    """403: the credentials do not suffice. SmarterProctoring also answers so to an invalid or expired token."""


class NotFoundError(APIStatusError):
    """404: there is no such thing."""


class ConflictError(APIStatusError):
    """409: the state of the thing does not allow it."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is understood and refused."""


class RateLimitError(APIStatusError):
    """429: too many requests; see `retry_after`."""


class InternalServerError(APIStatusError):
    """5xx: the server failed."""


class ResponseDecodeError(APIError):
    """A 2xx response is not what is documented: not JSON, of another type, empty, or incomplete.

    The body is kept in `body`.
    """


class IncompleteResultError(APIError):
    """A report ends before its announced total, has more rows than that, or sends the same pages again.

    Attributes:
        total: the number of rows that the server announced; 0 if it announced none.
        received: the number of rows up to where it ended, those before the first offset included.
    """

    total: int = 0
    received: int = 0


class ReportWarning(UserWarning):
    """A report seems to have changed while it was read: rows may be missing or duplicated.

    They are returned as they came.

    Attributes:
        offset: of the page on which it showed.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset)
        self.offset = offset

    def __str__(self) -> str:
        return str(self.args[0])


class OutcomeUnknownError(APIError):
    """A call that must not be repeated may have gone through, and nothing says whether it did.

    Do not send it again before reading back what happened. The cause is chained as `__cause__`.

    Attributes:
        status_code: the status, if an answer came.
        arguments: the arguments that were sent, without those of sensitive fields.
        sent_at: when it was sent, in seconds since the epoch by the local clock.
        sent_monotonic: the same on the monotonic clock of this process; `None` after unpickling.
    """

    arguments: Mapping[str, Any] = {}
    sent_at: float | None = None
    sent_monotonic: float | None = None


STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(status_code: int) -> type[APIStatusError]:
    """The class of the error that a status stands for."""
    return InternalServerError if status_code >= 500 else STATUS_ERRORS.get(status_code, APIStatusError)


__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "IncompleteResultError",
    "InternalServerError",
    "InvalidArgumentError",
    "InvalidSidError",
    "InvalidTimestampError",
    "InvigilateError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReportWarning",
    "ResponseDecodeError",
    "UnprocessableEntityError",
]
