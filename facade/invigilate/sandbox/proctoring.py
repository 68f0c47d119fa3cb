"""SmarterProctoring: its state, who may call, and one function per operation.

A new operation costs one function, here or in a module beside this one, registered under its operationId.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from .api import Operations
from .behaviours import Behaviour
from .catalogue import Offering
from .identifiers import Mint
from .installs import Install
from .problems import AUTHENTICATION_FAILED, INVALID_TOKEN, Problem, conflict, missing
from .records import Charge, Ledger
from .report import Report, ReportQuery
from .sessions import SCHEDULED
from .times import Clock, parse, write
from .validation import Call

OPERATIONS: Operations[ProctoringState] = Operations()

_DEFAULT_LIMIT = 50
# 2020-09-13 and 2100-01-01: long past, and far off, for every test that anybody will run.
_PAST, _FUTURE = 1_600_000_000, 4_102_444_800


class ProctoringState:
    """Everything that SmarterProctoring remembers.

    Attributes:
        token: the one token that is good.
        ledger: the charges.
        install: the main install.
        other_install: another install of the same account, with data of its own.
        integration_sid: the one integration that can sign people on.
        onboarding_urls_issued: number of onboarding URLs so far.
    """

    def __init__(
        self,
        seed: int,
        *,
        report_rows: int,
        open_sessions: int,
        max_limit: int,
        clock: Clock,
        expired_token: int | None,
        behaviour: Behaviour,
    ) -> None:
        self.clock = clock
        self.max_limit = max_limit
        self.ledger = Ledger()
        installs = tuple(
            Install(seed, name, report_rows=rows, open_sessions=sessions, clock=clock, behaviour=behaviour)
            for name, rows, sessions in (("main", report_rows, open_sessions), ("other", 12, 8))
        )
        self.install, self.other_install = installs
        self.onboarding_urls_issued = 0
        self._signons = 0
        self._installs = {install.sid: install for install in installs}
        self._reports = {install.sid: Report(install) for install in installs}
        self._expired = expired_token
        self._lock = threading.Lock()
        self._mint = mint = Mint(seed, "account")
        self.integration_sid = mint.sid("II", "integration")
        self.token = mint.jwt(
            {
                "iss": "invigilate-sandbox",
                "sub": self.integration_sid,
                "iat": _PAST - 86_400,
                "exp": _PAST if expired_token else _FUTURE,
            }
        )

    def expire_token(self, status: int | None) -> None:
        """From now on refuse the token with a status; None makes it good again."""
        with self._lock:
            self._expired = status

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Check the token of a request.

        Raises:
            Problem: if it is missing, wrong or expired.
        """
        sent = headers.get("token", "")
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            raise Problem(403, AUTHENTICATION_FAILED, "The token is missing or invalid.")
        if self._expired == 401:
            challenge = 'Bearer realm="smarterservices", error="invalid_token"'
            raise Problem(401, INVALID_TOKEN, "The token has expired.", {"WWW-Authenticate": challenge})
        if self._expired:
            raise Problem(403, AUTHENTICATION_FAILED, "The token has expired.")

    def sign_on(self, user_sid: str) -> dict[str, object]:
        """A sign-on for a person, another one each time."""
        with self._lock:
            token = self._mint.secret(f"signon/{user_sid}", self._signons)
            self._signons += 1
        return {"redirect": f"https://signon.example.com/start?token={token}", "token": token}

    def onboarding_url(self, session_sid: str) -> str:
        """An address for the start of a session, another one each time."""
        with self._lock:
            secret = self._mint.secret(f"onboarding/{session_sid}", self.onboarding_urls_issued)
            self.onboarding_urls_issued += 1
        return f"https://onboarding.example.com/{secret}"

    def find_install(self, call: Call) -> Install:
        """The install in a request's path.

        Raises:
            Problem: if there is none.
        """
        install = self._installs.get(call.path["installSid"])
        if install is None:
            raise missing("The install")
        return install

    def anticipate(self, operation_id: str, call: Call) -> None:
        """Let the session of a request stand as asked for, if the behaviour says that it was booked before.

        Raises:
            Problem: if there is no such session, or its state does not allow it.
        """
        if operation_id in ("scheduleExamSession", "rescheduleExamSession"):
            install = self.find_install(call)
            exam, session = call.path["examSid"], call.path["sessionSid"]
            with install.lock:
                if install.is_booked_before(session):
                    install.book_before(exam, session, call.body, move=operation_id == "rescheduleExamSession")

    def report(self, install: Install) -> Report:
        """The report of an install."""
        return self._reports[install.sid]


