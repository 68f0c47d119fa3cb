"""What answers and failures mean, and the errors that say so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._masking import Masker
from ._shapes import is_object
from .errors import APIError, OutcomeUnknownError, ResponseDecodeError

if TYPE_CHECKING:
    from ._engine import Prepared, Reply
    from ._transport import Answer, Failure

T = TypeVar("T")

_REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-request-id", "x-amz-cf-id", "cf-ray"
)  # fmt: skip


def decoded(call: Prepared, reply: Reply, decode: Callable[[bytes], T]) -> T:
    """Read an answer.

    Raises:
        ResponseDecodeError: if it cannot be read; it keeps the body.
        OutcomeUnknownError: for a call that must not be repeated, since nobody knows what it did.
    """
    try:
        return decode(reply.answer.body)
    except Exception as error:
        # Only the generated packages' own message is shown: others may quote the body.
        named = type(error).__name__ == "UndecodableAnswer"
        message = str(error) if named else "the answer cannot be decoded"
    raise _undecodable(call, reply, message)


def _undecodable(call: Prepared, reply: Reply, message: str) -> APIError:
    error = call.error(ResponseDecodeError, message, reply.attempts)
    error.status_code, error.request_id = reply.answer.status_code, reply.request_id
    error.body, error.headers = reply.answer.body, reply.answer.headers
    if call.safe:
        return error
    return outcome_unknown(call, error, f"{error.status_code}, but {message}", reply.sent_at)


def outcome_unknown(call: Prepared, cause: APIError, what: str, sent_at: float) -> OutcomeUnknownError:
    """The error of an unsafe call that may have gone through; `sent_at` is on the monotonic clock."""
    text = f"the outcome is unknown: {what}; it may have gone through, so read back before sending it again"
    error = call.error(OutcomeUnknownError, text, cause.attempts)
    error.request_id = cause.request_id
    error.status_code, error.body, error.headers = cause.status_code, cause.body, cause.headers
    error.arguments, error.sent_monotonic = dict(call.arguments), sent_at
    error.sent_at = time.time() - (time.monotonic() - sent_at)
    error.__cause__ = cause
    return error


def describe(result: Answer | Failure, masker: Masker) -> str:
    """Say in a few words what came of an attempt."""
    status: int | None = getattr(result, "status_code", None)
    if status is not None:
        return f"answered {status}"
    failure: Any = result
    return f"{'timed out' if failure.timed_out else 'connection failed'} ({masker.line(_root(failure.error))})"


def _root(error: BaseException | None) -> str:
    """What the operating system or TLS says of a failure; other texts may quote what came, so only a class is named."""
    name = type(error).__name__
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, TimeoutError) and str(error):
            return f"{name}: {' '.join(str(error).split())[:160]}"
        error = error.__cause__ or error.__context__
    return name


def request_id(answer: Answer, mask: Callable[[str], str]) -> str | None:
    """The server's name for a request, if one of the usual headers gives it."""
    for name in _REQUEST_ID_HEADERS:
        value = answer.headers.get(name, "")
        if 0 < len(value) <= 128 and value.isascii() and value.isprintable() and " " not in value:
            return mask(value)
    return None


def vendor_error(body: bytes) -> tuple[str | None, str | None]:
    """Find code and message in the body of an error, in any of the forms that the documentation shows."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    inner = value.get("error") if is_object(value) else None
    if is_object(inner):
        value, inner = inner, None
    if not is_object(value):
        return None, None
    code = value.get("code", inner)
    message = value.get("message", value.get("error_description"))
    usable = isinstance(code, str | int) and not isinstance(code, bool)
    return str(code) if usable else None, message if isinstance(message, str) else None
