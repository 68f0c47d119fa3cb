"""Prism as a validating proxy between our clients and the sandbox, through the whole flow.

With `--errors` it refuses each request and each response that the spec does not allow. It is a third reading of the
specs, beside those of the facade and of the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from invigilate.sandbox import Sandbox
from tests.support.bound import arguments_of, method_of
from tests.support.documented import SPECS, Documented, operations
from tests.support.learner import BEFORE, required
from tests.support.prism import Prism, forward_to_prism
from tests.support.recorder import Answer, RecordedRequest, Recorder, forward_to

APPOINTMENT, LATER = "2030-03-04T15:30:00.000Z", "2030-03-05T10:00:00.000Z"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=60) as running:
        yield running
        assert running.defects == []


def provisioned(client: SmarterProctoring, sandbox: Sandbox) -> Any:
    """A course, a user, an enrollment and an exam of limited scope."""
    return client.provisioning.provision(
        course={"ids": {"api": "course-1"}, "title": "Human Anatomy", "code": "BIO-110"},
        user={"ids": {"lms": "user-1"}, "firstName": "Ada", "lastName": "Example", "email": "ada@example.com"},
        enrollment={"role": "learner"},
        exam={
            "ids": {"external": "exam-1"},
            "title": "Midterm Exam",
            "limitedScope": True,
            "configuration": {
                "ids": {"api": "configuration-1"},
                "url": "https://exam.example.com/start",
                "access": {"open": "2030-01-01T00:00:00.000Z", "close": "2030-12-31T00:00:00.000Z"},
                "duration": 90,
                "password": "example-password",
                "proctorTypes": {"TS" + "0" * 32: {"options": {"recordWebcam": {}}}},
            },
        },
        signon={"integrationSid": sandbox.integration_sid},
    )


def test_the_whole_flow(sandbox: Sandbox) -> None:
    with (
        Prism(SPECS["smarterproctoring"], sandbox.smarterproctoring_url) as prism,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=prism.url, max_retries=0) as client,
    ):
        made = provisioned(client, sandbox)
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


def test_the_other_operations(sandbox: Sandbox) -> None:
    with (
        Prism(SPECS["smarterproctoring"], sandbox.smarterproctoring_url) as prism,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=prism.url, max_retries=0) as client,
    ):
        assert client.installs.get_settings().sid == sandbox.install_sid
        user = client.users.create(first_name="Ada", last_name="Example", email="ada@example.com", home_phone=None)
        assert client.users.get_profile(user_sid=str(user.sid)).email == "ada@example.com"
        assert client.users.update_admin(user_sid=sandbox.user_sid, home_phone=None, enabled=True) == "Successful"
        offering = client.course_offerings.update(
            offering_sid=sandbox.offering_sid, title="Fall", match_strings=["Fall", "FA"], end_date=None
        )
        assert offering.match_strings == ["Fall", "FA"]
        configuration: dict[str, Any] = {
            "course_sid": sandbox.course_sid,
            "exam_sid": sandbox.exam_sid,
            "exam_configuration_sid": sandbox.exam_configuration_sid,
        }
        assert client.exam_configurations.get(**configuration).sid == sandbox.exam_configuration_sid
        assert client.exam_configurations.update(**configuration, duration=60, permitted_notes=True)
        removed = client.exams.update_assignments_by_enrollment(
            exam_sid=sandbox.exam_sid, removed=[sandbox.enrollment_sid]
        )
        assert removed == "Successful"


def test_ispring(sandbox: Sandbox) -> None:
    with (
        Prism(SPECS["ispring-learn"], sandbox.ispring_url) as prism,
        ISpringLearn(
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            account_url=sandbox.account_url,
            base_url=prism.url,
            max_retries=0,
        ) as client,
    ):
        assert client.job_training.list_checklist_sessions(checklist_ids=[sandbox.checklist_id])
        assert client.job_training.list_session_results(checklist_id=sandbox.checklist_id)
        assert client.job_training.list_criterion_group_results(checklist_id=sandbox.checklist_id)
        assert client.job_training.list_criterion_results(checklist_id=sandbox.checklist_id)
        assert sandbox.tokens_issued == 1


def test_every_operation_of_ispring_with_its_example(sandbox: Sandbox) -> None:
    forward = forward_to(sandbox.ispring_url)

    def behind(request: RecordedRequest) -> Answer:
        return forward(replace(request, target=request.target.replace("%255B%255D=", "%5B%5D=")))

    def call(client: ISpringLearn, operation: Documented) -> Any:
        called = required(operation, sandbox)
        result = method_of(client, called)(**arguments_of(called))
        return result.collect() if hasattr(result, "collect") else result

    # The example of the token has credentials of its own; each call below fetches a token.
    named = {each.id: each for each in operations("ispring-learn") if each.credential}
    with (
        Recorder(behind) as upstream,
        Prism(SPECS["ispring-learn"], upstream.url) as prism,
        Recorder(forward_to_prism(prism.url)) as front,
    ):
        for operation in named.values():
            sandbox.reset()
            with ISpringLearn(
                client_id=sandbox.client_id, client_secret=sandbox.client_secret, base_url=front.url, max_retries=0
            ) as client:
                for earlier in BEFORE.get(operation.id, ()):
                    call(client, named[earlier])
                call(client, operation)
            assert front.statuses[-1] == operation.status, operation


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
