"""The errors of this library.

    InvigilateError
    ├── ConfigurationError (ValueError)        the client cannot work as configured
    ├── InvalidArgumentError (ValueError)      an argument is wrong; nothing was sent
    │   ├── InvalidSidError                    a SID of another kind or shape
    │   └── InvalidTimestampError              a time without UTC offset, or none at all
    └── APIError                               a request did not end in its documented success
        ├── APIConnectionError                 no response was received
        │   └── APITimeoutError                none in time
        ├── APIStatusError                     the server responded with an error status
        │   ├── BadRequestError                400
        │   ├── AuthenticationError            401, or a documented code that says so
        │   ├── PermissionDeniedError          403
        │   ├── NotFoundError                  404
        │   ├── ConflictError                  409
        │   ├── UnprocessableEntityError       422
        │   ├── RateLimitError                 429
        │   └── InternalServerError            5xx
        ├── ResponseDecodeError                the response is not what is documented
        ├── IncompleteResultError              paging ends early, or contradicts itself
        └── OutcomeUnknownError                a request that is not idempotent may have been processed

    ReportWarning (UserWarning)                a report changed while it was read; see `Pager.warnings`

`str()` of an error is one line: the reason, then method, path, request ID and number of attempts. Values of sensitive
arguments are never in it, nor in `repr()` or a pickle. Errors survive pickling without body, headers and cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Attempt(NamedTuple):
    """One attempt to send a request.

    Attributes:
        number: counted from 1.
        status_code: the HTTP status, or `None` if no response was received.
        reason: what happened, in a few words.
        wait: seconds waited before the next attempt; `0.0` after the last.
    """

    number: int
    status_code: int | None
    reason: str
    wait: float


class InvigilateError(Exception):
    """Base of all errors of this library."""


class ConfigurationError(InvigilateError, ValueError):
    """The client cannot work as configured; nothing was sent."""


class InvalidArgumentError(InvigilateError, ValueError):
    """An argument is wrong; nothing was sent.

    Attributes:
        argument: its name, with the path to a nested field, as in `exam.configuration.access.open`.
        expected: what is allowed.
        passed: a description of what was passed, without the value where it may be sensitive.
        hint: what to do, or an empty string.
    """

    def __init__(self, argument: str, expected: str, passed: str, hint: str = "") -> None:
        super().__init__(argument, expected, passed, hint)
        self.argument = argument
        self.expected = expected
        self.passed = passed
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.argument}: expected {self.expected}, got {self.passed}" + (f". {self.hint}" if self.hint else "")


class InvalidSidError(InvalidArgumentError):
    """A SID has another kind or shape than documented; nothing was sent."""


class InvalidTimestampError(InvalidArgumentError):
    """A time is not an RFC 3339 date-time with a UTC offset or an aware datetime; nothing was sent."""


class APIError(InvigilateError):
    """Base of the errors of a request.

    Attributes:
        method: the HTTP method.
        path: the path without query; segments that look like neither words nor identifiers are left out.
        operation: the operationId, or `None` for `client.request()`.
        attempts: what was tried.
        status_code: the HTTP status, if a response was received.
        request_id: the request ID of the server, if it sent one.
        body: the response body, kept in memory only; `None` after unpickling.
        headers: the response headers; `None` after unpickling.
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
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.path = path
        self.operation = operation
        self.attempts = attempts
        self.request_id = request_id
        self.__dict__.update(details)

    def __str__(self) -> str:
        notes = [f"{self.method} {self.path}"] if self.method else []
        if self.request_id:
            notes.append(f"request ID {self.request_id}")
        if len(self.attempts) > 1:
            notes.append(f"{len(self.attempts)} attempts")
        return self.message + (f" ({', '.join(notes)})" if notes else "")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {key: value for key, value in self.__dict__.items() if key not in _NOT_PICKLED}
        return type(self), (self.message,), state


# Bodies may hold personal data, and a monotonic clock means nothing to another process.
_NOT_PICKLED = frozenset({"body", "headers", "sent_monotonic"})


class APIConnectionError(APIError):
    """No response was received.

    Attributes:
        sent: whether any part of the request may have been written, in any attempt. `False` is certain.
    """

    sent: bool = True


class APITimeoutError(APIConnectionError):
    """No response was received in time."""


class APIStatusError(APIError):
    """The server responded with an error status.

    Attributes:
        code: the vendor's code, if the body has one.
        vendor_message: the vendor's message, with sensitive values masked.
        retry_after: seconds that the server asks to wait, if it does.
    """

    status_code: int  # pyright: ignore[reportIncompatibleVariableOverride]  # here a response was received
    code: str | None = None
    vendor_message: str | None = None
    retry_after: float | None = None


class BadRequestError(APIStatusError):
    """400: the request is malformed or not allowed."""


class AuthenticationError(APIStatusError):
    """401, or a documented code that says so: the credentials are missing, wrong or expired."""


class PermissionDeniedError(APIStatusError):
    """403: the credentials lack the permission."""


class NotFoundError(APIStatusError):
    """404: the resource does not exist."""


class ConflictError(APIStatusError):
    """409: the state of the resource does not allow the request."""


class UnprocessableEntityError(APIStatusError):
    """422: the server understood the request and refused it."""


class RateLimitError(APIStatusError):
    """429: too many requests; see `retry_after`."""


class InternalServerError(APIStatusError):
    """5xx: the server failed."""


class ResponseDecodeError(APIError):
    """A 2xx response is not what is documented: not JSON, of another type, empty, or incomplete.

    The body is kept in `body`.
    """


class IncompleteResultError(APIError):
    """Paging ended before the announced total, returned more rows than that, or returned the same pages again.

    Attributes:
        total: the number of rows that the server announced; 0 if it announced none.
        received: the number of rows up to there, including those before the first offset.
    """

    total: int = 0
    received: int = 0


class ReportWarning(UserWarning):
    """A report seems to have changed while it was read: rows may be missing or duplicated.

    They are returned as received.

    Attributes:
        offset: of the page that showed it.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset)
        self.offset = offset

    def __str__(self) -> str:
        return str(self.args[0])


class OutcomeUnknownError(APIError):
    """A request that is not idempotent may have been processed, and nothing shows whether it was.

    Do not retry it before reading back what happened. The cause is chained as `__cause__`.

    Attributes:
        status_code: the status, if a response was received.
        arguments: the arguments that were sent, without sensitive ones.
        sent_at: when the request was last sent, in seconds since the epoch by the local clock.
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


def error_class(status_code: int) -> type[APIStatusError]:
    """Return the error class of a status."""
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
