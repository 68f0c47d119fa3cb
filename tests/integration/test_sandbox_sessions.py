"""Exam sessions and course offerings of the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from invigilate.sandbox.documents import load
from invigilate.sandbox.registry import find
from tests.support.caller import Caller


def test_schedule(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    example = load(find("smarterproctoring")).content["paths"][
        "/v1/installs/{installSid}/exams/{examSid}/sessions/{sessionSid}"
    ]["post"]
    body = example["requestBody"]["content"]["application/json"]["example"]
    reply = call.schedule(session, {**body, "appointmentDateTime": "2026-09-09T10:00:00.000Z"})
    assert reply.status == 200
    documented = load(find("smarterproctoring")).content["components"]["schemas"]["ExamSession"]
    details = reply.json
    assert len(details) == 67
    assert list(details) == list(documented["properties"])
    assert details["sid"] == session.session_sid == call.sandbox.session_sid
    assert details["examSid"] == call.sandbox.exam_sid
    assert details["enrollmentSid"] == call.sandbox.enrollment_sid
    assert details["userSid"] == call.sandbox.user_sid
    assert details["courseSid"] == call.sandbox.course_sid
    assert details["course"]["courseOffering"]["sid"] == call.sandbox.offering_sid
    assert details["status"] == "Scheduled"
    assert details["sessionType"] == "b-virtual"
    assert details["appointmentDate"] == "2026-09-09T10:00:00.000Z"
    assert details["appointmentEndDate"] > details["appointmentDate"]
    assert details["notes"] == body["notes"]
    assert details["proctor"]["email"] == body["email"]
    assert details["location"]["sid"] == body["proctorLocationSid"]
    assert session not in call.sandbox.open_sessions


def test_scheduling_twice_is_a_conflict_and_charges_once(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    body = {"type": "live", "amount": 5, "cardToken": "tok_canary"}
    assert call.schedule(session, body).status == 400
    assert call.sandbox.ledger == []
    body["type"] = "b-virtual"
    assert call.schedule(session, body).status == 200
    reply = call.schedule(session, body)
    assert reply.status == 409
    assert reply.json["code"] == "RESOURCECONFLICT"
    assert len(call.sandbox.ledger) == 1


def test_ledger(call: Caller) -> None:
    first, second, third, fourth = call.sandbox.open_sessions[:4]
    before = datetime.now(UTC)
    paid = {"amount": 49.9, "currency": "EUR", "cardToken": "tok_canary"}
    assert call.schedule(first, paid).status == 200
    voucher = {"amount": 49.9, "cardToken": "tok_canary", "voucherCode": "VOUCHER-CANARY"}
    assert call.schedule(second, voucher).status == 200
    assert call.schedule(third, {"amount": 12}).status == 200  # nobody to charge
    assert call.schedule(fourth, {"cardToken": "tok_canary"}).status == 200  # nothing to charge
    card, free = call.sandbox.ledger
    assert card.session_sid == first.session_sid
    assert card.install_sid == call.sandbox.install_sid
    assert (card.amount, card.currency, card.voucher) == (Decimal("49.9"), "EUR", False)
    assert card.at >= before.replace(microsecond=before.microsecond // 1000 * 1000)
    assert (free.session_sid, free.voucher) == (second.session_sid, True)
    assert free.amount == 0
    assert call.sandbox.ledger.total("EUR") == Decimal("49.9")
    assert call.sandbox.ledger.of_session(first.session_sid) == [card]
    assert "canary" not in repr(call.sandbox.ledger).lower()


def test_amounts_are_exact(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    path = f"/v1/installs/{call.sandbox.install_sid}/exams/{session.exam_sid}"
    reply = call.send(
        "POST",
        f"{path}/sessions/{session.session_sid}",
        b'{"amount": 0.1000000000000000000001, "cardToken": "tok"}',
        {"token": call.sandbox.token, "Content-Type": "application/json; charset=utf-8"},
    )
    assert reply.status == 200
    assert call.sandbox.ledger[0].amount == Decimal("0.1000000000000000000001")


def test_sessions_that_do_not_exist(call: Caller) -> None:
    session, other = call.sandbox.open_sessions[:2]
    assert other.exam_sid != session.exam_sid
    nowhere = "0" * 32
    for exam, sid in (
        (session.exam_sid, "ES" + nowhere),
        ("EX" + nowhere, session.session_sid),
        (other.exam_sid, session.session_sid),  # of another exam
    ):
        for method in ("POST", "PUT"):
            reply = call.proctoring(method, f"/exams/{exam}/sessions/{sid}", {"notes": "Quiet room"})
            assert (reply.status, reply.json["code"]) == (404, "RESOURCENOTFOUND")
    path = f"/exams/{session.exam_sid}/sessions/{session.session_sid}"
    for install in ("AI" + nowhere, call.sandbox.other_install_sid):
        assert call.proctoring("POST", path, {}, install=install).status == 404
    assert call.sandbox.open_sessions[0] == session


def test_reschedule(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    early = {"appointmentDateTime": "2026-09-09T10:00:00.000Z", "type": "proctoru"}
    reply = call.schedule(session, early, "PUT")
    assert (reply.status, reply.json["code"]) == (409, "RESOURCECONFLICT")
    assert call.schedule(session, early).status == 200
    late = {
        "appointmentStartDateTime": "2026-09-10T10:00:00.000Z",
        "appointmentEndDateTime": "2026-09-10T11:30:00.000Z",
    }
    reply = call.schedule(session, late, "PUT")
    assert (reply.status, reply.json) == (200, "Successful")
    (row,) = call.rows(("appointmentDateAfter", "2026-09-10T10:00:00.000Z"),
                       ("appointmentDateBefore", "2026-09-10T10:00:00.001Z"),
                       ("serviceTypes", "proctoru"), ("statuses", "Scheduled"),
                       ("userSid", session.user_sid))  # fmt: skip
    assert row["sid"] == session.session_sid


def test_the_report_follows_the_sessions(call: Caller) -> None:
    first, second = call.sandbox.open_sessions[:2]
    for session in (second, first):
        body = {"type": "vtc", "appointmentDateTime": "2026-10-01T08:00:00.000Z"}
        assert call.schedule(session, body).status == 200
    page = call.report(("offset", "240")).json
    assert page["total"] == 242
    assert [row["sid"] for row in page["results"]] == [second.session_sid, first.session_sid]
    row = page["results"][1]
    assert (row["status"], row["serviceType"]) == ("Scheduled", "virtual-test-center")
    assert row["exam"]["sid"] == first.exam_sid
    found = call.rows(("serviceTypes", "virtual-test-center"), ("examSid", first.exam_sid))
    assert row in found


def test_a_session_of_the_report_can_be_rescheduled(call: Caller) -> None:
    rows = call.rows()
    position, row = next((i, row) for i, row in enumerate(rows) if row["status"] == "Scheduled")
    path = f"/exams/{row['exam']['sid']}/sessions/{row['sid']}"
    moved = {"appointmentDateTime": "2026-12-24T12:00:00.000Z"}
    assert call.proctoring("PUT", path, moved).status == 200
    after = call.rows()
    assert len(after) == len(rows)
    assert after[position] == {**row, "appointmentDate": "2026-12-24T12:00:00.000Z"}
    closed = next(row for row in rows if row["status"] == "Closed")
    path = f"/exams/{closed['exam']['sid']}/sessions/{closed['sid']}"
    assert call.proctoring("PUT", path, moved).status == 409
    assert call.proctoring("POST", path, {}).status == 409


def test_update_course_offering(call: Caller) -> None:
    path = f"/courseOfferings/{call.sandbox.offering_sid}"
    dates = {"startDate": "2026-08-01T00:00:00.000Z", "endDate": "2026-12-31T00:00:00.000Z"}
    body = {"title": "Autumn 2026", "matchStrings": "Autumn 2026, AU26", **dates}
    reply = call.proctoring("PUT", path, body)
    assert reply.status == 200
    offering = reply.json
    assert {key: offering[key] for key in ("sid", "title", "matchStrings", *dates)} == {
        "sid": call.sandbox.offering_sid,
        "title": "Autumn 2026",
        "matchStrings": ["Autumn 2026", "AU26"],
        **dates,
    }
    rows = call.rows(("courseOfferingSid", call.sandbox.offering_sid))
    assert {row["courseOffering"]["title"] for row in rows} == {"Autumn 2026"}
    shorter = {"title": "Autumn 2026", "matchStrings": "AU26", "startDate": None}
    offering = call.proctoring("PUT", path, shorter).json
    assert (offering["startDate"], offering["endDate"]) == (None, dates["endDate"])
    assert offering["matchStrings"] == ["AU26"]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "A"},
        {"matchStrings": "a"},
        {"title": None, "matchStrings": "a"},
        {"title": "A", "matchStrings": ["a"]},
        {"title": "A", "matchStrings": "a", "startDate": "2026-01-01"},
        {"title": "A", "matchStrings": "a", "startDate": "2026-13-01T00:00:00.000Z"},
        {"title": "A", "matchStrings": "a", "begin": None},
        [],
        "text",
    ],
)
def test_wrong_offerings(call: Caller, body: object) -> None:
    reply = call.proctoring("PUT", f"/courseOfferings/{call.sandbox.offering_sid}", body)
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")


def test_unknown_offering(call: Caller) -> None:
    body = {"title": "A", "matchStrings": "a"}
    assert call.proctoring("PUT", f"/courseOfferings/CO{'0' * 32}", body).status == 404
