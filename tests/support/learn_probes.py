"""What differs in iSpring Learn under the contrary reading of an invention.

Each probe returns the response that rests on the invention, and what differs between the readings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.caller import Caller, Reply
from tests.support.learner import Learner, Receiver, receiving

NOBODY = "12345678-1234-4234-8234-123456789012"
LIMITS = {"dueDateType": "unlimited", "accessDate": "2026-03-02"}
NAME = {"subscriberName": "USER_REGISTERED"}


def unknown_object(learner: Learner) -> tuple[Reply, object]:
    reply = learner.send("GET", f"/user/{NOBODY}")
    return reply, reply.status


def refused_change(learner: Learner) -> tuple[Reply, object]:
    department, fields = learner.sandbox.identifiers["department_id"], {"login": "twin"}
    learner.user(department, "twin")
    reply = learner.send("POST", "/user", {"departmentId": department, "fields": fields})
    return reply, reply.status


def last_token(learner: Learner) -> tuple[Reply, object]:
    reply = learner.send("GET", "/groups")
    return reply, "nextPageToken" in reply.json


def second_enrollment(learner: Learner) -> tuple[Reply, object]:
    course, user = learner.sandbox.identifiers["course_id"], learner.sandbox.identifiers["user_id"]
    reply = learner.send("POST", "/enrollment", {"courseIds": [course], "learnerIds": [user], **LIMITS})
    return reply, len(learner.get("/enrollment", **{"courseIds[]": [course], "learnerIds[]": [user]})["enrollments"])


def _pass(learner: Learner) -> Any:
    known = learner.sandbox.identifiers
    query = {"courseId": known["course_id"], "enrollmentIds[]": [known["enrollment_id"]], "status": "passed"}
    return learner.post("/statistics/course", None, **query)["taskId"]


def reenrollment(learner: Learner) -> tuple[Reply, object]:
    known = learner.sandbox.identifiers
    _pass(learner)
    reply = learner.send("POST", f"/enrollment/{known['enrollment_id']}/reenroll", LIMITS)
    return reply, learner.get("/learners/results", **{"userIds[]": [known["user_id"]]})["results"][0]["progress"]


def task_status(learner: Learner) -> tuple[Reply, object]:
    reply = learner.send("GET", f"/task/{_pass(learner)}/status")
    return reply, reply.json


def webhook_payloads(learner: Learner) -> tuple[Reply, object]:
    with receiving() as receiver:
        learner.subscribe(receiver, "COURSE_COMPLETED_SUCCESSFULLY")
        _pass(learner)
        assert learner.sandbox.deliveries.settle()
        return _delivered(receiver), isinstance(receiver.events[0][1], str)


def webhook_signature(learner: Learner) -> tuple[Reply, object]:
    with receiving() as receiver:
        _register(learner, receiver)
        return _delivered(receiver), receiver.headers[0]["x-hub-signature"].partition("=")[1]


def webhook_secret(learner: Learner) -> tuple[Reply, object]:
    with receiving() as receiver:
        _register(learner, receiver)
        receiver.clear()
        reply = learner.send("POST", "/webhook/settings/change", {**NAME, "callbackUrl": receiver.url})
        _user(learner)
        return reply, "x-hub-signature" in receiver.headers[0]


def disabled_events(learner: Learner) -> tuple[Reply, object]:
    with receiving() as receiver:
        _register(learner, receiver)
        receiver.clear()
        reply = learner.send("POST", "/webhook/disable", NAME)
        _user(learner)
        assert receiver.events == []
        learner.post("/webhook/enable", NAME)
        assert learner.sandbox.deliveries.settle()
        return reply, len(receiver.events)


def _register(learner: Learner, receiver: Receiver) -> None:
    learner.subscribe(receiver, "USER_REGISTERED")
    _user(learner)


def _user(learner: Learner) -> None:
    learner.user(learner.sandbox.identifiers["department_id"], f"login{len(learner.sandbox.deliveries.attempts)}")
    assert learner.sandbox.deliveries.settle()


def _delivered(receiver: Receiver) -> Reply:
    return Reply(200, receiver.bodies[0], {"X-Sandbox-Inferred": receiver.headers[0]["x-sandbox-inferred"]})


def _with_caller(probe: Callable[[Learner], tuple[Reply, object]]) -> Callable[[Caller], tuple[Reply, object]]:
    return lambda call: probe(Learner(call.sandbox, call))


PROBES = {
    probe.__name__.replace("_", "-"): _with_caller(probe)
    for probe in (
        unknown_object, refused_change, last_token, second_enrollment, reenrollment, task_status, webhook_payloads,
        webhook_signature, webhook_secret, disabled_events,
    )
}  # fmt: skip
