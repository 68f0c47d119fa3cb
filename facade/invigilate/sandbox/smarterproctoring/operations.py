"""Operations on exam sessions, the report and course offerings.

A new operation costs one function, here or in a module beside this one, registered under its operationId.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import conflict, invalid, missing
from invigilate.sandbox.records import Charge
from invigilate.sandbox.times import parse, write
from invigilate.sandbox.validation import Call

from .catalog import Offering
from .report import ReportQuery
from .sessions import SCHEDULED
from .state import OPERATIONS, ProctoringState, successful

_DEFAULT_LIMIT = 50
_CONTRARY_LIMIT = 20


@OPERATIONS.register("getServiceDistribution")
def get_service_distribution(state: ProctoringState, call: Call) -> object:
    """Return a page of the report."""
    infer("report-rows")
    infer("report-fields")
    install = state.find_install(call)
    offset: int = call.query.get("offset", 0)
    limit = _limit(state, call, _DEFAULT_LIMIT)
    query = ReportQuery.read(call.query, install)
    total, rows = state.report(install).page(query, offset, limit)
    return _page(state, call, total, offset, limit, rows)


def _limit(state: ProctoringState, call: Call, default: int) -> int:
    limit: int = call.query.get("limit", default)
    if limit <= state.max_limit:
        return limit
    if state.behaviour.flips("largest-limit"):
        raise invalid(f"limit has to be at most {state.max_limit}.")
    return state.max_limit


def _page(
    state: ProctoringState, call: Call, total: int, offset: int, limit: int, rows: list[dict[str, object]]
) -> dict[str, object]:
    others = [pair for pair in call.pairs if pair[0] not in ("offset", "limit")]
    base_url = "" if state.behaviour.flips("page-links") else call.base_url
    if limit == 0 or offset >= total:
        infer("page-edges")

    def url(start: int | None) -> str | None:
        if start is None or limit == 0:
            return None
        pairs = [*others, ("offset", str(start)), ("limit", str(limit))]
        return f"{base_url}{call.target}?{urlencode(pairs)}"

    last = (total - 1) // limit * limit if total and limit else None
    previous = None if last is None or offset == 0 else last if offset >= total else max(0, offset - limit)
    announced = {} if state.behaviour.flips("report-total") else {"total": total}
    return {
        **announced,
        "first": url(0 if total else None),
        "next": url(offset + limit if offset + limit < total else None),
        "prev": url(previous),
        "last": url(last),
        "count": len(rows),
        "offset": offset,
        "results": rows,
    }


@OPERATIONS.register("scheduleExamSession")
def schedule_exam_session(state: ProctoringState, call: Call) -> object:
    """Book a session, and charge for it."""
    install = state.find_install(call)
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        session.schedule(call.body, state.clock, install.behaviour)
        install.changed(session)
        charge = _charge(state, install.sid, session.sid, call.body)
        if charge is not None:
            state.ledger.add(charge)
        return session.details()


def _charge(state: ProctoringState, install_sid: str, session_sid: str, body: Mapping[str, Any]) -> Charge | None:
    infer("charges")
    voucher = "voucherCode" in body
    if voucher and state.behaviour.flips("voucher-pays") and "cardToken" in body:
        voucher = False
    amount = Decimal(0) if voucher else Decimal(body.get("amount", 0))
    if not voucher and ("cardToken" not in body or amount == 0):
        return None
    currency = body.get("currency", "USD")
    return Charge(install_sid, session_sid, amount, currency, state.clock(), voucher)


@OPERATIONS.register("rescheduleExamSession")
def reschedule_exam_session(state: ProctoringState, call: Call) -> object:
    """Move a booked session. Returns a string, as documented."""
    install = state.find_install(call)
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        session.reschedule(call.body, state.clock, install.behaviour)
        install.changed(session)
    return successful(install)


@OPERATIONS.register("getExamSession")
def get_exam_session(state: ProctoringState, call: Call) -> object:
    """Return a session."""
    install = state.find_install(call)
    with install.lock:
        return install.read(call.path["examSid"], call.path["sessionSid"]).details()


@OPERATIONS.register("cancelExamSession")
def cancel_exam_session(state: ProctoringState, call: Call) -> object:
    """Cancel a booked session. Returns a string, as documented."""
    install = state.find_install(call)
    body: dict[str, Any] = call.body or {}
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        session.cancel(body.get("reason"), state.clock, install.behaviour)
        install.changed(session)
        if install.behaviour.flips("refunds"):
            _refund(state, install.sid, session.sid)
    return successful(install)


def _refund(state: ProctoringState, install_sid: str, session_sid: str) -> None:
    charges = state.ledger.of_session(session_sid)
    for currency in dict.fromkeys(charge.currency for charge in charges):
        paid = sum((charge.amount for charge in charges if charge.currency == currency), Decimal(0))
        if paid > 0:
            state.ledger.add(Charge(install_sid, session_sid, -paid, currency, state.clock(), voucher=False))


@OPERATIONS.register("getOnboardingUrl")
def get_onboarding_url(state: ProctoringState, call: Call) -> object:
    """Return a URL for the start of a booked session, valid once."""
    install = state.find_install(call)
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        allowed = session.is_active if install.behaviour.flips("onboarding-status") else session.status == SCHEDULED
        if not allowed:
            raise conflict(f"The session is {session.status}, so it cannot be started.")
        return {"url": state.onboarding_url(session.sid)}


@OPERATIONS.register("listEnrollmentExamSessions")
def list_enrollment_exam_sessions(state: ProctoringState, call: Call) -> object:
    """Return a page of the sessions that an enrollment has for an exam."""
    install = state.find_install(call)
    install.archive.prepare()
    query, behaviour = call.query, install.behaviour
    offset: int = query.get("offset", 0)
    limit = _limit(state, call, _CONTRARY_LIMIT if behaviour.flips("list-page") else _DEFAULT_LIMIT)
    with install.lock:
        enrollment = install.catalog.enrollments.get(call.path["enrollmentSid"])
        if enrollment is None:
            raise missing("The enrollment")
        exam = install.catalog.exam(call.path["examSid"])
        if exam is None or exam.course is not enrollment.course:
            raise missing("The exam")
        found = install.read_sittings(exam, enrollment)
        if "status" in query:
            found = [session for session in found if session.status in query["status"]]
        if behaviour.flips("active-sessions"):
            found = [session for session in found if query.get("includeActive") or not session.is_active]
        elif query.get("includeActive"):
            found = [session for session in found if session.is_active]
        if query.get("sortKeys"):
            found.sort(key=lambda session: session.created, reverse=query.get("sortOrder") == "DESC")
        elif behaviour.flips("list-order"):
            found.reverse()
        rows = [session.in_short() for session in found[offset : offset + limit]]
        return _page(state, call, len(found), offset, limit, rows)


@OPERATIONS.register("updateCourseOffering")
def update_course_offering(state: ProctoringState, call: Call) -> object:
    """Replace the title, the match strings and the dates of a course offering."""
    install = state.find_install(call)
    body: dict[str, Any] = call.body
    dates = {
        name: None if body[name] is None else parse(body[name], name)
        for name in ("startDate", "endDate")
        if name in body
    }
    infer("match-strings")
    with install.lock:
        offering = install.catalog.offering(call.path["offeringSid"])
        if offering is None:
            raise missing("The course offering")
        offering.title = body["title"]
        parts = (part.strip() for part in body["matchStrings"].split(","))
        offering.match_strings = [part for part in parts if part]
        if install.behaviour.flips("offering-dates"):
            offering.start = offering.end = None
        offering.start = dates.get("startDate", offering.start)
        offering.end = dates.get("endDate", offering.end)
        offering.edited = offering.last_activity = state.clock()
        return _offering_details(offering)


def _offering_details(offering: Offering) -> dict[str, object]:
    return {
        "sid": offering.sid,
        "lastActivityDate": write(offering.last_activity),
        "title": offering.title,
        "matchStrings": list(offering.match_strings),
        "startDate": write(offering.start),
        "endDate": write(offering.end),
        "createdDate": write(offering.created),
        "editDate": write(offering.edited),
    }
