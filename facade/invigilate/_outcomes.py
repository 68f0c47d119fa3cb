"""What responses and failures mean, and the errors that say so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from invigilate_runtime import UndecodableResponse

from ._masking import Masker
from ._shapes import is_object
from ._values import Failure, PreparedRequest, RawResponse, Response
from .errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    Attempt,
    OutcomeUnknownError,
    ResponseDecodeError,
    error_class,
)

_REQUEST_ID_HEADERS = (
    "x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amz-request-id", "x-amz-cf-id", "cf-ray"
)  # fmt: skip


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """Find code and message in the body of an error: an object with both, perhaps below `error`, or OAuth's."""
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


def decoded(prepared: PreparedRequest, raw: RawResponse[Any]) -> Any:
    """Decode a 2xx response.

    Raises:
        ResponseDecodeError: if it is not what is documented; the error keeps the body.
        OutcomeUnknownError: likewise, for a request that is not idempotent: nothing shows what it did.
    """
    try:
        return prepared.decode(raw.content, status=raw.status_code, media=raw.headers.get("content-type", ""))
    except Exception as error:
        # Other messages may quote the body.
        message = str(error) if isinstance(error, UndecodableResponse) else "the response cannot be decoded"
    raise undecodable(prepared, raw, message)


def undecodable(prepared: PreparedRequest, raw: RawResponse[Any], message: str) -> APIError:
    """Create the error of a 2xx response that cannot be decoded."""
    last = raw.attempts[-1]._replace(reason=f"{raw.status_code}, but not the documented response")
    error = prepared.error(
        ResponseDecodeError,
        message,
        attempts=(*raw.attempts[:-1], last),
        request_id=raw.request_id,
        status_code=raw.status_code,
        body=raw.content,
        headers=raw.headers,
    )
    if prepared.idempotent:
        return error
    return outcome_unknown(prepared, error, f"{error.status_code}, but {message}", raw.sent_monotonic)


def outcome_unknown(prepared: PreparedRequest, cause: APIError, what: str, sent: float) -> OutcomeUnknownError:
    """Create the error of a request that is not idempotent and may have been processed; `sent` is monotonic."""
    error = prepared.error(
        OutcomeUnknownError,
        f"outcome unknown: {what}; the request may have been processed, so check before retrying",
        attempts=cause.attempts,
        request_id=cause.request_id,
        status_code=cause.status_code,
        body=cause.body,
        headers=cause.headers,
        arguments=dict(prepared.arguments),
        sent_monotonic=sent,
        sent_at=time.time() - (time.monotonic() - sent),
    )
    error.__cause__ = cause
    return error


def connection_error(
    prepared: PreparedRequest,
    failure: Failure,
    attempts: tuple[Attempt, ...],
    what: str,
    reason: str,
    earlier: str,
    heard: str,
) -> APIConnectionError:
    """Create the error of a request without a response."""
    cls = APITimeoutError if failure.timed_out else APIConnectionError
    received = "the request may have been received" + (f" (the response before: {heard})" if heard else "")
    message = f"{what}, {received if failure.sent else f'nothing was sent{earlier}'}; {reason}"
    error = prepared.error(cls, message, attempts=attempts, sent=failure.sent, status_code=failure.interrupted)
    error.__cause__ = failure.error
    return error


def status_error(
    prepared: PreparedRequest,
    response: Response,
    attempts: tuple[Attempt, ...],
    masker: Masker,
    classes: Mapping[str, type[APIStatusError]],
    reason: str,
    retry_after: float | None,
    notice: str | None,
) -> APIStatusError:
    """Create the error of an error status."""
    code, message = read_error(response.body)
    words = masker.line(message) if message else None
    text = describe(response, masker) + (f": {words}" if words else "")
    notes = [text, *([notice] if notice else [])]
    if 300 <= response.status_code < 400:
        notes.append("redirects are not followed, so that the token stays with this host")
    if retry_after is not None and "asks to wait" in reason:
        notes.append(reason)
    elif retry_after is not None and response.status_code == 429:
        notes.append(f"retry after {retry_after:.0f} s")
    return prepared.error(
        classes.get(code or "", error_class(response.status_code)),
        "; ".join(notes),
        attempts=attempts,
        request_id=request_id(response, masker.mask),
        status_code=response.status_code,
        code=masker.line(code) if code else None,
        vendor_message=words,
        retry_after=retry_after,
        body=response.body,
        headers=response.headers,
    )


def describe(result: Response | Failure, masker: Masker) -> str:
    """Describe the result of an attempt in a few words."""
    if isinstance(result, Failure):
        rejected = rejected_certificate(result)
        if rejected is not None:
            return f"the certificate is not accepted ({masker.line(rejected)})"
        root = _root(result.error)
        what = "timed out" if result.timed_out else "connection failed"
        return what if root == "TimeoutError" else f"{what} ({masker.line(root)})"
    status = result.status_code
    phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else ""
    code = read_error(result.body)[0]
    shown = masker.line(code) if code and code != str(status) else ""
    return " ".join(part for part in (str(status), shown or phrase) if part)


def rejected_certificate(failure: Failure) -> str | None:
    """Return why the certificate of the server was rejected, if that is what failed. No retry helps."""
    import ssl  # late, since this module is imported before anything is sent

    for error in _links(failure.error):
        if isinstance(error, ssl.SSLCertVerificationError):
            return " ".join((error.verify_message or error.reason or "verification failed").split())[:160]
    return None


def _links(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _root(error: BaseException) -> str:
    """Describe a failure in the words of the operating system or of TLS; other messages may quote the response."""
    name = type(error).__name__
    for link in _links(error):
        if isinstance(link, OSError) and not isinstance(link, TimeoutError) and str(link):
            return f"{name}: {' '.join(str(link).split())[:160]}"
    return name


def request_id(response: Response, mask: Callable[[str], str]) -> str | None:
    """Return the request ID of the server, if one of the usual headers has it."""
    for name in _REQUEST_ID_HEADERS:
        value = response.headers.get(name, "")
        if 0 < len(value) <= 128 and value.isascii() and value.isprintable() and " " not in value:
            return mask(value)
    return None
