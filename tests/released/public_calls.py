"""Programs on the public surface alone, kept with each release and run against what comes after it.

They stand for code that users have written: nothing here may need more than `invigilate` and its sandbox, and no test
of this repository is imported. What must hold for callers is added here; what a release kept is never edited.
"""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

import invigilate
from invigilate import (
    AsyncSmarterProctoring,
    InvalidArgumentError,
    InvalidSidError,
    InvalidTimestampError,
    ISpringLearn,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    Resource,
    SmarterProctoring,
    Sync,
    operation,
    parse_ispring_time,
    parse_sid,
    parse_timestamp,
)
from invigilate.sandbox import Sandbox
from invigilate.smarterproctoring.sids import ExamSid

INSTALL, EXAM, SESSION, OFFERING = (f"{prefix}{'0' * 32}" for prefix in ("AI", "EX", "ES", "CO"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=120) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmarterProctoring]:
    with SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as made:
        yield made


@pytest.fixture
def ispring(sandbox: Sandbox) -> Iterator[ISpringLearn]:
    with ISpringLearn(
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        account_url=sandbox.account_url,
        base_url=sandbox.ispring_url,
    ) as made:
        yield made


def responding(respond: Callable[[httpx.Request], httpx.Response], **options: Any) -> SmarterProctoring:
    """A client whose responses come from a function."""
    return SmarterProctoring("token", INSTALL, transport=httpx.MockTransport(respond), **options)


def test_all_names_can_be_imported() -> None:
    for name in invigilate.__all__:
        assert getattr(invigilate, name) is not None


def test_a_report_is_read_to_its_end(client: SmarterProctoring) -> None:
    report = client.reports.service_distribution(
        statuses=["Scheduled", "Closed"], sort_keys=["appointmentDate"], limit=50
    )
    rows = report.collect()
    assert report.total == len(rows) > 50
    assert {row.status for row in rows} == {"Scheduled", "Closed"}
    assert [len(page) for page in report.pages()][:1] == [50]
    first = report.first()
    assert first is not None
    assert first.to_dict()["sid"] == first.sid


def test_a_session_is_scheduled_moved_read_and_canceled(sandbox: Sandbox, client: SmarterProctoring) -> None:
    exam_sid, session_sid = sandbox.exam_sid, sandbox.session_sid
    booked = client.exam_sessions.schedule(
        exam_sid=exam_sid,
        session_sid=session_sid,
        type_="b-virtual",
        appointment_date_time=datetime(2026, 12, 7, 14, 30, tzinfo=UTC),
        amount=Decimal("25.00"),
        currency="USD",
        card_token="tok_visa",
    )
    assert booked.appointment_date == "2026-12-07T14:30:00.000Z"
    moved = client.exam_sessions.reschedule(
        exam_sid=exam_sid, session_sid=session_sid, appointment_date_time="2026-12-08T09:30:00-05:00"
    )
    assert isinstance(moved, str)
    read = client.exam_sessions.get(exam_sid=exam_sid, session_sid=session_sid)
    assert parse_timestamp(str(read.appointment_date)) == datetime(2026, 12, 8, 14, 30, tzinfo=UTC)
    cancelled = client.exam_sessions.cancel(exam_sid=exam_sid, session_sid=session_sid, cancellation_memo="ill")
    assert isinstance(cancelled, str)
    assert len(sandbox.ledger) >= 1


def test_other_calls_of_an_exam_platform(sandbox: Sandbox, client: SmarterProctoring) -> None:
    waiting = client.exam_sessions.list_for_enrollment(enrollment_sid=sandbox.enrollment_sid, exam_sid=sandbox.exam_sid)
    assert waiting.first() is not None
    offering = client.course_offerings.update(
        offering_sid=sandbox.offering_sid, title="Fall", match_strings=["FA", "Fall"], start_date="2026-08-25T00:00:00Z"
    )
    assert offering.title == "Fall"
    assert client.installs.get_settings().to_dict()
    made = client.provisioning.provision(
        course={"ids": {"external": "bio-110"}, "title": "Human Anatomy", "code": "BIO-110"},
        user={"ids": {"external": "s-1"}, "firstName": "Ada", "lastName": "Example", "email": "ada@example.com"},
        enrollment={"role": "learner"},
    )
    assert made.enrollment
    assert made.enrollment.sid


def test_results_of_trainings(ispring: ISpringLearn) -> None:
    results = ispring.job_training.list_session_results(session_status="PASSED")
    assert results
    assert all(result.session_status == "PASSED" for result in results)
    assert results[0].checklist_title
    assert ispring.job_training.list_checklist_sessions()[0].session_ids
    assert parse_ispring_time("05-08-2024, 23:57:49", order="day-first").year == 2024


