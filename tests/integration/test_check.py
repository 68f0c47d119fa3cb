"""Reading a session back after a call of unknown outcome, with both clients, over sockets."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import anyio
import pytest

from invigilate import InvalidArgumentError, OutcomeUnknownError, RateLimitError, SmarterProctoring
from invigilate.sandbox import Behaviour, Sandbox, faults
from invigilate.smarterproctoring.verdicts import CheckResult, Verdict
from tests.support.endings import SIDS, every_mode
from tests.support.modes import Mode, proctoring, run, settle
from tests.support.scripted import Peer, Scripted, answer

# httpx leaves generators of its own to the garbage collector where a connection breaks, and trio warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)[.]:ResourceWarning")

WHEN = "2027-03-04T15:30:00.000Z"
LATER = "2027-03-05T15:30:00.000Z"


@pytest.fixture(autouse=True)
def without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate._policy.FIRST_BACKOFF", 0.0)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=5, open_sessions=3) as running:
        yield running
        assert running.defects == []


def client_of(mode: Mode, sandbox: Sandbox, **options: Any) -> Any:
    given = {"token": sandbox.token, "install_sid": sandbox.install_sid, **options}
    return proctoring(mode, sandbox.smarterproctoring_url, **given)


def sids(sandbox: Sandbox) -> dict[str, Any]:
    return {"exam_sid": sandbox.exam_sid, "session_sid": sandbox.session_sid}


async def unknown(call: Any, **arguments: Any) -> OutcomeUnknownError:
    with pytest.raises(OutcomeUnknownError) as caught:
        await settle(call(**arguments))
    return caught.value


async def row_of(client: Any, sandbox: Sandbox) -> Any:
    pager = client.exam_sessions.list_for_enrollment(enrollment_sid=sandbox.enrollment_sid, exam_sid=sandbox.exam_sid)
    return next(row for row in await settle(pager.collect()) if row.sid == sandbox.session_sid)


def methods(sandbox: Sandbox) -> list[str]:
    return [request.method for request in sandbox.requests]


@every_mode
@pytest.mark.parametrize("form", ["model", "row", "mapping", "row as mapping", "none"])
def test_applied(mode: Mode, form: str, sandbox: Sandbox) -> None:
    given = sids(sandbox)

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            model = await settle(client.exam_sessions.get(**given))
            row = await row_of(client, sandbox)
            before = {"model": model, "row": row, "mapping": model.to_dict(), "row as mapping": row.to_dict()}.get(form)
            sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
            wanted = {**given, "appointment_date_time": WHEN, "type_": "ad-hoc"}
            error = await unknown(client.exam_sessions.schedule, **wanted, amount=25, card_token="tok")
            sandbox.requests.clear()
            for each in (error, pickle.loads(pickle.dumps(error))):
                found = await settle(client.exam_sessions.check(each, before=before))
                # Without what stood before, a booking is not told from an earlier one.
                assert found.verdict is (Verdict.UNDETERMINED if before is None else Verdict.APPLIED)
                assert "whether a card was charged cannot be read back" in found.reason
                assert found.session.status == "Scheduled"
                assert [(item.field, item.requested, item.matches) for item in found.compared] == [
                    ("appointmentDate", WHEN, True),
                    ("sessionType", "ad-hoc", True),
                ]
                assert bool(found.inferred) == (before is not None)
            assert methods(sandbox) == ["GET", "GET"]

    run(mode, scenario)


@every_mode
def test_not_visible_and_applied_later(mode: Mode, sandbox: Sandbox) -> None:
    given = sids(sandbox)

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            before = await settle(client.exam_sessions.get(**given))
            sandbox.faults.add("scheduleExamSession", faults.apply_late(times=1, delay=60))
            error = await unknown(client.exam_sessions.schedule, **given, appointment_date_time=WHEN)
            verdicts = [
                (await settle(client.exam_sessions.check(error, before=each))).verdict for each in (None, before)
            ]
            assert verdicts == [Verdict.NOT_VISIBLE] * 2
            # Which is why it is no permission to send the call again.
            sandbox.faults.apply_now()
            assert (await settle(client.exam_sessions.check(error, before=before))).verdict is Verdict.APPLIED

    run(mode, scenario)


@every_mode
def test_what_stood_before_proves_nothing(mode: Mode, sandbox: Sandbox) -> None:
    given = sids(sandbox)

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            stale = await settle(client.exam_sessions.get(**given))
            sandbox.schedule_before(sandbox.open_sessions[0], {"appointmentDateTime": WHEN})
            before = await settle(client.exam_sessions.get(**given))
            sandbox.faults.add("scheduleExamSession", faults.reset_after_reading(times=1))
            error = await unknown(client.exam_sessions.schedule, **given, appointment_date_time=WHEN)
            # Neither does it when the caller has not looked for an hour.
            for each in (before, None, stale):
                for way in (error, pickle.loads(pickle.dumps(error))):
                    assert (await settle(client.exam_sessions.check(way, before=each))).verdict is Verdict.UNDETERMINED

    run(mode, scenario)


@every_mode
@pytest.mark.parametrize(("applied", "verdict"), [(True, Verdict.APPLIED), (False, Verdict.NOT_VISIBLE)])
def test_moving_and_cancelling(mode: Mode, applied: bool, verdict: Verdict, sandbox: Sandbox) -> None:
    given = sids(sandbox)
    fault = faults.drop_response(times=1) if applied else faults.reset_after_reading(times=1)

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            await settle(client.exam_sessions.schedule(**given, appointment_date_time=WHEN))
            before = await settle(client.exam_sessions.get(**given))
            sandbox.faults.add("rescheduleExamSession", fault)
            error = await unknown(client.exam_sessions.reschedule, **given, appointment_start_date_time=LATER)
            found = await settle(client.exam_sessions.check(error, before=before))
            assert found.verdict is verdict
            assert "card" not in found.reason
            before = await row_of(client, sandbox)
            sandbox.faults.add("cancelExamSession", fault)
            error = await unknown(client.exam_sessions.cancel, **given, cancellation_memo="x")
            found = await settle(client.exam_sessions.check(error, before=before))
            assert found.verdict is verdict
            assert bool(found.inferred) == applied
            alone = await settle(client.exam_sessions.check(error))
            assert alone.verdict is (Verdict.UNDETERMINED if applied else Verdict.NOT_VISIBLE)

    run(mode, scenario)


# Answers of a server of our own: what it shows is written down here.

OTHER_SESSION, OTHER_EXAM = "ES" + "9" * 32, "EX" + "9" * 32


def checked(mode: Mode, shown: dict[str, Any], *headers: str, before: Any = None) -> CheckResult:
    """What `check` says of a booking whose response was lost, when the session is read back as `shown`."""

    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None and not request.startswith(b"POST"):
            peer.send(answer(shown, 200, *headers))

    async def scenario() -> Any:
        async with proctoring(mode, server.url) as client:
            error = await unknown(client.exam_sessions.schedule, **SIDS, appointment_date_time=WHEN)
            return await settle(client.exam_sessions.check(error, before=before))

    with Scripted(script) as server:
        found: CheckResult = run(mode, scenario)
        assert [request.split(b" ")[0] for request in server.requests] == [b"POST", b"GET"]
    return found


MINE = {"sid": SIDS["session_sid"], "status": "Scheduled", "appointmentDate": WHEN}
WAITING = {"sid": SIDS["session_sid"], "status": "Needs Proctor", "appointmentDate": None}


@every_mode
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"sid": OTHER_SESSION}, "the response is of another session than requested: it has another `sid`"),
        ({"examSid": OTHER_EXAM}, "the response is of another session than requested: it has another `examSid`"),
        ({"sid": None}, "the response does not name its session: it has no `sid`"),
        ({"sid": 5}, "the response does not name its session: it has no `sid`"),
    ],
    ids=["another", "another exam", "none", "a number"],
)
def test_the_response_of_another_session_is_undetermined(mode: Mode, other: dict[str, Any], reason: str) -> None:
    assert checked(mode, MINE, before=WAITING).verdict is Verdict.APPLIED
    found = checked(mode, {**MINE, **other}, before=WAITING)
    assert (found.verdict, found.session, found.compared) == (Verdict.UNDETERMINED, None, ())
    assert found.reason.startswith(reason)
    # Nor is another session evidence of what stood before.
    assert checked(mode, MINE, before={**WAITING, **other}).verdict is Verdict.UNDETERMINED


@every_mode
@pytest.mark.parametrize("behind", [0, 2, 5, 3600])
def test_without_before_no_clock_of_a_server_makes_it_applied(mode: Mode, behind: float) -> None:
    # Somebody else booked it just now, and the machine that says `Date` is behind the one that dates bookings.
    now = time.time()
    booked = {**MINE, "dateScheduled": datetime.fromtimestamp(now, UTC).isoformat()}
    found = checked(mode, booked, f"Date: {formatdate(now - behind, usegmt=True)}")
    assert (found.verdict, found.inferred) == (Verdict.UNDETERMINED, ())


@every_mode
@pytest.mark.parametrize(
    "shown", ["2027-03-04T15:30:00", 1804174200, 1804174200000, "2027-03-04", "2027-03-04T15:00:00Z"], ids=str
)
def test_the_requested_time_in_another_form_is_undetermined(mode: Mode, shown: Any) -> None:
    session = {**WAITING, "appointmentDate": shown}
    for before in (None, WAITING, session):
        assert checked(mode, session, before=before).verdict is Verdict.UNDETERMINED
    assert checked(mode, WAITING).verdict is Verdict.NOT_VISIBLE


@every_mode
@pytest.mark.parametrize(
    "fault",
    [
        faults.status(status=404),
        faults.status(status=403),
        faults.unavailable(retry_after=0),
        faults.drop_response(),
        faults.not_json(),
        faults.empty_body(),
        faults.redirect(),
    ],
    ids=lambda fault: fault.name,
)
def test_a_session_that_cannot_be_read(mode: Mode, fault: faults.Fault, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
            error = await unknown(client.exam_sessions.schedule, **sids(sandbox), appointment_date_time=WHEN)
            sandbox.requests.clear()
            with sandbox.faults.during("getExamSession", fault):
                found = await settle(client.exam_sessions.check(error))
            assert found.verdict is Verdict.UNDETERMINED
            assert "can be read back: " in found.reason
            assert " (GET /v1/installs/" in found.reason
            assert (found.session, found.compared, found.inferred) == (None, (), ())
            assert set(methods(sandbox)) == {"GET"}
            assert len(methods(sandbox)) <= 3

    run(mode, scenario)


@every_mode
@pytest.mark.parametrize(
    "fault", [faults.nulls(), faults.wrong_types(), faults.new_enum_values()], ids=lambda fault: fault.name
)
def test_strange_sessions_prove_nothing(mode: Mode, fault: faults.Fault, sandbox: Sandbox) -> None:
    given = sids(sandbox)

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            before = await settle(client.exam_sessions.get(**given))
            sandbox.schedule_before(sandbox.open_sessions[0], {"appointmentDateTime": WHEN, "type": "ad-hoc"})
            with sandbox.faults.during("getExamSession", fault):
                strange = await settle(client.exam_sessions.get(**given))
            sandbox.faults.add("scheduleExamSession", faults.reset_after_reading(times=1))
            error = await unknown(client.exam_sessions.schedule, **given, appointment_date_time=WHEN, type_="ad-hoc")
            assert (await settle(client.exam_sessions.check(error, before=strange))).verdict is not Verdict.APPLIED
            with sandbox.faults.during("getExamSession", fault):
                found = await settle(client.exam_sessions.check(error, before=before))
            assert found.verdict is Verdict.UNDETERMINED

    run(mode, scenario)


@every_mode
def test_it_reads_in_the_install_of_the_error(mode: Mode, sandbox: Sandbox) -> None:
    other = sandbox.other_open_sessions[0]

    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
            view = client.for_install(sandbox.other_install_sid)
            wanted = {"exam_sid": other.exam_sid, "session_sid": other.session_sid, "appointment_date_time": WHEN}
            error = await unknown(view.exam_sessions.schedule, **wanted)
            found = await settle(client.exam_sessions.check(error))
            assert found.session.sid == other.session_sid
            assert sandbox.other_install_sid in sandbox.requests[-1].path

    run(mode, scenario)


@every_mode
def test_other_errors_and_other_befores_are_refused(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            others: list[Any] = [RateLimitError("429", operation="scheduleExamSession"), ValueError("x"), None]
            for other in others:
                with pytest.raises(InvalidArgumentError, match="OutcomeUnknownError"):
                    await settle(client.exam_sessions.check(other))
            assert methods(sandbox) == []
            sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
            error = await unknown(client.exam_sessions.schedule, **sids(sandbox), appointment_date_time=WHEN)
            sent = methods(sandbox)
            befores: list[Any] = ["Scheduled", [], 5]
            for before in befores:
                with pytest.raises(InvalidArgumentError, match="before: expected a session"):
                    await settle(client.exam_sessions.check(error, before=before))
            assert methods(sandbox) == sent

    run(mode, scenario)


@pytest.mark.parametrize("behaviour", ["approval_later", "approval_never"])
def test_what_waits_for_approval_is_undetermined(behaviour: Behaviour | str) -> None:
    with (
        Sandbox(report_rows=1, open_sessions=1, behaviour=behaviour) as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        before = client.exam_sessions.get(**sids(sandbox))
        sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.schedule(**sids(sandbox), appointment_date_time=WHEN)
        found = client.exam_sessions.check(caught.value, before=before)
        assert (found.verdict, found.inferred) == (Verdict.UNDETERMINED, ())
        assert "Pending Approval" in found.reason


def test_a_session_that_waits_again_is_no_proof_of_its_cancellation() -> None:
    with (
        Sandbox(report_rows=1, open_sessions=1, behaviour="canceled_to_needs_proctor") as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        before = client.exam_sessions.schedule(**sids(sandbox), appointment_date_time=WHEN)
        sandbox.faults.add("cancelExamSession", faults.drop_response(times=1))
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.cancel(**sids(sandbox), cancellation_memo="x")
        assert client.exam_sessions.check(caught.value, before=before).verdict is Verdict.UNDETERMINED


# Calls that are cut off after they were sent.


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("applied", [True, False])
def test_a_canceled_request_is_logged_and_not_retried(
    backend: Mode, applied: bool, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with client_of(backend, sandbox) as client:
            sandbox.faults.add("scheduleExamSession", faults.stall(times=1, seconds=1.0, applied=applied))
            with anyio.move_on_after(0.3) as scope:
                await client.exam_sessions.schedule(**sids(sandbox), amount=5, card_token="tok_never_shown")
            assert scope.cancelled_caught

    with caplog.at_level(logging.DEBUG):
        run(backend, scenario)
    lines = [
        record
        for record in caplog.records
        if record.name == "invigilate" and "outcome unknown: interrupted" in record.msg
    ]
    assert [record.levelname for record in lines] == ["ERROR"]
    assert sandbox.session_sid in lines[0].getMessage()
    assert "tok_never_shown" not in caplog.text
    sandbox.faults.clear()
    assert sum(request.method == "POST" for request in sandbox.requests) <= 1
    assert len(sandbox.ledger) <= 1
