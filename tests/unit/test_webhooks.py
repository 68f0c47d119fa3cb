"""Receiving events of iSpring Learn: types, tolerant reading, signatures, and nothing shown that is personal."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import pprint
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from invigilate import ConfigurationError, InvigilateError
from invigilate.ispring import webhooks
from invigilate.ispring.webhooks import Event, InvalidSignatureError, WebhookError, parse
from ispring_learn_client.models import CourseCompletedSuccessfullyEvent, TrainingMeetingUpdatedEvent
from tests.support.documented import SPECS

SECRET = "canary-webhook-secret"
COURSE = "11111111-1111-4111-8111-111111111111"
SPEC = yaml.load(SPECS["ispring-learn"].read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
DOCUMENTED = {name: hook["post"] for name, hook in SPEC["webhooks"].items()}


def delivery(type_: str, *payloads: Any) -> bytes:
    return json.dumps({"type": type_, "payloads": payloads}).encode()


def forms(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The signatures that the pages allow: how the digest is made and written is not documented."""
    made = {
        "concatenated": hashlib.sha256(body + secret.encode()).digest(),
        "HMAC": hmac.new(secret.encode(), body, hashlib.sha256).digest(),
    }
    written = {}
    for name, digest in made.items():
        for how, text in (
            ("hex", digest.hex()),
            ("HEX", digest.hex().upper()),
            ("base64", base64.b64encode(digest).decode()),
            ("base64 for URLs", base64.urlsafe_b64encode(digest).decode()),
        ):
            written[f"{name} in {how}"] = text
            written[f"{name} in {how} with prefix"] = f"sha256={text}"
    return written


def test_there_is_a_model_for_each_documented_event() -> None:
    assert set(webhooks.TYPES) == set(DOCUMENTED)
    assert len(webhooks.TYPES) == 12
    assert set(get_args(webhooks.Payload)) == set(webhooks.TYPES.values())


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
@pytest.mark.parametrize("form", ["object", "string"])
def test_the_documented_examples(name: str, form: str) -> None:
    sample = DOCUMENTED[name]["requestBody"]["content"]["application/json"]["example"]
    payloads = [json.loads(item) if isinstance(item, str) else item for item in sample["payloads"]]
    sent = payloads if form == "object" else [json.dumps(item) for item in payloads]
    events = parse(delivery(sample["type"], *sent, *sent), {})
    assert [type(event.payload) for event in events] == [webhooks.TYPES[name]] * 2
    for event in events:
        assert event.type == name
        assert event.payload.to_dict() == payloads[0]


def test_nothing_that_is_sent_is_lost() -> None:
    strange = {"courseId": 7, "learnerId": None, "enrollmentIds": "one", "completionDate": [1], "new": {"a": [1.50]}}
    (event,) = parse(delivery("COURSE_COMPLETED_SUCCESSFULLY", strange), {})
    assert isinstance(event.payload, CourseCompletedSuccessfullyEvent)
    assert event.payload.to_dict() == strange
    assert event.completed_at is None
    (event,) = parse(delivery("TRAINING_MEETING_UPDATED", {"updatedAttributes": "time_range"}), {})
    assert isinstance(event.payload, TrainingMeetingUpdatedEvent)
    assert event.payload.to_dict() == {"updatedAttributes": "time_range"}


@given(
    payloads=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
)
def test_events_of_unknown_types_are_kept_as_received(payloads: list[Any]) -> None:
    assert parse(delivery("BADGE_AWARDED", *payloads), {}) == [Event("BADGE_AWARDED", each) for each in payloads]


@given(nanoseconds=st.integers(-(10**18), 253402300799 * 10**9), written=st.sampled_from([int, str]))
@example(nanoseconds=1767225600123456789, written=int)
def test_nanoseconds_become_a_datetime_without_loss(nanoseconds: int, written: type[Any]) -> None:
    (event,) = parse(delivery("COURSE_COMPLETED_SUCCESSFULLY", {"completionDate": written(nanoseconds)}), {})
    found = event.completed_at
    assert found is not None
    assert found.tzinfo is UTC
    assert isinstance(event.payload, CourseCompletedSuccessfullyEvent)
    assert int(event.payload.completion_date) == nanoseconds
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    assert since // timedelta(microseconds=1) == nanoseconds // 1000


