"""What answers and failures mean, and the errors that say so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ._masking import Masker
from ._shapes import is_object
from .errors import APIError, OutcomeUnknownError, ResponseDecodeError

if TYPE_CHECKING:
    from ._binding import Decode
    from ._connection import Answer
    from ._engine import Prepared, Reply
    from ._transport import Failure

T = TypeVar("T")

_REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-request-id", "x-amz-cf-id", "cf-ray"
)  # fmt: skip


def decoded(call: Prepared, reply: Reply, decode: Decode[T]) -> T:
    """Decode a 2xx response.

    Raises:
        ResponseDecodeError: if it is not what is documented; the error keeps the body.
        OutcomeUnknownError: likewise, for a call that is not idempotent: nothing says what it did.
    """
    answer = reply.answer
    try:
        return decode(answer.body, status=answer.status_code, media=answer.headers.get("content-type", ""))
    except Exception as error:
        # Only the generated packages' own message is shown: others may quote the body.
        named = type(error).__name__ == "UndecodableAnswer"
        message = str(error) if named else "the answer cannot be decoded"
    raise undecodable(call, reply, message)


def undecodable(call: Prepared, reply: Reply, message: str) -> APIError:
    """The error of a successful response that cannot be read."""
    last = reply.attempts[-1]._replace(reason=f"answered {reply.answer.status_code}, not the documented response")
    error = call.error(ResponseDecodeError, message, (*reply.attempts[:-1], last))
    error.status_code, error.request_id = reply.answer.status_code, reply.request_id
    error.body, error.headers = reply.answer.body, reply.answer.headers
    if call.safe:
        return error
    return outcome_unknown(call, error, f"{error.status_code}, but {message}", reply.sent_at)


def outcome_unknown(call: Prepared, cause: APIError, what: str, sent_at: float) -> OutcomeUnknownError:
    """The error of a call that is not idempotent and may have gone through; `sent_at` is on the monotonic clock."""
    text = f"outcome unknown: {what}; it may have gone through, so check before sending it again"
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
    rejected = rejected_certificate(failure)
    if rejected is not None:
        return f"the certificate is not accepted ({masker.line(rejected)})"
    return f"{'timed out' if failure.timed_out else 'connection failed'} ({masker.line(_root(failure.error))})"


def rejected_certificate(result: Answer | Failure) -> str | None:
    """Why the certificate of the server was rejected, if that is what failed. No retry mends it."""
    import ssl  # late, since this module is imported before anything is sent

    for error in _links(getattr(result, "error", None)):
        if isinstance(error, ssl.SSLCertVerificationError):
            return " ".join((error.verify_message or error.reason or "verification failed").split())[:160]
    return None


def _links(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _root(error: BaseException | None) -> str:
    """What the operating system or TLS says of a failure; other texts may quote what came, so only a class is named."""
    name = type(error).__name__
    for link in _links(error):
        if isinstance(link, OSError) and not isinstance(link, TimeoutError) and str(link):
            return f"{name}: {' '.join(str(link).split())[:160]}"
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
