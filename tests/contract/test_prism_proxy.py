"""Prism as a validating proxy between our clients and the sandbox, through the whole flow.

With `--errors` it refuses each request and each response that the spec does not allow. It is a third reading of the
specs, beside those of the facade and of the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from invigilate import (
    APIStatusError,
    ConflictError,
    ISpringLearn,
    NotFoundError,
    OutcomeUnknownError,
    SmarterProctoring,
)
from invigilate.ispring.webhooks import parse
from invigilate.sandbox import Sandbox
from tests.support.bound import arguments_of, method_of
from tests.support.documented import SPECS, Documented, operations
from tests.support.learner import BEFORE, receiving, required
from tests.support.prism import Prism, forward_to_prism
from tests.support.proctored import BOOKED, at_home, book, provisioning
from tests.support.recorder import Answer, RecordedRequest, Recorder, forward_to

APPOINTMENT, LATER = "2030-03-04T15:30:00.000Z", "2030-03-05T10:00:00.000Z"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=60) as running:
        yield running


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.reset()
    yield running
    assert running.defects == []


@pytest.fixture(scope="module")
def fronts(running: Sandbox) -> Iterator[dict[str, Recorder]]:
    """What stands before Prism, which stands before the sandbox, by spec."""
    urls = {"smarterproctoring": running.smarterproctoring_url, "ispring-learn": running.ispring_url}
    with ExitStack() as stack:

        def front(spec: str, url: str) -> Recorder:
            forward = forward_to(url)

            # Prism passes on what it was sent, with brackets escaped twice.
            def behind(request: RecordedRequest) -> Answer:
                return forward(replace(request, target=request.target.replace("%255B%255D=", "%5B%5D=")))

            upstream = stack.enter_context(Recorder(behind))
            prism = stack.enter_context(Prism(SPECS[spec], upstream.url))
            return stack.enter_context(Recorder(forward_to_prism(prism.url)))

        yield {spec: front(spec, url) for spec, url in urls.items()}


def client_of(spec: str, sandbox: Sandbox, fronts: dict[str, Recorder]) -> Any:
    url = fronts[spec].url
    if spec == "smarterproctoring":
        return SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=url, max_retries=0)
    return ISpringLearn(
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        account_url=sandbox.account_url,
        base_url=url,
        max_retries=0,
    )


def test_the_whole_flow_of_smarterproctoring(sandbox: Sandbox, fronts: dict[str, Recorder]) -> None:
    with client_of("smarterproctoring", sandbox, fronts) as client:
        made = client.provisioning.provision(**provisioning(sandbox))
        exam_sid, enrollment_sid = made.exam.sid, made.enrollment.sid
        assert client.exams.update_assignments(exam_sid=exam_sid, added={"enrollmentSid": [enrollment_sid]})
        listed = client.exam_sessions.list_for_enrollment(
            enrollment_sid=enrollment_sid, exam_sid=exam_sid, include_active=True, status=["Needs Proctor"]
        )
        (waiting,) = listed.collect()
        session: dict[str, Any] = {"exam_sid": exam_sid, "session_sid": str(waiting.sid)}
        booking: dict[str, Any] = {
            "type_": "b-virtual",
            "appointment_date_time": APPOINTMENT,
            "amount": 12,
            "card_token": "tok_example",
        }
        assert client.exam_sessions.schedule(**session, **booking).status == "Scheduled"
        with pytest.raises(ConflictError):
            client.exam_sessions.schedule(**session, **booking)
        assert client.exam_sessions.get(**session).appointment_date == APPOINTMENT
        assert client.exam_sessions.reschedule(**session, appointment_date_time=LATER) == "Successful"
        assert client.exam_sessions.get(**session).appointment_date == LATER
        assert str(client.exam_sessions.onboarding_url(**session).url).startswith("https://")
        assert client.exam_sessions.cancel(**session, cancellation_memo="The learner has withdrawn") == "Successful"
        # Documented as `default` alone, this refusal had to be a string, and Prism made a server error of it.
        with pytest.raises(ConflictError):
            client.exam_sessions.reschedule(**session, appointment_date_time=LATER)
        with pytest.raises(NotFoundError):
            client.exam_sessions.get(exam_sid=exam_sid, session_sid="ES" + "0" * 32)
        rows = client.reports.service_distribution(limit=25, service_types=["live", "automated"], sort_order="DESC")
        assert len(rows.collect()) == rows.total
        assert [charge.session_sid for charge in sandbox.ledger] == [session["session_sid"]]


def test_the_whole_flow_of_ispring_learn(sandbox: Sandbox, fronts: dict[str, Recorder]) -> None:
    with receiving() as receiver, client_of("ispring-learn", sandbox, fronts) as client:

        def events() -> list[Any]:
            assert sandbox.deliveries.settle()
            pairs = zip(receiver.bodies, receiver.headers, strict=True)
            return [event for body, headers in pairs for event in parse(body, headers, secret="a-secret")]

        client.webhooks.register(subscriber_name="hr", callback_url=receiver.url, secret="a-secret")
        client.webhooks.send_code(subscriber_name="hr")
        (confirmation,) = events()
        client.webhooks.confirm(subscriber_name="hr", code=confirmation.payload.code)
        for wanted in ("USER_REGISTERED", "COURSE_COMPLETED_SUCCESSFULLY"):
            client.webhooks.subscribe(subscriber_name="hr", subscription={"subscriptionType": wanted})
        receiver.clear()

        root = client.departments.list_all()[0].department_id
        department = client.departments.create(name="Bakery", parent_department_id=root)
        user = client.users.create(department_id=department, fields={"login": "noa", "email": "noa@example.com"})
        with pytest.raises(ConflictError):
            client.users.create(department_id=department, fields={"login": "noa", "email": "noa@example.com"})
        course = sandbox.identifiers["course_id"]
        client.enrollments.create(course_ids=[course], learner_ids=[user], due_date_type="unlimited")
        (enrollment,) = client.enrollments.list(learner_ids=[user]).collect()
        task = client.statistics.update_course_status(
            course_id=course, enrollment_ids=[enrollment.enrollment_id], status="passed", date="2026-03-20"
        )
        assert client.statistics.get_task_status(task_id=task.task_id).status == "complete"
        (result,) = client.results.list(user_ids=[user], completion_statuses=["passed"]).collect()
        assert (result.progress, result.completion_date) == (100, "2026-03-20T00:00:00+00:00")
        assert [event.type for event in events()] == ["USER_REGISTERED", "COURSE_COMPLETED_SUCCESSFULLY"]

        sandbox.populate(60)
        found = client.users.list(page_size=25).collect()
        assert len({each.user_id for each in found}) == len(found) > 60
        with pytest.raises(NotFoundError):
            client.users.get(user_id="3fa85f64-5717-4562-b3fc-2c963f66afa6")
        assert sandbox.tokens_issued == 1


@pytest.mark.parametrize("spec", SPECS)
def test_every_operation_with_its_example(spec: str, sandbox: Sandbox, fronts: dict[str, Recorder]) -> None:
    known = at_home if spec == "smarterproctoring" else required
    # The example of the token has credentials of its own; each call below fetches a token.
    named = {each.id: each for each in operations(spec) if each.credential}

    def call(client: Any, operation: Documented) -> None:
        called = known(operation, sandbox)
        result = method_of(client, called)(**arguments_of(called))
        if hasattr(result, "collect"):
            result.collect()

    for operation in named.values():
        sandbox.reset()
        with client_of(spec, sandbox, fronts) as client:
            if operation.id in BOOKED:
                book(client, sandbox)
            for earlier in BEFORE.get(operation.id, ()):
                call(client, named[earlier])
            call(client, operation)
        assert fronts[spec].statuses[-1] == operation.status, operation
        assert sandbox.defects == [], operation


def test_prism_makes_a_server_error_of_what_the_spec_does_not_allow(sandbox: Sandbox, tmp_path: Path) -> None:
    document = yaml.safe_load(SPECS["smarterproctoring"].read_text(encoding="utf-8"))
    responses = document["paths"]["/v1/installs/{installSid}/exams/{examSid}/sessions/{sessionSid}"]["put"]["responses"]
    for status in ("409", "4XX"):
        del responses[status]
    document["components"]["schemas"]["InstallSettings"]["properties"]["name"] = {"type": "number"}
    former = tmp_path / "former.yaml"
    former.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with (
        Prism(former, sandbox.smarterproctoring_url) as prism,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=prism.url, max_retries=0) as client,
    ):
        session: dict[str, Any] = {"exam_sid": sandbox.exam_sid, "session_sid": sandbox.session_sid}
        with pytest.raises(OutcomeUnknownError):
            client.exam_sessions.reschedule(**session, appointment_date_time=LATER)
        with pytest.raises(APIStatusError) as caught:
            client.installs.get_settings()
        assert caught.value.status_code == 500