@pytest.mark.parametrize("value", [10**30, "soon", True, 1.5, None, ""])
def test_a_time_that_cannot_be_read(value: Any) -> None:
    (event,) = parse(delivery("COURSE_COMPLETED_SUCCESSFULLY", {"completionDate": value}), {})
    assert event.completed_at is None
    assert event.payload.to_dict() == {"completionDate": value}
    assert Event("USER_REGISTERED", None).completed_at is None


BODY = delivery("LEARNERS_ENROLLED_IN_COURSE", {"courseId": COURSE, "learnerIds": ["Zoë"]})


@pytest.mark.parametrize("form", sorted(forms(BODY)))
@pytest.mark.parametrize("header", ["X-Hub-Signature", "x-hub-signature"])
def test_a_signature_in_any_form_that_the_pages_allow(form: str, header: str) -> None:
    assert len(parse(BODY, {"Content-Length": "1", header: forms(BODY)[form]}, secret=SECRET)) == 1


@given(
    body=st.binary(max_size=40),
    other=st.binary(max_size=40),
    secret=st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    form=st.sampled_from(sorted(forms(b""))),
)
def test_only_the_signed_bytes_are_accepted(body: bytes, other: bytes, secret: str, form: str) -> None:
    signature = forms(body, secret)[form]
    webhooks.verify(body, {"X-Hub-Signature": signature}, secret=secret)
    for changed, key in ((other, secret), (body, f"{secret}x")):
        if (changed, key) == (body, secret):
            continue
        with pytest.raises(InvalidSignatureError):
            webhooks.verify(changed, {"X-Hub-Signature": signature}, secret=key)


def test_a_signature_is_taken_without_quotes_and_with_all_its_letters() -> None:
    bodies = (delivery("LEARNERS_ENROLLED_IN_COURSE", number) for number in range(10_000))
    signed = ((body, forms(body)["HMAC in base64"]) for body in bodies)
    body, signature = next((body, signature) for body, signature in signed if signature.startswith("X"))
    webhooks.verify(body, {"X-Hub-Signature": f'"{signature}"'}, secret=SECRET)


WRONG = "the signature of the delivery is wrong: another secret, or a changed body"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "the delivery is not signed: X-Hub-Signature is missing"),
        (
            {"X-Hub-Signature": "a", "x-hub-signature": "b"},
            "the delivery is not signed: there are several X-Hub-Signature",
        ),
        ({"X-Hub-Signature": ""}, WRONG),
        ({"X-Hub-Signature": "sha256="}, WRONG),
        ({"X-Hub-Signature": "ÿ" * 64}, WRONG),
        ({"X-Hub-Signature": "\udce9"}, WRONG),
        ({"X-Hub-Signature": forms(BODY, "another")["HMAC in hex"]}, WRONG),
    ],
)
def test_a_delivery_without_a_right_signature_is_refused(headers: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSignatureError) as caught:
        parse(BODY, headers, secret=SECRET)
    assert str(caught.value) == message
    # The signature is checked first: nothing is read of what nobody signed.
    with pytest.raises(InvalidSignatureError):
        parse(b"not JSON", headers, secret=SECRET)


