"""Clients that openapi-generator makes from our specs, through the whole flow of both APIs against the sandbox.

The generator, its models and its transport (urllib3) share nothing with ours. Each operation is called with its
documented example: the client sends what is documented, and loses nothing of the response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from invigilate.ispring.webhooks import parse
from invigilate.sandbox import Sandbox
from tests.support.documented import ALL, SPECS, Documented
from tests.support.foreign import Foreign, generated, plain, same
from tests.support.learner import BEFORE, receiving, required
from tests.support.proctored import BOOKED, at_home, provisioning
from tests.support.recorder import Recorder, forward_to

APPOINTMENT, LATER = "2030-03-04T15:30:00.000Z", "2030-03-05T10:00:00.000Z"

FILLS_IN: dict[str, dict[str, Any]] = {
    "CancelExamSessionBody": {"bypassNonRefundable": False},
    "NewUser": {"sendLoginEmail": False, "sendLoginSMS": False},
    "ProvisionConfiguration": {"type": "primary", "attempts": 1},
    "ProvisionEnrollment": {"role": "learner"},
    "ProvisionExam": {"type": "online", "practice": False, "limitedScope": False},
}
"""What its models send although nobody set it: they fill in each documented default. Ours send nothing.

It matters for `limitedScope`: provisioning an exam again with `false` gives everyone a session.
"""

WARNINGS = (
    # Of every document of OpenAPI 3.1.
    "OpenAPI 3.1 support is still in beta. ",
    # Its search for the alternatives of an `anyOf` that are types and not named schemas; the models are right.
    "Failed to get the schema name: null",
    # Our schema of that name is a string, for which it makes no model.
    "Date (reserved word) cannot be used as model name. ",
)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Foreign]]:
    with (
        generated("smarterproctoring", tmp_path_factory.mktemp("proctoring")) as proctoring,
        generated("ispring-learn", tmp_path_factory.mktemp("learn")) as learn,
    ):
        yield {"smarterproctoring": proctoring, "ispring-learn": learn}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=60) as running:
        yield running


@pytest.fixture(scope="module")
def recorders(sandbox: Sandbox) -> Iterator[dict[str, Recorder]]:
    with (
        Recorder(forward_to(sandbox.smarterproctoring_url)) as proctoring,
        Recorder(forward_to(sandbox.ispring_url)) as learn,
    ):
        yield {"smarterproctoring": proctoring, "ispring-learn": learn}


def client_of(foreign: Foreign, sandbox: Sandbox, spec: str, url: str) -> Any:
    package = foreign.package
    if spec == "smarterproctoring":
        return package.ApiClient(package.Configuration(host=url, api_key={"token": sandbox.token}))
    client = package.ApiClient(package.Configuration(host=url))
    token = package.AccessTokensApi(client).create_access_token(
        sandbox.client_id, sandbox.client_secret, "client_credentials"
    )
    assert token.expires_in == 1800
    client.configuration.access_token = token.access_token
    return client


@pytest.mark.parametrize("spec", SPECS)
def test_the_generator_warns_of_nothing_else(foreign: dict[str, Foreign], spec: str) -> None:
    assert [each for each in foreign[spec].warnings if not each.startswith(WARNINGS)] == []


def test_its_models_fill_in_documented_defaults(foreign: dict[str, Foreign]) -> None:
    assert {name: value for each in foreign.values() for name, value in each.defaults.items()} == FILLS_IN


def test_only_its_from_dict_makes_null_of_what_is_left_out(foreign: dict[str, Foreign]) -> None:
    model = foreign["smarterproctoring"].package.UpdateCourseOfferingBody
    given = {"title": "Fall", "matchStrings": "Fall,FA"}
    assert model(title="Fall", match_strings="Fall,FA").to_dict() == given
    # Null clears the dates of an offering.
    assert model.from_dict(given).to_dict() == {**given, "startDate": None, "endDate": None}


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("operation", [each for each in ALL if each.credential], ids=str)
def test_every_operation_with_its_example(
    operation: Documented, foreign: dict[str, Foreign], sandbox: Sandbox, recorders: dict[str, Recorder]
) -> None:
    sandbox.reset()
    recorder, by_generator = recorders[operation.spec], foreign[operation.spec]
    known, before = required, BEFORE.get(operation.id, ())
    if operation.spec == "smarterproctoring":
        known, before = at_home, ("scheduleExamSession",) if operation.id in BOOKED else ()
    called = known(operation, sandbox)
    with client_of(by_generator, sandbox, operation.spec, recorder.url) as client:
        for name in before:
            earlier = next(each for each in ALL if each.key == (operation.spec, name))
            by_generator.call(client, known(earlier, sandbox))
        response = by_generator.call(client, called)
    request = recorder.requests[-1]
    assert (request.method, request.path, request.query) == (called.method, called.path, called.query)
    if called.media:
        assert json.loads(request.body) == {**by_generator.defaults_of(operation), **called.body}
    assert response.status_code == operation.status
    if operation.answer is not None:
        assert same(plain(response.data), json.loads(response.raw_data))
    assert sandbox.defects == []


def test_the_flow_of_smarterproctoring(foreign: dict[str, Foreign], sandbox: Sandbox) -> None:
    sandbox.reset()
    by_generator = foreign["smarterproctoring"]
    package, install = by_generator.package, sandbox.install_sid
    with client_of(by_generator, sandbox, "smarterproctoring", sandbox.smarterproctoring_url) as client:
        body = package.ProvisionBody.from_dict(provisioning(sandbox))
        made = package.ProvisioningApi(client).provision(install, body)
        assert {each.result.value for each in (made.course, made.user, made.enrollment, made.exam)} == {"Created"}
        exam, enrollment = made.exam.sid, made.enrollment.sid

        assigned = package.UpdateExamAssignmentsBody.from_dict({"added": {"enrollmentSid": [enrollment]}})
        assert package.ExamsApi(client).update_exam_assignments(install, exam, assigned) == "Successful"
        sessions = package.ExamSessionsApi(client)
        (waiting,) = sessions.list_enrollment_exam_sessions(install, enrollment, exam, include_active=True).results
        session = (install, exam, waiting.sid)

        booking = package.ScheduleExamSessionBody(
            type="b-virtual", appointment_date_time=APPOINTMENT, amount=12.5, currency="USD", card_token="tok_example"
        )
        scheduled = sessions.schedule_exam_session(*session, booking)
        # Documented as a string where an object is surely meant: whatever comes is read.
        assert scheduled.course.actual_instance["title"] == "Human Anatomy"
        with pytest.raises(package.exceptions.ConflictException) as refused:
            sessions.schedule_exam_session(*session, booking)
        assert refused.value.data.status == 409
        assert sessions.get_exam_session(*session).appointment_date == APPOINTMENT

        later = package.RescheduleExamSessionBody(appointment_date_time=LATER)
        assert sessions.reschedule_exam_session(*session, later) == "Successful"
        assert sessions.get_exam_session(*session).appointment_date == LATER
        assert sessions.get_onboarding_url(*session).url.startswith("https://")
        withdrawn = package.CancelExamSessionBody(cancellation_memo="The learner has withdrawn")
        assert sessions.cancel_exam_session(*session, withdrawn) == "Successful"
        with pytest.raises(package.exceptions.NotFoundException):
            sessions.get_exam_session(install, exam, "ES" + "0" * 32)

        reports, total = package.ReportsApi(client), 1
        rows: list[Any] = []
        while len(rows) < total:
            page = reports.get_service_distribution(install, offset=len(rows), limit=25, sort_order="DESC")
            assert page.results
            rows, total = rows + page.results, page.total
        assert len({row.sid for row in rows}) == total == 61
    # Charged once, in spite of the second request.
    assert [(charge.session_sid, charge.amount) for charge in sandbox.ledger] == [(waiting.sid, Decimal("12.5"))]
    assert sandbox.onboarding_urls_issued == 1
    assert sandbox.defects == []


def test_the_flow_of_ispring_learn(foreign: dict[str, Foreign], sandbox: Sandbox) -> None:
    sandbox.reset()
    by_generator, secret = foreign["ispring-learn"], "a-secret"
    package = by_generator.package
    with (
        client_of(by_generator, sandbox, "ispring-learn", sandbox.ispring_url) as client,
        receiving() as receiver,
    ):

        def events() -> list[Any]:
            assert sandbox.deliveries.settle()
            pairs = zip(receiver.bodies, receiver.headers, strict=True)
            return [event for body, headers in pairs for event in parse(body, headers, secret=secret)]

        webhooks, name = package.WebhooksApi(client), {"subscriber_name": "hr"}
        webhooks.register_webhook(package.SubscriberRequest(**name, callback_url=receiver.url, secret=secret))
        webhooks.send_webhook_code(package.SubscriberNameRequest(**name))
        (confirmation,) = events()
        webhooks.confirm_webhook(package.ConfirmRequest(**name, code=confirmation.payload.code))
        for wanted in ("USER_REGISTERED", "LEARNERS_ENROLLED_IN_COURSE", "COURSE_COMPLETED_SUCCESSFULLY"):
            subscription = package.Subscription(subscription_type=wanted)
            webhooks.subscribe_webhook(package.SubscribeRequest(**name, subscription=subscription))
        assert webhooks.get_subscriber("hr").subscriber_status == "ACTIVE"
        receiver.clear()

        departments, users = package.DepartmentsApi(client), package.UsersApi(client)
        # An ID is a UUID in some schemas of the vendor, and a plain string in others.
        root = str(departments.list_all_departments()[0].department_id)
        bakery = package.NewDepartment(name="Bakery", parent_department_id=root)
        department = str(departments.create_department(bakery))
        new = package.NewUser(department_id=department, fields={"login": "noa", "email": "noa@example.com"})
        user = str(users.create_user(new))
        profile = {each.name: each.value for each in users.get_user(user).fields}
        assert (profile["LOGIN"], profile["EMAIL"]) == ("noa", "noa@example.com")

        course, enrollments = sandbox.identifiers["course_id"], package.EnrollmentsApi(client)
        enrollments.create_enrollments(
            package.NewEnrollment(course_ids=[course], learner_ids=[user], due_date_type="unlimited")
        )
        (enrollment,) = enrollments.list_enrollments(learner_ids=[user]).enrollments
        statistics = package.StatisticsApi(client)
        task = statistics.update_course_status(course, [enrollment.enrollment_id], "passed", "2026-03-20")
        assert statistics.get_task_status(task.task_id).status == "complete"
        (result,) = package.ResultsApi(client).list_results(user_ids=[user], completion_statuses=["passed"]).results
        assert (result.progress, result.completion_date.isoformat()) == (100, "2026-03-20T00:00:00+00:00")
        assert [(event.type, event.payload.to_dict().get("userId", user)) for event in events()] == [
            ("USER_REGISTERED", user),
            ("LEARNERS_ENROLLED_IN_COURSE", user),
            ("COURSE_COMPLETED_SUCCESSFULLY", user),
        ]

        sandbox.populate(120)
        found: list[Any] = []
        page = users.list_users(page_size=50)
        while page.next_page_token:
            found += page.user_profiles
            page = users.list_users(page_size=50, page_token=page.next_page_token)
        found += page.user_profiles
        assert len({each.user_id for each in found}) == len(found) > 120

        with pytest.raises(package.exceptions.NotFoundException):
            users.get_user("3fa85f64-5717-4562-b3fc-2c963f66afa6")
    assert sandbox.defects == []
