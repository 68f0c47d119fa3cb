"""Each documented operation, through the public clients, against the sandbox, with the recorder in between.

What is sent is again the example of the spec, but with identifiers that the sandbox knows. An entry in CASES says what
has to come first and what the sandbox must have done afterwards. Most operations of iSpring Learn need none: what the
sandbox makes of them is tested with the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from invigilate import AuthenticationError, ConflictError
from invigilate.sandbox import Sandbox
from tests.support.bound import arguments_of, method_of, module_of
from tests.support.documented import ALL, Documented
from tests.support.learner import BEFORE, required
from tests.support.modes import EVERY_BACKEND, Mode, ispring, proctoring, run, settle
from tests.support.proctored import at_home, book
from tests.support.recorder import Answerer, RecordedRequest, Recorder

Wire = Callable[[str | Answerer], Recorder]
every_mode = pytest.mark.parametrize("mode", EVERY_BACKEND)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=60) as running:
        yield running
        assert running.defects == []


Prepare = Callable[[Any, Sandbox], Any]
Check = Callable[[Any, Documented, Sandbox], None]


@dataclass(frozen=True)
class Case:
    """What comes before a call, and what must hold after it."""

    check: Check
    prepare: Prepare | None = None


def rows_came(rows: Any, operation: Documented, sandbox: Sandbox) -> None:
    # 50 rows a page, as in the example: so all of them, and page by page.
    assert len(rows) == len({row.sid for row in rows}) == 60
    dates = [row.appointment_date for row in rows if row.appointment_date]
    assert dates == sorted(dates)
    documented = operation.answer["results"][0]
    assert all(set(row.to_dict()) == set(documented) for row in rows)


def was_booked(session: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (session.sid, session.status) == (sandbox.session_sid, "Scheduled")
    assert session.appointment_date == operation.body["appointmentDateTime"]
    # The example pays with a voucher, so nothing is charged to the card.
    assert [(charge.session_sid, charge.amount) for charge in sandbox.ledger] == [(sandbox.session_sid, Decimal(0))]


def was_moved(text: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert text == "Successful"


def was_updated(offering: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (offering.sid, offering.title) == (sandbox.offering_sid, operation.body["title"])
    assert offering.match_strings == operation.body["matchStrings"].split(",")
    assert (offering.start_date, offering.end_date) == (operation.body["startDate"], operation.body["endDate"])


def results_came(results: Any, operation: Documented, sandbox: Sandbox) -> None:
    wanted = operation.body["sessionIds"]
    assert results
    assert {result.session_id for result in results} <= set(wanted)
    assert {result.checklist_id for result in results} == {operation.body["checklistId"]}


def session_came(session: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (session.sid, session.status) == (sandbox.session_sid, "Needs Proctor")
    assert set(session.to_dict()) == set(operation.answer)


def was_cancelled(text: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert text == "Successful"
    assert sandbox.ledger == []


def sessions_came(rows: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert sandbox.session_sid in {row.sid for row in rows}
    assert {row.status for row in rows} <= {"Needs Proctor", "Scheduled"}
    assert all(set(row.to_dict()) == set(operation.answer["results"][0]) for row in rows)


def address_came(answer: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert answer.url.startswith("https://")
    assert sandbox.onboarding_urls_issued == 1


def was_assigned(text: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert text == "Successful"
    # Taken from the enrollment, and given back to it: another session waits now.
    waiting = [each.session_sid for each in sandbox.open_sessions if each.enrollment_sid == sandbox.enrollment_sid]
    assert waiting
    assert sandbox.session_sid not in waiting


def configuration_came(configuration: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (configuration.sid, configuration.exam_sid) == (sandbox.exam_configuration_sid, sandbox.exam_sid)
    assert set(configuration.to_dict()) == set(operation.answer)


def configuration_was_updated(configuration: Any, operation: Documented, sandbox: Sandbox) -> None:
    renamed = {"refConfigSid": "referenceExamConfigurationSid"}
    for name, value in operation.body.items():
        assert configuration[renamed.get(name, name)] == value


def user_was_made(user: Any, operation: Documented, sandbox: Sandbox) -> None:
    shown = user.to_dict()
    assert set(shown) == set(operation.answer)
    assert shown["externalId"] == operation.body["exernalId"]
    same = {name: value for name, value in operation.body.items() if name not in {"password", "exernalId"}}
    assert {name: shown[name] for name in same} == same
    assert operation.body["password"] not in str(shown)


def succeeded(text: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert text == "Successful"


def profile_came(profile: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (profile.sid, set(profile.to_dict())) == (sandbox.user_sid, set(operation.answer))


def settings_came(settings: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (settings.sid, set(settings.to_dict())) == (sandbox.install_sid, set(operation.answer))
    assert all(set(each.to_dict()) == set(operation.answer["proctorTypes"][0]) for each in settings.proctor_types)


def was_provisioned(result: Any, operation: Documented, sandbox: Sandbox) -> None:
    answer = result.to_dict()
    assert set(answer) == set(operation.answer)
    assert {each["result"] for name, each in answer.items() if name != "signon"} == {"Created"}


def checklists_came(checklists: Any, operation: Documented, sandbox: Sandbox) -> None:
    (only,) = checklists
    assert [only.checklist_id] == operation.body["checklistIds"]
    assert set(only.session_ids) <= set(operation.body["sessionIds"])


def points_came(rows: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert rows
    assert all(set(row.to_dict()) == set(operation.answer[0]) for row in rows)
    assert {row.checklist_id for row in rows} == {sandbox.checklist_id}


def token_came(answer: Any, operation: Documented, sandbox: Sandbox) -> None:
    assert (answer.token_type, answer.expires_in) == ("bearer", 1800)
    assert answer.access_token
    assert sandbox.tokens_issued == 1


CASES: dict[str, Case] = {
    "getServiceDistribution": Case(rows_came),
    "scheduleExamSession": Case(was_booked),
    "rescheduleExamSession": Case(was_moved, prepare=book),
    "getExamSession": Case(session_came),
    "cancelExamSession": Case(was_cancelled, prepare=book),
    "updateCourseOffering": Case(was_updated),
    "getOnboardingUrl": Case(address_came, prepare=book),
    "listEnrollmentExamSessions": Case(sessions_came),
    "updateExamAssignments": Case(was_assigned),
    "updateExamAssignmentsByEnrollment": Case(was_assigned),
    "getExamConfiguration": Case(configuration_came),
    "updateExamConfiguration": Case(configuration_was_updated),
    "createUser": Case(user_was_made),
    "updateAdminUser": Case(succeeded),
    "getUserProfile": Case(profile_came),
    "getInstallSettings": Case(settings_came),
    "provision": Case(was_provisioned),
    "listChecklistSessions": Case(checklists_came),
    "listCriterionGroupResults": Case(points_came),
    "listCriterionResults": Case(points_came),
    "listSessionResults": Case(results_came),
    "createAccessToken": Case(token_came),
}


TRAINING = CASES.keys() - {each.id for each in ALL if each.spec == "smarterproctoring"}
DETAILED = [each for each in ALL if each.spec == "smarterproctoring" or each.id in TRAINING]
OTHERS = [each for each in ALL if each not in DETAILED]


def client_for(mode: Mode, operation: Documented, sandbox: Sandbox, url: str) -> Any:
    if operation.spec == "smarterproctoring":
        return proctoring(mode, url, token=sandbox.token, install_sid=sandbox.install_sid)
    return ispring(mode, url, client_id=sandbox.client_id, client_secret=sandbox.client_secret)


def url_of(operation: Documented, sandbox: Sandbox) -> str:
    return sandbox.smarterproctoring_url if operation.spec == "smarterproctoring" else sandbox.ispring_url


def test_every_operation_has_a_case() -> None:
    assert sorted(CASES) == sorted(operation.id for operation in DETAILED)
    assert len(DETAILED) + len(OTHERS) == len(ALL)


@every_mode
@pytest.mark.parametrize("operation", DETAILED, ids=str)
def test_call(operation: Documented, mode: Mode, sandbox: Sandbox, wire: Wire) -> None:
    case, called = CASES[operation.id], at_home(operation, sandbox)
    recorder = wire(url_of(operation, sandbox))

    async def scenario() -> Any:
        async with client_for(mode, operation, sandbox, recorder.url) as client:
            if case.prepare is not None:
                await settle(case.prepare(client, sandbox))
                recorder.clear()
            result = method_of(client, operation)(**arguments_of(called))
            return await settle(result.collect() if hasattr(result, "collect") else result)

    result = run(mode, scenario)
    requests = [request for request in recorder.requests if request.path == called.path]
    # The first one; of a report there are more pages.
    assert (requests[0].method, requests[0].path, requests[0].query) == (called.method, called.path, called.query)
    assert requests[0].body == called.content
    assert requests[0].header("Content-Type") == operation.media
    assert_authorised(requests[0], operation, sandbox)
    case.check(result, called, sandbox)


def assert_authorised(request: RecordedRequest, operation: Documented, sandbox: Sandbox) -> None:
    if operation.spec == "smarterproctoring":
        assert request.header("token") == sandbox.token
    elif operation.credential:
        assert str(request.header("Authorization")).startswith("Bearer ")
    else:
        assert request.header("Authorization") is None


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7) as running:
        yield running


@pytest.mark.parametrize(
    ("operation", "mode"),
    [pytest.param(each, EVERY_BACKEND[n % len(EVERY_BACKEND)], id=str(each)) for n, each in enumerate(OTHERS)],
)
def test_example(operation: Documented, mode: Mode, shared_sandbox: Sandbox, wire: Wire) -> None:
    sandbox, recorder = shared_sandbox, wire(shared_sandbox.ispring_url)
    sandbox.reset()
    called = required(operation, sandbox)

    async def scenario() -> Any:
        async with client_for(mode, operation, sandbox, recorder.url) as client:
            for earlier in BEFORE.get(operation.id, ()):
                first = required(next(each for each in OTHERS if each.id == earlier), sandbox)
                await settle(method_of(client, first)(**arguments_of(first)))
            await settle(client.users.list_roles())  # so that the token is there
            recorder.clear()
            result = method_of(client, called)(**arguments_of(called))
            return await settle(result.collect() if hasattr(result, "collect") else result)

    result = run(mode, scenario)
    request = recorder.requests[0]
    assert (request.method, request.path, request.query) == (called.method, called.path, called.query)
    assert request.body == called.content
    assert_authorised(request, operation, sandbox)
    assert recorder.statuses[0] == operation.status
    documented = module_of(operation).OPERATION
    example = documented.decode(json.dumps(operation.answer).encode() if operation.answer is not None else b"")
    assert type(result) is (list if documented.pagination else type(example))
    # In strict mode, a response that the spec does not allow is a defect.
    assert sandbox.defects == []


@every_mode
def test_the_pages_of_a_report(mode: Mode, sandbox: Sandbox, wire: Wire) -> None:
    recorder = wire(sandbox.smarterproctoring_url)

    async def scenario() -> tuple[Any, Any]:
        async with proctoring(mode, recorder.url, token=sandbox.token, install_sid=sandbox.install_sid) as client:
            pager = client.reports.service_distribution(limit=25, sort_keys=["courseTitle"], statuses=["Closed"])
            return await settle(pager.collect()), pager.total

    rows, total = run(mode, scenario)
    assert len(rows) == total
    assert {row.status for row in rows} == {"Closed"}
    queries = [request.query for request in recorder.requests]
    first = "statuses=Closed&limit=25&sortKeys=courseTitle"
    assert queries[0] == first
    assert queries[1:] == [
        f"statuses=Closed&offset={offset}&limit=25&sortKeys=courseTitle" for offset in range(25, total, 25)
    ]


@every_mode
def test_the_answers_of_the_sandbox_that_are_errors(mode: Mode, sandbox: Sandbox) -> None:
    url, sids = sandbox.smarterproctoring_url, {"exam_sid": sandbox.exam_sid, "session_sid": sandbox.session_sid}

    async def scenario() -> None:
        async with proctoring(mode, url, token=sandbox.token, install_sid=sandbox.install_sid) as client:
            with pytest.raises(ConflictError):
                await settle(client.exam_sessions.reschedule(**sids, notes="not booked yet"))
            await settle(client.exam_sessions.schedule(**sids, amount=Decimal("12.50"), card_token="tok_example"))
            with pytest.raises(ConflictError):
                await settle(client.exam_sessions.schedule(**sids, amount=Decimal("12.50"), card_token="tok_example"))
        async with proctoring(mode, url, token="another", install_sid=sandbox.install_sid) as stranger:
            with pytest.raises(AuthenticationError):
                await settle(stranger.reports.service_distribution().first())
        async with ispring(mode, sandbox.ispring_url, access_token="another") as stranger:
            with pytest.raises(AuthenticationError):
                await settle(stranger.job_training.list_session_results())

    run(mode, scenario)
    assert [charge.amount for charge in sandbox.ledger] == [Decimal("12.50")]


@every_mode
def test_a_token_that_the_sandbox_revokes_is_renewed_once(mode: Mode, sandbox: Sandbox, wire: Wire) -> None:
    recorder = wire(sandbox.ispring_url)
    identity = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}

    async def scenario() -> None:
        async with ispring(mode, recorder.url, **identity) as client:
            for _ in range(2):
                await settle(client.job_training.list_session_results(checklist_id=sandbox.checklist_id))
            sandbox.revoke_tokens()
            await settle(client.job_training.list_session_results(checklist_id=sandbox.checklist_id))

    run(mode, scenario)
    token, results = "/api/v3/token", "/job-training/sessions/result/list"
    assert [request.path for request in recorder.requests] == [token, results, results, results, token, results]
    assert recorder.statuses == [200, 200, 200, 401, 200, 200]
