"""The operations of webhooks, and the events that are sent to them."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from invigilate.sandbox import json_values
from invigilate.sandbox.behaviours import Behaviour
from invigilate.sandbox.deliveries import Receiver
from invigilate.sandbox.inventions import HEADER, infer, inferring
from invigilate.sandbox.json_values import is_array
from invigilate.sandbox.problems import invalid, missing
from invigilate.sandbox.validation import Call

from .records import Json
from .state import LearnState, operation

_USERS, _COURSES, _ITEMS = "userIds", "courseIds", "courseItemIds"
_FILTERS: dict[str, frozenset[str]] = {
    "USER_REGISTERED": frozenset(),
    "LEARNERS_ENROLLED_IN_COURSE": frozenset({_USERS, _COURSES}),
    "COURSE_COMPLETED_SUCCESSFULLY": frozenset({_USERS, _COURSES}),
    "COURSE_STATUS_CHANGED": frozenset({_USERS, _COURSES}),
    "COURSE_ITEM_COMPLETED_SUCCESSFULLY": frozenset({_USERS, _ITEMS}),
    "COURSE_ITEM_STATUS_CHANGED": frozenset({_USERS, _ITEMS}),
    "TRAINING_SESSION_PARTICIPANTS_ADDED": frozenset({_USERS}),
    "TRAINING_SESSION_PARTICIPANT_REMOVED": frozenset({_USERS}),
}
"""Names of the filters that a type of event takes."""
_SUBJECTS = {_USERS: "learnerId", _COURSES: "courseId", _ITEMS: "courseItemId"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Subscriber:
    """A subscriber of events.

    Attributes:
        receiver: what is sent to it.
        secret: signs its deliveries.
        confirmed: whether its URL is confirmed.
        code: the latest code, if it is still valid.
        types: the filters of its subscriptions, as sent, by type of event.
    """

    receiver: Receiver
    secret: str | None
    enabled: bool = True
    confirmed: bool = False
    code: str | None = None
    types: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])


def emit(state: LearnState, type_: str, payload: Json) -> None:
    """Queue an event for every subscriber that wants it."""
    infer("webhook-events")
    for subscriber in state.subscribers.values():
        if not subscriber.confirmed or type_ not in subscriber.types:
            continue
        if not subscriber.enabled and not state.behaviour.flips("disabled-events"):
            continue
        wanted = _narrowed(payload, subscriber.types[type_])
        if wanted is not None:
            state.deliveries.send(subscriber.receiver, type_, wanted)


def nanoseconds(state: LearnState, moment: datetime) -> int | str:
    """A time as events have it."""
    value = int((moment - _EPOCH).total_seconds() * 1000) * 1_000_000
    return str(value) if state.behaviour.flips("webhook-payloads") else value


def _narrowed(payload: Json, params: list[Json]) -> Json | None:
    """The payload as the filters of a subscription leave it; None when nothing is left."""
    for param in params:
        ids = json.loads(param["value"])
        if param["name"] == _USERS and "learnerIds" in payload:
            payload = {**payload, "learnerIds": [each for each in payload["learnerIds"] if each in ids]}
            if not payload["learnerIds"]:
                return None
        elif payload.get(_SUBJECTS[param["name"]]) not in ids:
            return None
    return payload


@operation("registerWebhook")
def register_webhook(state: LearnState, call: Call) -> None:
    """Add a subscriber, whose URL has to be confirmed."""
    name, behaviour = call.body["subscriberName"], state.behaviour
    if not name:
        infer("unusable-value")
        raise invalid("subscriberName: empty.")
    if name in state.subscribers:
        raise state.refuse("There is a subscriber of this name.")

    def write(type_: str, payloads: list[object]) -> bytes:
        # The confirmation is a string in every client that reads it.
        if type_ == "CONFIRMATION" or behaviour.flips("webhook-payloads"):
            payloads = [json_values.encode(each).decode() for each in payloads]
        return json_values.encode({"type": type_, "payloads": payloads})

    def headers(body: bytes) -> dict[str, str]:
        secret = subscriber.secret
        with inferring() as names:
            infer("webhook-retries")
            infer("webhook-payloads")
            signed = {"X-Hub-Signature": _signature(body, secret.encode(), behaviour)} if secret else {}
        return {HEADER: ", ".join(sorted(names)), **signed}

    def abandoned() -> None:
        subscriber.confirmed = False

    receiver = Receiver(name, call.body["callbackUrl"], write, headers, abandoned)
    subscriber = Subscriber(receiver, call.body.get("secret"))
    state.subscribers[name] = subscriber


def _signature(body: bytes, secret: bytes, behaviour: Behaviour) -> str:
    if behaviour.flips("webhook-signature"):
        return f"sha256={hmac.digest(secret, body, 'sha256').hex()}"
    return hashlib.sha256(body + secret).hexdigest()


@operation("sendWebhookCode")
def send_webhook_code(state: LearnState, call: Call) -> None:
    """Send a code to the URL of a subscriber; earlier codes become invalid."""
    subscriber = _subscriber(state, call.body)
    subscriber.code = state.create_code()
    state.deliveries.drop(subscriber.receiver)
    state.deliveries.send(subscriber.receiver, "CONFIRMATION", {"code": subscriber.code})


@operation("confirmWebhook")
def confirm_webhook(state: LearnState, call: Call) -> None:
    """Confirm the URL of a subscriber with the latest code."""
    subscriber = _subscriber(state, call.body)
    infer("webhook-codes")
    if subscriber.code is None or call.body["code"] != subscriber.code:
        raise invalid("code: wrong, outdated or used.")
    subscriber.code, subscriber.confirmed = None, True


@operation("subscribeWebhook")
def subscribe_webhook(state: LearnState, call: Call) -> None:
    """Subscribe to a type of event, in place of an earlier subscription to it."""
    subscriber = _subscriber(state, call.body)
    infer("webhook-subscriptions")
    subscription = call.body["subscription"]
    type_, params = subscription["subscriptionType"], subscription.get("params", [])
    for param in params:
        if param["name"] not in _FILTERS.get(type_, ()):
            raise invalid(f"params: {type_} has no such filter.")
        if not _is_list_of_ids(param["value"]):
            raise invalid("params.value: not a JSON array of IDs, as a string.")
    subscriber.types[type_] = params


def _is_list_of_ids(text: str) -> bool:
    try:
        value: Any = json_values.decode(text.encode())
    except ValueError:
        return False
    return is_array(value) and all(isinstance(each, str) for each in value)


@operation("unsubscribeWebhook")
def unsubscribe_webhook(state: LearnState, call: Call) -> None:
    """End a subscription."""
    if _subscriber(state, call.body).types.pop(call.body["subscriptionType"], None) is None:
        raise missing("The subscription")


@operation("listSubscriptions")
def list_subscriptions(state: LearnState, call: Call) -> object:
    """Return the subscriptions of a subscriber."""
    types = _subscriber(state, call.query).types
    return [{"subscriptionType": type_, "params": params} for type_, params in types.items()]


@operation("getSubscriber")
def get_subscriber(state: LearnState, call: Call) -> object:
    """Return the state of a subscriber."""
    subscriber = _subscriber(state, call.query)
    infer("webhook-status")
    sends = subscriber.enabled and subscriber.confirmed
    suspended = subscriber.receiver.attempts > 0
    return {
        "subscriberStatus": "ACTIVE" if subscriber.enabled else "INACTIVE",
        "confirmationStatus": "CONFIRMED" if subscriber.confirmed else "UNCONFIRMED",
        "notificationProcessStatus": "INACTIVE" if not sends else "SUSPENDED" if suspended else "ACTIVE",
    }


@operation("updateWebhookSettings")
def update_webhook_settings(state: LearnState, call: Call) -> None:
    """Set URL and secret; another URL has to be confirmed again."""
    subscriber = _subscriber(state, call.body)
    if call.body["callbackUrl"] != subscriber.receiver.url:
        state.deliveries.drop(subscriber.receiver)
        subscriber.receiver.url = call.body["callbackUrl"]
        subscriber.confirmed, subscriber.code = False, None
    if "secret" in call.body or state.behaviour.flips("webhook-secret"):
        subscriber.secret = call.body.get("secret")


@operation("enableWebhook")
def enable_webhook(state: LearnState, call: Call) -> None:
    """Send events again."""
    subscriber = _subscriber(state, call.body)
    subscriber.enabled = True
    state.deliveries.resume(subscriber.receiver)


@operation("disableWebhook")
def disable_webhook(state: LearnState, call: Call) -> None:
    """Send no more events."""
    subscriber = _subscriber(state, call.body)
    subscriber.enabled = False
    subscriber.receiver.paused = state.behaviour.flips("disabled-events")


@operation("removeWebhook")
def remove_webhook(state: LearnState, call: Call) -> None:
    """Remove a subscriber with everything that waits for it."""
    subscriber = _subscriber(state, call.body)
    state.deliveries.drop(subscriber.receiver)
    del state.subscribers[call.body["subscriberName"]]


def _subscriber(state: LearnState, values: Json) -> Subscriber:
    found: Subscriber | None = state.subscribers.get(values["subscriberName"])
    if found is None:
        raise missing("The subscriber")
    return found