def test_the_async_client_has_the_same_calls(sandbox: Sandbox) -> None:
    async def count() -> int:
        async with AsyncSmarterProctoring(
            sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url
        ) as client:
            session = await client.exam_sessions.get(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)
            assert session.sid == sandbox.session_sid
            return len(await client.reports.service_distribution(statuses=["Closed"]).collect())

    assert asyncio.run(count()) > 0


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.method} was sent")

    with responding(refuse) as client:
        with pytest.raises(InvalidSidError, match="swapped"):
            client.exam_sessions.get(exam_sid=SESSION, session_sid=EXAM)
        with pytest.raises(InvalidArgumentError):
            client.reports.service_distribution(statuses=[]).first()
        with pytest.raises(InvalidTimestampError):
            client.exam_sessions.reschedule(exam_sid=EXAM, session_sid=SESSION, appointment_date_time="2026-12-08")
        with pytest.raises(TypeError):
            client.exam_sessions.get(exam_sid=EXAM)  # type: ignore[call-arg]
    assert isinstance(parse_sid(EXAM), ExamSid)


def test_what_is_not_passed_is_not_sent() -> None:
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"sid": OFFERING, "title": "Fall", "unknown": {"kept": True}})

    with responding(respond) as client:
        offering = client.course_offerings.update(
            offering_sid=OFFERING, title="Fall", match_strings=["a", "b"], start_date=invigilate.UNSET
        )
    assert json.loads(sent[0].content) == {"title": "Fall", "matchStrings": "a,b"}
    assert offering.additional_properties == {"unknown": {"kept": True}}
    assert not offering.start_date
    assert offering.to_dict() == {"sid": OFFERING, "title": "Fall", "unknown": {"kept": True}}


def test_a_request_that_is_not_idempotent_is_sent_once_and_its_outcome_is_unknown() -> None:
    sent: list[str] = []

    def lose(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        raise httpx.ReadError("gone", request=request)

    with responding(lose) as client, pytest.raises(OutcomeUnknownError) as caught:
        client.exam_sessions.schedule(exam_sid=EXAM, session_sid=SESSION, type_="automated")
    assert sent == ["POST"]
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), OutcomeUnknownError)


def test_an_idempotent_request_is_retried() -> None:
    sent: list[str] = []

    def recover(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        status = 503 if len(sent) == 1 else 200
        return httpx.Response(status, json={"sid": SESSION}, headers={"Retry-After": "0"})

    with responding(recover) as client:
        assert client.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION).sid == SESSION
    assert sent == ["GET", "GET"]


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (429, RateLimitError)])
def test_errors_have_what_was_received(status: int, kind: type[invigilate.APIStatusError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"message": "no"})

    with responding(fail, max_retries=0) as client, pytest.raises(kind) as caught:
        client.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION)
    assert caught.value.status_code == status
    assert caught.value.operation == "getExamSession"
    assert "token" not in str(caught.value)


def test_raw_responses_and_what_is_not_captured(client: SmarterProctoring, sandbox: Sandbox) -> None:
    raw = client.exam_sessions.with_raw_response.get(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)
    assert (raw.status_code, raw.parsed.sid, len(raw.attempts)) == (200, sandbox.session_sid, 1)
    path = f"/v1/installs/{sandbox.install_sid}/reports/serviceDistribution"
    assert client.request("GET", path, params={"limit": 1}).parsed["total"] == 120
    assert len(client.paginate(path, params={"limit": 100}).collect()) == 120
    other = client.for_install(INSTALL).with_options(timeout=5.0, max_retries=0)
    with pytest.raises(invigilate.APIStatusError):
        other.reports.service_distribution().collect()


def test_operations_of_other_packages_are_sent(sandbox: Sandbox, client: SmarterProctoring) -> None:
    from smarterproctoring_client.api.exam_sessions import get_exam_session
    from smarterproctoring_client.api.reports import get_service_distribution

    call = get_exam_session.describe(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)
    assert client.execute(call).sid == sandbox.session_sid
    assert len(client.pages(get_service_distribution.describe(limit=100)).collect()) == 120

    class Sessions(Resource[Sync]):
        """A resource of a package that builds on this one."""

        read = operation(lambda: get_exam_session.describe)

    assert Sessions(client).read(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid).sid == sandbox.session_sid


def test_a_generated_package_works_alone(sandbox: Sandbox) -> None:
    from invigilate_runtime import UNSET
    from smarterproctoring_client import AuthenticatedClient
    from smarterproctoring_client.api.reports import get_service_distribution
    from smarterproctoring_client.models import ExamSession

    with AuthenticatedClient(sandbox.smarterproctoring_url, sandbox.token) as client:
        response = get_service_distribution.sync_detailed(sandbox.install_sid, client=client, limit=3)
    assert response.status_code == 200
    assert response.parsed is not None
    assert response.parsed.total == 120
    session = ExamSession.from_dict({"sid": SESSION, "more": 1})
    assert session.to_dict() == {"sid": SESSION, "more": 1}
    assert ExamSession(sid=SESSION).user_sid is UNSET


def test_the_specifications_are_shipped() -> None:
    from invigilate import specs

    assert all(specs.read(name).startswith("openapi: 3.1.0") for name in specs.NAMES)