@OPERATIONS.register("getServiceDistribution")
def get_service_distribution(state: ProctoringState, call: Call) -> object:
    """One page of the report."""
    install = state.find_install(call)
    offset: int = call.query.get("offset", 0)
    limit: int = min(call.query.get("limit", _DEFAULT_LIMIT), state.max_limit)
    query = ReportQuery.read(call.query, install.catalogue)
    total, rows = state.report(install).page(query, offset, limit)

    return _page(call, total, offset, limit, rows)


def _page(call: Call, total: int, offset: int, limit: int, rows: list[dict[str, object]]) -> dict[str, object]:
    others = [pair for pair in call.pairs if pair[0] not in ("offset", "limit")]

    def address(start: int | None) -> str | None:
        if start is None or limit == 0:
            return None
        pairs = [*others, ("offset", str(start)), ("limit", str(limit))]
        return f"{call.base_url}{call.target}?{urlencode(pairs)}"

    last = (total - 1) // limit * limit if total and limit else None
    previous = None if last is None or offset == 0 else last if offset >= total else max(0, offset - limit)
    return {
        "total": total,
        "first": address(0 if total else None),
        "next": address(offset + limit if offset + limit < total else None),
        "prev": address(previous),
        "last": address(last),
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
    voucher = "voucherCode" in body
    amount = Decimal(0) if voucher else Decimal(body.get("amount", 0))
    if not voucher and ("cardToken" not in body or amount == 0):
        return None
    currency = body.get("currency", "USD")
    return Charge(install_sid, session_sid, amount, currency, state.clock(), voucher)


@OPERATIONS.register("rescheduleExamSession")
def reschedule_exam_session(state: ProctoringState, call: Call) -> object:
    """Move a booked session. The answer is a text, as documented."""
    install = state.find_install(call)
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        session.reschedule(call.body, state.clock, install.behaviour)
        install.changed(session)
    return "Successful"


@OPERATIONS.register("getExamSession")
def get_exam_session(state: ProctoringState, call: Call) -> object:
    """A session as it is seen at this moment."""
    install = state.find_install(call)
    with install.lock:
        return install.read(call.path["examSid"], call.path["sessionSid"]).details()


@OPERATIONS.register("cancelExamSession")
def cancel_exam_session(state: ProctoringState, call: Call) -> object:
    """Call a booked session off. Charges stay as they are; the answer is a text, as documented."""
    install = state.find_install(call)
    body: dict[str, Any] = call.body or {}
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        session.cancel(body.get("reason"), state.clock, install.behaviour)
        install.changed(session)
    return "Successful"


@OPERATIONS.register("getOnboardingUrl")
def get_onboarding_url(state: ProctoringState, call: Call) -> object:
    """An address for the start of a booked session, which is good once."""
    install = state.find_install(call)
    with install.lock:
        session = install.to_change(call.path["examSid"], call.path["sessionSid"])
        if session.status != SCHEDULED:
            raise conflict(f"The session is {session.status}, so it cannot be started.")
        return {"url": state.onboarding_url(session.sid)}


@OPERATIONS.register("listEnrollmentExamSessions")
def list_enrollment_exam_sessions(state: ProctoringState, call: Call) -> object:
    """One page of the sessions that an enrollment has for an exam."""
    install = state.find_install(call)
    query = call.query
    offset: int = query.get("offset", 0)
    limit: int = min(query.get("limit", _DEFAULT_LIMIT), state.max_limit)
    with install.lock:
        enrollment = install.catalogue.enrollments.get(call.path["enrollmentSid"])
        if enrollment is None:
            raise missing("The enrollment")
        exam = install.catalogue.exam(call.path["examSid"])
        if exam is None or exam.course is not enrollment.course:
            raise missing("The exam")
        found = install.read_sittings(exam, enrollment)
        if "status" in query:
            found = [session for session in found if session.status in query["status"]]
        if query.get("includeActive"):
            found = [session for session in found if session.is_active]
        if query.get("sortKeys"):
            found.sort(key=lambda session: session.created, reverse=query.get("sortOrder") == "DESC")
        rows = [session.in_short() for session in found[offset : offset + limit]]
        return _page(call, len(found), offset, limit, rows)


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
    with install.lock:
        offering = install.catalogue.offering(call.path["offeringSid"])
        if offering is None:
            raise missing("The course offering")
        offering.title = body["title"]
        parts = (part.strip() for part in body["matchStrings"].split(","))
        offering.match_strings = [part for part in parts if part]
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
