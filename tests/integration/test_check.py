"""Reading a session back after a call of unknown outcome, with both clients, over sockets."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import anyio
import pytest

from invigilate import InvalidArgumentError, OutcomeUnknownError, RateLimitError, SmarterProctoring
from invigilate.sandbox import Behaviour, Exchange, Phase, Sandbox, faults
from invigilate.verdicts import Verdict
from tests.support.endings import every_mode
from tests.support.modes import Mode, proctoring, run, settle

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
            sandbox.faults.add("scheduleExamSession", faults.drop_answer(times=1))
            wanted = {**given, "appointment_date_time": WHEN, "type_": "ad-hoc"}
            error = await unknown(client.exam_sessions.schedule, **wanted, amount=25, card_token="tok")
            sandbox.requests.clear()
            for each in (error, pickle.loads(pickle.dumps(error))):
                found = await settle(client.exam_sessions.check(each, before=before))
                # Without what stood before, a booking of the last two seconds is not told from an earlier one.
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
    fault = faults.drop_answer(times=1) if applied else faults.reset_after_reading(times=1)

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


class Dated:
    """Says what time it is, as servers do."""

    def connected(self, api: str) -> None:
        pass

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        if phase is Phase.APPLIED and exchange.answer is not None:
            exchange.answer.headers["Date"] = formatdate(usegmt=True)


def test_a_booking_made_after_the_call_is_new_by_its_date() -> None:
    # Only a server that takes its time shows that: the header has whole seconds.
    with (
        Sandbox(report_rows=1, open_sessions=1) as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        sandbox.interceptors.append(Dated())
        sandbox.faults.add("scheduleExamSession", faults.apply_late(times=1, delay=3.5, answer="504"))
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.schedule(**sids(sandbox), appointment_date_time=WHEN)
        assert sandbox.faults.settle()
        found = client.exam_sessions.check(caught.value)
        assert found.verdict is Verdict.APPLIED
        assert "dateScheduled is when the booking was made" in found.inferred
        # The clock of another process says nothing.
        assert client.exam_sessions.check(pickle.loads(pickle.dumps(caught.value))).verdict is Verdict.UNDETERMINED


@every_mode
@pytest.mark.parametrize(
    "fault",
    [
        faults.status(status=404),
        faults.status(status=403),
        faults.unavailable(retry_after=0),
        faults.drop_answer(),
        faults.not_json(),
        faults.empty_body(),
        faults.redirect(),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_session_that_cannot_be_read(mode: Mode, fault: faults.Fault, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            sandbox.faults.add("scheduleExamSession", faults.drop_answer(times=1))
            error = await unknown(client.exam_sessions.schedule, **sids(sandbox), appointment_date_time=WHEN)
            sandbox.requests.clear()
            with sandbox.faults.during("getExamSession", fault):
                found = await settle(client.exam_sessions.check(error))
            assert found.verdict is Verdict.UNDETERMINED
            assert "can be read back: GET " in found.reason
            assert (found.session, found.compared, found.inferred) == (None, (), ())
            assert set(methods(sandbox)) == {"GET"}
            assert len(methods(sandbox)) <= 3

    run(mode, scenario)


@every_mode
@pytest.mark.parametrize(
    "fault", [faults.nulls(), faults.wrong_types(), faults.new_enum_values()], ids=lambda fault: fault.kind
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
            sandbox.faults.add("scheduleExamSession", faults.drop_answer(times=1))
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
            sandbox.faults.add("scheduleExamSession", faults.drop_answer(times=1))
            error = await unknown(client.exam_sessions.schedule, **sids(sandbox), appointment_date_time=WHEN)
            befores: list[Any] = ["Scheduled", [], 5]
            for before in befores:
                with pytest.raises(InvalidArgumentError, match="before: expected a session"):
                    await settle(client.exam_sessions.check(error, before=before))

    run(mode, scenario)


@pytest.mark.parametrize("behaviour", ["approval_later", "approval_never"])
def test_what_waits_for_approval_is_undetermined(behaviour: Behaviour | str) -> None:
    with (
        Sandbox(report_rows=1, open_sessions=1, behaviour=behaviour) as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        before = client.exam_sessions.get(**sids(sandbox))
        sandbox.faults.add("scheduleExamSession", faults.drop_answer(times=1))
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.schedule(**sids(sandbox), appointment_date_time=WHEN)
        found = client.exam_sessions.check(caught.value, before=before)
        assert (found.verdict, found.inferred) == (Verdict.UNDETERMINED, ())
        assert "Pending Approval" in found.reason


def test_a_session_that_waits_again_is_no_proof_of_its_cancellation() -> None:
    with (
        Sandbox(report_rows=1, open_sessions=1, behaviour="cancelled_to_needs_proctor") as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        before = client.exam_sessions.schedule(**sids(sandbox), appointment_date_time=WHEN)
        sandbox.faults.add("cancelExamSession", faults.drop_answer(times=1))
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.cancel(**sids(sandbox), cancellation_memo="x")
        assert client.exam_sessions.check(caught.value, before=before).verdict is Verdict.UNDETERMINED


# Calls that are cut off after they were sent.


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("applied", [True, False])
def test_a_cancelled_call_is_logged_and_not_repeated(
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
    lines = [record for record in caplog.records if record.name == "invigilate" and "outcome is unknown" in record.msg]
    assert [record.levelname for record in lines] == ["ERROR"]
    assert sandbox.session_sid in lines[0].getMessage()
    assert "tok_never_shown" not in caplog.text
    sandbox.faults.clear()
    assert sum(request.method == "POST" for request in sandbox.requests) <= 1
    assert len(sandbox.ledger) <= 1
