"""Receives the events of iSpring Learn, in any web framework: checks the signature of a delivery and reads its events.

The vendor sends a POST to the callback URL of a subscriber. Only status 200 counts as received; after anything else the
delivery is retried for a day. **Handlers must be idempotent**: a delivery has no ID, no time and no attempt number, so
the same event may arrive twice, and a copy looks like a second, equal event.

Documentation: https://ispringhelpdocs.com/ispring-learn/list-of-event-messages-86770547.html
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from invigilate._identifiers import describe_value
from invigilate._shapes import is_list, is_object
from invigilate.errors import ConfigurationError, InvigilateError
from invigilate_runtime import load_json
from ispring_learn_client.models import (
    CourseCompletedSuccessfullyEvent,
    CourseItemCompletedSuccessfullyEvent,
    CourseItemStatusChangedEvent,
    CourseStatusChangedEvent,
    LearnersEnrolledInCourseEvent,
    TrainingMeetingAddedEvent,
    TrainingMeetingRemovedEvent,
    TrainingMeetingUpdatedEvent,
    TrainingSessionParticipantRemovedEvent,
    TrainingSessionParticipantsAddedEvent,
    UserRegisteredEvent,
    WebhookConfirmationEvent,
)

__all__ = [
    "TYPES",
    "CourseCompletedSuccessfullyEvent",
    "CourseItemCompletedSuccessfullyEvent",
    "CourseItemStatusChangedEvent",
    "CourseStatusChangedEvent",
    "Event",
    "InvalidSignatureError",
    "LearnersEnrolledInCourseEvent",
    "Payload",
    "TrainingMeetingAddedEvent",
    "TrainingMeetingRemovedEvent",
    "TrainingMeetingUpdatedEvent",
    "TrainingSessionParticipantRemovedEvent",
    "TrainingSessionParticipantsAddedEvent",
    "UserRegisteredEvent",
    "WebhookConfirmationEvent",
    "WebhookError",
    "parse",
    "verify",
]

Payload = (
    UserRegisteredEvent
    | LearnersEnrolledInCourseEvent
    | CourseCompletedSuccessfullyEvent
    | CourseItemCompletedSuccessfullyEvent
    | CourseStatusChangedEvent
    | CourseItemStatusChangedEvent
    | TrainingMeetingAddedEvent
    | TrainingMeetingRemovedEvent
    | TrainingMeetingUpdatedEvent
    | TrainingSessionParticipantsAddedEvent
    | TrainingSessionParticipantRemovedEvent
    | WebhookConfirmationEvent
)

TYPES: Mapping[str, type[Payload]] = {
    "USER_REGISTERED": UserRegisteredEvent,
    "LEARNERS_ENROLLED_IN_COURSE": LearnersEnrolledInCourseEvent,
    "COURSE_COMPLETED_SUCCESSFULLY": CourseCompletedSuccessfullyEvent,
    "COURSE_ITEM_COMPLETED_SUCCESSFULLY": CourseItemCompletedSuccessfullyEvent,
    "COURSE_STATUS_CHANGED": CourseStatusChangedEvent,
    "COURSE_ITEM_STATUS_CHANGED": CourseItemStatusChangedEvent,
    "TRAINING_MEETING_ADDED": TrainingMeetingAddedEvent,
    "TRAINING_MEETING_REMOVED": TrainingMeetingRemovedEvent,
    "TRAINING_MEETING_UPDATED": TrainingMeetingUpdatedEvent,
    "TRAINING_SESSION_PARTICIPANTS_ADDED": TrainingSessionParticipantsAddedEvent,
    "TRAINING_SESSION_PARTICIPANT_REMOVED": TrainingSessionParticipantRemovedEvent,
    "CONFIRMATION": WebhookConfirmationEvent,
}
"""The documented types of events, and the model of each; `CONFIRMATION` carries the verification code."""

Headers = Mapping[str, Any] | Mapping[bytes, Any] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
"""The headers of a request, as web frameworks have them."""

_BUFFERS: tuple[type[Any], ...] = (bytes, bytearray, memoryview)
_NAMES = {"x-hub-signature", "http_x_hub_signature"}  # the second one in WSGI
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 1000  # in a microsecond, which is what a datetime counts


class WebhookError(InvigilateError):
    """A delivery cannot be accepted; respond with a status other than 200. Its message never quotes the delivery."""


class InvalidSignatureError(WebhookError):
    """A secret is set, and the delivery has no signature, or one that was not made with it."""


class Event(NamedTuple):
    """One event.

    Attributes:
        type: the type as received, such as `USER_REGISTERED`.
        payload: the model of the type; of a type that is not documented, the JSON value as received.
    """

    type: str
    payload: Payload | Any

    def __repr__(self) -> str:
        # The type and the payload of an unknown event may hold anything.
        return f"<Event {self.type}>" if self.type in TYPES else "<Event of an undocumented type>"

    @property
    def completed_at(self) -> datetime | None:
        """When the course or item was completed, in UTC; `None` for other events, and if the time is unreadable.

        A datetime ends at microseconds; `payload.completion_date` keeps all nanoseconds.
        """
        passed = getattr(self.payload, "completion_date", None)
        try:
            if isinstance(passed, bool) or not isinstance(passed, int | str):
                return None
            # In integers: a float has too few digits.
            return _EPOCH + timedelta(microseconds=int(passed) // _NANOSECONDS)
        except (ValueError, OverflowError):
            return None


def parse(body: bytes | str, headers: Headers, *, secret: str | None = None) -> list[Event]:
    """Check a delivery and read its events, in the order sent.

    Args:
        body: the body as received, byte for byte: the signature is over these bytes. A string is taken as UTF-8.
        headers: the headers of the request, as a mapping or in pairs; case does not matter.
        secret: the secret that the subscriber was registered with. Without one nothing is verified, so that anyone who
            knows the URL can send events.

    Returns:
        The events. Unknown types and fields are kept.

    Raises:
        InvalidSignatureError: if there is a secret, and the signature is missing or wrong.
        WebhookError: if the body is not a delivery.
        ConfigurationError: if the secret is empty, or the body or the headers are of another type.

    Documentation: https://ispringhelpdocs.com/ispring-learn/list-of-event-messages-86770547.html
    """
    if secret is not None:
        verify(body, headers, secret=secret)
    delivery = _decoded(_bytes(body))
    if not is_object(delivery) or not isinstance(delivery.get("type"), str):
        raise WebhookError("not a delivery: expected a JSON object with a `type`")
    payloads = delivery.get("payloads")
    payloads = _decoded(payloads.encode(errors="replace")) if isinstance(payloads, str) else payloads
    if not is_list(payloads):
        payloads = [payloads] if is_object(payloads) else None
    if payloads is None:
        raise WebhookError("not a delivery: expected a list as `payloads`")
    return [_event(delivery["type"], payload) for payload in payloads]


def _event(type_: str, payload: Any) -> Event:
    """Read one payload; what is not an object is kept as received, so that its neighbors are not lost."""
    model, value = TYPES.get(type_), payload
    if model is not None and isinstance(payload, str):
        # The confirmation message holds its payload as a JSON string, other messages are shown as objects.
        with contextlib.suppress(ValueError, RecursionError):
            value = load_json(payload.encode(errors="surrogatepass"))
    return Event(type_, model.from_dict(value) if model is not None and is_object(value) else payload)


def verify(body: bytes | str, headers: Headers, *, secret: str) -> None:
    """Check that a delivery was signed with the secret, in constant time.

    The signature in `X-Hub-Signature` is documented as the SHA-256 of the body followed by the secret, and on another
    page as an HMAC; its encoding is not documented. So both, in hexadecimal or base64, with or without `sha256=`, are
    accepted.

    Args:
        body: the body as received, byte for byte.
        headers: the headers of the request, as a mapping or in pairs; case does not matter.
        secret: the secret that the subscriber was registered with.

    Raises:
        InvalidSignatureError: if the signature is missing or wrong.
        ConfigurationError: if the secret is empty, or an argument is of another type.
    """
    content, passed = _bytes(body), cast(object, secret)
    if not isinstance(passed, str) or not passed:
        raise ConfigurationError(f"secret: expected the secret of the subscriber, got {describe_value(passed)}")
    found = [value.strip().strip('"') for name, value in _pairs(headers) if name.lower() in _NAMES]
    if len(found) != 1:
        problem = "X-Hub-Signature is missing" if not found else "there are several X-Hub-Signature"
        raise InvalidSignatureError(f"the delivery is not signed: {problem}")
    signature = found[0].removeprefix("sha256=").strip().encode(errors="replace")
    accepted, key = False, passed.encode()
    for digest in (hashlib.sha256(content + key).digest(), hmac.digest(key, content, "sha256")):
        for encoded, sent in (
            (digest.hex().encode(), signature.lower()),
            (base64.b64encode(digest), signature),
            (base64.urlsafe_b64encode(digest), signature),
        ):
            accepted |= hmac.compare_digest(encoded, sent)
    if not accepted:
        raise InvalidSignatureError("the signature of the delivery is wrong: another secret, or a changed body")


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode(errors="surrogatepass")
    if not isinstance(body, _BUFFERS):
        raise ConfigurationError(f"body: expected the bytes of the request, got {describe_value(body)}")
    return bytes(body)


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    """The headers that have a plain value; names and values may be bytes, as in ASGI."""
    if headers is None or isinstance(headers, str | bytes):
        raise ConfigurationError(f"headers: expected the headers of the request, got {describe_value(headers)}")
    for name, value in headers.items() if hasattr(headers, "items") else headers:
        for one in value if is_list(value) else [value]:
            if one is not None:
                yield _string(name), _string(one)


def _string(value: Any) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, _BUFFERS) else str(value)


def _decoded(content: bytes) -> Any:
    try:
        return load_json(content)
    except (ValueError, RecursionError):
        raise WebhookError("the body is not JSON") from None
