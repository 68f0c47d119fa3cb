"""The flow of iSpring Learn through the public clients: from a department to the events of its learners."""

from __future__ import annotations

from typing import Any

import pytest

from invigilate.ispring.webhooks import parse
from invigilate.sandbox import Sandbox
from tests.support.learner import Receiver, receiving
from tests.support.modes import EVERY_BACKEND, Mode, ispring, run, settle

SECRET = "a-secret"
TYPES = ("USER_REGISTERED", "LEARNERS_ENROLLED_IN_COURSE", "COURSE_STATUS_CHANGED", "COURSE_COMPLETED_SUCCESSFULLY")


def events(receiver: Receiver) -> list[Any]:
    """What the receiver got, checked with the secret."""
    pairs = zip(receiver.bodies, receiver.headers, strict=True)
    return [event for body, headers in pairs for event in parse(body, headers, secret=SECRET)]


async def subscribe(client: Any, sandbox: Sandbox, receiver: Receiver) -> None:
    name = {"subscriber_name": "hr"}
    await settle(client.webhooks.register(**name, callback_url=receiver.url, secret=SECRET))
    await settle(client.webhooks.send_code(**name))
    assert sandbox.deliveries.settle()
    (confirmation,) = events(receiver)
    await settle(client.webhooks.confirm(**name, code=confirmation.payload.code))
    for type_ in TYPES:
        await settle(client.webhooks.subscribe(**name, subscription={"subscriptionType": type_}))
    info = await settle(client.webhooks.get_subscriber(**name))
    assert (info.subscriber_status, info.confirmation_status) == ("ACTIVE", "CONFIRMED")
    receiver.clear()


@pytest.mark.parametrize("mode", EVERY_BACKEND)
def test_flow(mode: Mode) -> None:
    with Sandbox() as sandbox, receiving() as receiver:
        identity = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}

        async def scenario() -> None:
            async with ispring(mode, sandbox.ispring_url, **identity) as client:
                await subscribe(client, sandbox, receiver)
                root = (await settle(client.departments.list_all()))[0].department_id
                department = await settle(client.departments.create(name="Bakery", parent_department_id=root))
                user = await settle(client.users.create(department_id=department, fields={"login": "noa"}))
                course = sandbox.identifiers["course_id"]
                await settle(
                    client.enrollments.create(course_ids=[course], learner_ids=[user], due_date_type="unlimited")
                )
                (enrollment,) = await settle(client.enrollments.list(learner_ids=[user]).collect())
                task = await settle(
                    client.statistics.update_course_status(
                        course_id=course, enrollment_ids=[enrollment.enrollment_id], status="passed", date="2026-03-20"
                    )
                )
                assert (await settle(client.statistics.get_task_status(task_id=task.task_id))).status == "complete"
                (result,) = await settle(client.results.list(user_ids=[user], completion_statuses=["passed"]).collect())
                assert (result.progress, result.completion_date) == (100, "2026-03-20T00:00:00+00:00")
                assert sandbox.deliveries.settle()
                first, second, third, fourth = events(receiver)
                assert [event.type for event in (first, second, third, fourth)] == list(TYPES)
                assert (first.payload.user_id, first.payload.department_id) == (user, department)
                assert second.payload.learner_ids == [user]
                assert third.payload.enrollment_id == enrollment.enrollment_id
                assert fourth.completed_at is not None
                assert fourth.completed_at.isoformat() == result.completion_date

                sandbox.populate(300)
                pager = client.users.list(page_size=50)
                rows = await settle(pager.collect())
                assert len({row.user_id for row in rows}) == len(rows) > 300

        run(mode, scenario)
        assert sandbox.defects == []