@pytest.mark.parametrize(
    ("secret", "got"), [("", "an empty string"), (b"bytes", "a value of type bytes"), (5, "the number 5")]
)
def test_a_wrong_secret_is_a_mistake(secret: Any, got: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(BODY, {"X-Hub-Signature": forms(BODY, "")["HMAC in hex"]}, secret=secret)
    assert str(caught.value) == f"secret: expected the secret of the subscriber, got {got}"


HEX = forms(BODY)["concatenated in hex"]


@pytest.mark.parametrize(
    "headers",
    [
        [("x-hub-signature", HEX)],
        [(b"content-type", b"application/json"), (b"x-hub-signature", HEX.encode())],
        {"X-Hub-Signature": [HEX]},
        {"HTTP_X_HUB_SIGNATURE": HEX, "wsgi.input": None},
        {"X-Hub-Signature": f' "sha256= {HEX}" '},
        {"X-Hub-Signature": [None, HEX], "other": None},
        httpx.Headers({"x-hub-signature": HEX}),
    ],
    ids=["pairs", "ASGI", "list", "WSGI", "quoted", "list with null", "httpx"],
)
@pytest.mark.parametrize("body", [BODY, BODY.decode(), memoryview(BODY)], ids=["bytes", "str", "memoryview"])
def test_headers_and_bodies_as_web_frameworks_have_them(headers: Any, body: Any) -> None:
    assert len(parse(body, headers, secret=SECRET)) == 1


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (BODY, None, "headers: expected the headers of the request, got None"),
        (BODY, "X-Hub-Signature: a", "headers: expected the headers of the request, got a string of length 18"),
        (BODY, b"a", "headers: expected the headers of the request, got a value of type bytes"),
        (None, {}, "body: expected the bytes of the request, got None"),
        ({}, {}, "body: expected the bytes of the request, got a value of type dict"),
    ],
)
def test_arguments_of_other_types_are_a_mistake(body: Any, headers: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(body, headers, secret=SECRET)
    assert str(caught.value) == message


def test_characters_that_utf8_cannot_encode() -> None:
    # As signed bytes they are what `surrogatepass` writes, as in Python's own JSON.
    body = '{"type": "CONFIRMATION", "payloads": [], "x": "\udce9"}'
    signature = forms(body.encode("utf-8", "surrogatepass"))["HMAC in hex"]
    webhooks.verify(body, {"X-Hub-Signature": signature}, secret=SECRET)
    # Payloads in a string, and a payload that is a string, are kept as far as they can be read.
    inner = json.dumps([{"code": "\udce9"}], ensure_ascii=False)
    (event,) = parse(json.dumps({"type": "CONFIRMATION", "payloads": inner}), {})
    assert event.payload.to_dict() == {"code": "?"}
    (event,) = parse(delivery("CONFIRMATION", '{"code": "\udce9"}'), {})
    assert event.payload.to_dict() == {"code": "\udce9"}
    (event,) = parse(delivery("CONFIRMATION", "[" * 100_000), {})
    assert event.payload == "[" * 100_000


def test_a_payload_that_is_not_an_object_does_not_lose_the_others() -> None:
    person = {"userId": COURSE, "departmentId": COURSE, "login": None, "email": None}
    events = parse(delivery("USER_REGISTERED", None, "canary", ["a"], person), {})
    assert [event.payload for event in events[:3]] == [None, "canary", ["a"]]
    assert events[3].payload.to_dict() == person
    assert "canary" not in repr(events)
    for body in (
        {"type": "USER_REGISTERED", "payloads": person},
        {"type": "USER_REGISTERED", "payloads": json.dumps([person])},
    ):
        assert [event.payload.to_dict() for event in parse(json.dumps(body), {})] == [person]


NO_JSON, NO_OBJECT = "the body is not JSON", "not a delivery: expected a JSON object with a `type`"
NO_LIST = "not a delivery: expected a list as `payloads`"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", NO_JSON),
        (b"\xff", NO_JSON),
        (b"canary", NO_JSON),
        (b"[]", NO_OBJECT),
        (b'"canary"', NO_OBJECT),
        (b"{}", NO_OBJECT),
        (b'{"type": 1, "payloads": []}', NO_OBJECT),
        (b'{"type": "USER_REGISTERED"}', NO_LIST),
        (b'{"type": "USER_REGISTERED", "payloads": "canary"}', NO_JSON),
        (b'{"type": "USER_REGISTERED", "payloads": "5"}', NO_LIST),
        (b'{"type": "USER_REGISTERED", "payloads": 1}', NO_LIST),
        (b'{"payloads": [' + b"[" * 100_000, NO_JSON),
    ],
    ids=range(12),
)
def test_what_is_not_a_delivery_is_refused_without_quoting_it(body: bytes, message: str) -> None:
    with pytest.raises(WebhookError) as caught:
        parse(body, {})
    assert not isinstance(caught.value, InvalidSignatureError)
    assert isinstance(caught.value, InvigilateError)
    assert str(caught.value) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(WebhookError):  # any other error fails this test
        parse(body, {})


def test_personal_data_is_not_shown() -> None:
    person = {"userId": COURSE, "departmentId": COURSE, "login": "canary", "email": "canary@example.com"}
    events = [
        *parse(delivery("USER_REGISTERED", person), {}),
        *parse(delivery("CONFIRMATION", json.dumps({"code": "canary"})), {}),
        *parse(delivery("canary", person), {}),
    ]
    for shown in (repr(events), pprint.pformat(events), str(events), repr([event.payload for event in events[:2]])):
        assert "canary" not in shown
    assert repr(events[0]) == "<Event USER_REGISTERED>"
    assert repr(events[2]) == "<Event of an undocumented type>"
