"""Webhooks of iSpring Learn in the sandbox: real deliveries to a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.learner import Learner, Receiver, learning, receiving

NAME = {"subscriberName": "USER_REGISTERED"}
REGISTERED, ENROLLED = "USER_REGISTERED", "LEARNERS_ENROLLED_IN_COURSE"
CHANGED, COMPLETED = "COURSE_STATUS_CHANGED", "COURSE_COMPLETED_SUCCESSFULLY"
ITEM_CHANGED, ITEM_COMPLETED = "COURSE_ITEM_STATUS_CHANGED", "COURSE_ITEM_COMPLETED_SUCCESSFULLY"
ENROLLMENT = {"dueDateType": "unlimited"}


@pytest.fixture
def learner() -> Iterator[Learner]:
    with learning() as learner:
        yield learner


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def known(learner: Learner, name: str) -> str:
    return learner.sandbox.identifiers[name]


def register(learner: Learner, login: str) -> str:
    return learner.user(known(learner, "department_id"), login)


def logins(receiver: Receiver) -> list[str]:
    return [payload["login"] for type_, payload in receiver.events if type_ == REGISTERED]


def status(learner: Learner) -> tuple[str, str, str]:
    info = learner.get("/webhook/subscriber/info", **NAME)
    return info["subscriberStatus"], info["confirmationStatus"], info["notificationProcessStatus"]


def eventually(learner: Learner, wanted: tuple[str, str, str]) -> None:
    deadline = time.monotonic() + 5
    while (found := status(learner)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def test_a_flow_is_received(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED, ENROLLED, CHANGED, COMPLETED, ITEM_CHANGED, ITEM_COMPLETED)
    root = learner.get("/department")[0]["departmentId"]
    department = learner.post("/department", {"name": "Bakery", "parentDepartmentId": root})
    user, course, item = learner.user(department, "noa"), known(learner, "course_id"), known(learner, "content_item_id")
    learner.post("/enrollment", {"courseIds": [course], "learnerIds": [user], **ENROLLMENT})
    enrollment = learner.get("/enrollment", **{"learnerIds[]": [user]})["enrollments"][0]["enrollmentId"]
    passed = {"contentItemId": item, "date": "2026-03-20", "status": "passed", "awardedScore": 90}
    body = {"enrollmentIds": [enrollment], "courseId": course, "moduleStatuses": [passed]}
    learner.post("/statistics/module", body)
    query = {"courseId": course, "enrollmentIds[]": [enrollment], "status": "passed", "date": "2026-03-21"}
    learner.post("/statistics/course", None, **query)
    learner.post("/statistics/course", None, **query)  # nothing changes, so that nothing is sent
    assert learner.sandbox.deliveries.settle()
    changed = {"learnerId": user, "enrollmentId": enrollment}
    completed = {"learnerId": user, "enrollmentIds": [enrollment]}
    assert receiver.events == [
        (REGISTERED, {"userId": user, "departmentId": department, "login": "noa", "email": "noa@example.com"}),
        (ENROLLED, {"courseId": course, "learnerIds": [user]}),
        (ITEM_CHANGED, {"courseItemId": item, **changed}),
        (ITEM_COMPLETED, {"courseItemId": item, **completed, "completionDate": 1773964800000000000}),
        (CHANGED, {"courseId": course, **changed}),
        (CHANGED, {"courseId": course, **changed}),
        (COMPLETED, {"courseId": course, **completed, "completionDate": 1774051200000000000}),
    ]
    for sent, headers in zip(receiver.bodies, receiver.headers, strict=True):
        assert headers["x-hub-signature"] == hashlib.sha256(sent + b"shh").hexdigest()
        assert headers["content-type"] == "application/json"
        assert "webhook-signature" in headers["x-sandbox-inferred"]
    attempts = learner.sandbox.deliveries.attempts
    assert {(each.status, each.outcome) for each in attempts} == {(200, "delivered")}


def test_neighboring_events_of_a_type_are_one_delivery(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED, ENROLLED)
    learner.sandbox.deliveries.fail(1)
    first = register(learner, "first")
    eventually(learner, ("ACTIVE", "CONFIRMED", "SUSPENDED"))
    for login in ("second", "third"):
        register(learner, login)
    learner.post("/enrollment", {"courseIds": [known(learner, "course_id")], "learnerIds": [first], **ENROLLMENT})
    register(learner, "fourth")
    learner.sandbox.deliveries.retry()
    assert learner.sandbox.deliveries.settle()
    # What had failed is sent again as it was; the rest waited, in order.
    assert [(each["type"], len(each["payloads"])) for each in receiver.deliveries] == [
        (REGISTERED, 1), (REGISTERED, 2), (ENROLLED, 1), (REGISTERED, 1)
    ]  # fmt: skip
    assert logins(receiver) == ["first", "second", "third", "fourth"]
    assert status(learner) == ("ACTIVE", "CONFIRMED", "ACTIVE")


def test_only_200_counts(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED)
    receiver.status = 204
    register(learner, "noa")
    eventually(learner, ("ACTIVE", "CONFIRMED", "SUSPENDED"))
    receiver.status = 200
    assert learner.sandbox.deliveries.settle()
    assert len(set(receiver.bodies)) == 1 < len(receiver.bodies)
    outcomes = [each.outcome for each in learner.sandbox.deliveries.attempts][1:]
    assert outcomes == ["failed: status 204"] * (len(outcomes) - 1) + ["delivered"]


def test_a_delivery_is_abandoned(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED)
    learner.sandbox.deliveries.fail(1)
    register(learner, "noa")
    eventually(learner, ("ACTIVE", "CONFIRMED", "SUSPENDED"))
    learner.sandbox.deliveries.abandon()
    assert status(learner) == ("ACTIVE", "UNCONFIRMED", "INACTIVE")
    register(learner, "lost")
    assert learner.sandbox.deliveries.settle()
    assert receiver.events == []


def test_lost_responses_and_repeats_are_duplicates(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED)
    learner.sandbox.deliveries.lose(2)
    register(learner, "noa")
    assert learner.sandbox.deliveries.settle()
    assert logins(receiver) == ["noa"] * 3
    learner.sandbox.deliveries.repeat()
    assert learner.sandbox.deliveries.settle()
    assert logins(receiver) == ["noa"] * 4


def test_filters_of_subscriptions(learner: Learner, receiver: Receiver) -> None:
    one, other = (register(learner, login) for login in ("one", "other"))
    course = known(learner, "course_id")
    learner.subscribe(receiver, ENROLLED, userIds=[one], courseIds=[course])
    elsewhere = learner.post("/content/create/Course", {"folder_id": course, "title": "Elsewhere"})
    for courses, learners in (([course], [one, other]), ([course], [other]), ([elsewhere], [one])):
        learner.post("/enrollment", {"courseIds": courses, "learnerIds": learners, **ENROLLMENT})
    assert learner.sandbox.deliveries.settle()
    assert receiver.events == [(ENROLLED, {"courseId": course, "learnerIds": [one]})]
    listed = learner.get("/webhook/subscription/list", subscriberName=ENROLLED)
    assert [each["subscriptionType"] for each in listed] == [ENROLLED]
    learner.post("/webhook/unsubscribe", {"subscriberName": ENROLLED, "subscriptionType": ENROLLED})
    assert learner.get("/webhook/subscription/list", subscriberName=ENROLLED) == []


def test_codes(learner: Learner, receiver: Receiver) -> None:
    learner.post("/webhook/register", {**NAME, "callbackUrl": receiver.url})
    assert status(learner) == ("ACTIVE", "UNCONFIRMED", "INACTIVE")
    for _ in range(2):
        learner.post("/webhook/code/send", NAME)
        assert learner.sandbox.deliveries.settle()
    first, second = (json.loads(each["payloads"][0])["code"] for each in receiver.deliveries)
    assert "x-hub-signature" not in receiver.headers[0]

    def confirm(code: str) -> int:
        return learner.send("POST", "/webhook/confirm", {**NAME, "code": code}).status

    assert [confirm(code) for code in (first, "x", second, second)] == [400, 400, 200, 400]
    settings = {**NAME, "callbackUrl": receiver.url}
    learner.post("/webhook/settings/change", {**settings, "secret": "new"})
    assert status(learner)[1] == "CONFIRMED"
    learner.post("/webhook/settings/change", {**settings, "callbackUrl": f"{receiver.url}&moved"})
    assert status(learner)[1] == "UNCONFIRMED"


def test_disabled_and_removed(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED)
    learner.post("/webhook/disable", NAME)
    assert status(learner) == ("INACTIVE", "CONFIRMED", "INACTIVE")
    register(learner, "unheard")
    learner.post("/webhook/enable", NAME)
    register(learner, "heard")
    assert learner.sandbox.deliveries.settle()
    assert logins(receiver) == ["heard"]
    learner.post("/webhook/remove", NAME)
    assert learner.send("GET", "/webhook/subscriber/info?subscriberName=USER_REGISTERED").status == 404
    register(learner, "nobody")
    assert learner.sandbox.deliveries.settle()
    assert logins(receiver) == ["heard"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:1/",
        "http://192.0.2.7/",
        "http://localhost.example.com/",
        "ftp://127.0.0.1/",
        "http://[::2",
        "",
    ],
)
def test_other_hosts_are_never_contacted(learner: Learner, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learner.post("/webhook/register", {**NAME, "callbackUrl": url})

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was attempted")

    # The test's own connection is open already.
    monkeypatch.setattr("http.client.HTTPConnection.connect", refuse)
    learner.post("/webhook/code/send", NAME)
    assert learner.sandbox.deliveries.settle()
    (attempt,) = learner.sandbox.deliveries.attempts
    assert (attempt.url, attempt.status) == (url, None)
    assert attempt.outcome.startswith("not contacted")


def test_refusals(learner: Learner) -> None:
    url = "http://127.0.0.1:9/"
    learner.post("/webhook/register", {**NAME, "callbackUrl": url})

    def subscribe(type_: str, *params: tuple[str, str]) -> int:
        subscription = {"subscriptionType": type_, "params": [{"name": name, "value": value} for name, value in params]}
        return learner.send("POST", "/webhook/subscribe", {**NAME, "subscription": subscription}).status

    assert learner.send("POST", "/webhook/register", {**NAME, "callbackUrl": url}).status == 409
    assert learner.send("POST", "/webhook/register", {"subscriberName": "", "callbackUrl": url}).status == 400
    assert subscribe("SOMETHING_ELSE") == 400
    assert subscribe(REGISTERED, ("userIds", "[]")) == 400
    assert [subscribe(ENROLLED, ("userIds", value)) for value in ("x", "{}", "[1]", "[]")] == [400, 400, 400, 200]
    wrong = {**NAME, "subscriptionType": CHANGED}
    assert learner.send("POST", "/webhook/unsubscribe", wrong).status == 404
    nobody = {"subscriberName": "nobody"}
    for path in ("code/send", "enable", "disable", "remove"):
        assert learner.send("POST", f"/webhook/{path}", nobody).status == 404


def test_controls(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, REGISTERED)
    with httpx.Client(base_url=learner.sandbox.control_url) as control:
        assert control.post("/deliveries/fail/1").status_code == 204
        register(learner, "noa")
        assert control.post("/deliveries/settle").json() == {"settled": True}
        outcomes = [each["outcome"] for each in control.get("/deliveries").json()]
        assert outcomes == ["delivered", "failed: on demand", "delivered"]
        assert control.post("/deliveries/repeat").status_code == 204
        assert control.post("/deliveries/settle").json() == {"settled": True}
        assert logins(receiver) == ["noa", "noa"]
        assert control.post("/deliveries/fail/x").status_code == 400


def test_nothing_is_sent_after_a_reset(receiver: Receiver) -> None:
    with learning() as learner:
        learner.subscribe(receiver, REGISTERED)
        before = learner.sandbox.deliveries
        before.fail(1)
        register(learner, "noa")
        learner.sandbox.reset()
        before.retry()
        assert before.settle()
    assert receiver.events == []
