"""What the sandbox remembers of SmarterProctoring: its installs, the ledger, and the token."""

from __future__ import annotations

import hmac
import re
import threading
from collections.abc import Mapping
from functools import cache

from invigilate.sandbox.api import Control, Operations
from invigilate.sandbox.documents import Document, walk
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.inventions import infer
from invigilate.sandbox.options import Options
from invigilate.sandbox.problems import AUTHENTICATION_FAILED, INVALID_TOKEN, Problem, missing
from invigilate.sandbox.records import Ledger
from invigilate.sandbox.validation import Call

from .installs import Install
from .report import Report

OPERATIONS: Operations[ProctoringState] = Operations()

# 2020-09-13 and 2100-01-01: long past, and far in the future, for every test.
_PAST, _FUTURE = 1_600_000_000, 4_102_444_800
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


class ProctoringState:
    """The state of SmarterProctoring.

    Attributes:
        token: the one valid token.
        ledger: the charges.
        install: the main install.
        other_install: another install of the same account, with data of its own.
        integration_sid: the integration that can sign people on.
        onboarding_urls_issued: number of onboarding URLs so far.
        max_limit: largest page of the report.
        behaviour: how the server behaves.
        clock: the time of changes.
    """

    def __init__(self, document: Document, options: Options) -> None:
        self.clock = options.clock
        self.max_limit = options.max_limit
        self.behaviour = options.behaviour
        self.ledger = Ledger()
        self.onboarding_urls_issued = 0
        self._example_sids = example_sids(document)
        sizes = (("main", options.report_rows, options.open_sessions), ("other", 12, 8), ("examples", 12, 8))
        installs = [
            Install(
                options.seed,
                name,
                report_rows=rows,
                open_sessions=sessions,
                clock=options.clock,
                behaviour=options.behaviour,
                sids=self._example_sids if name == "examples" else None,
            )
            for name, rows, sessions in sizes
        ]
        self.install, self.other_install, self._examples = installs
        self.installs = {install.sid: install for install in installs}
        self._signons = 0
        self._reports = {install.sid: Report(install) for install in installs}
        self._expired: int | None = options.expired_token
        self._lock = threading.Lock()
        self._mint = mint = Mint(options.seed, "account")
        self.integration_sid = mint.sid("II", "integration")
        self.token = mint.jwt(
            {
                "iss": "invigilate-sandbox",
                "sub": self.integration_sid,
                "iat": _PAST - 86_400,
                "exp": _PAST if options.expired_token else _FUTURE,
            }
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """See `State`."""
        return {"token": self.token, "install_sid": self.install.sid}

    @property
    def identifiers(self) -> Mapping[str, str]:
        """See `State`."""
        with self.install.lock:
            session = self.install.open_sessions[0]
            course = session.exam.course
            return {
                "exam_sid": session.exam.sid,
                "session_sid": session.sid,
                "enrollment_sid": session.enrollment_sid,
                "user_sid": session.user.sid,
                "course_sid": course.sid,
                "offering_sid": course.offering.sid,
                "section_sid": self.install.catalog.enrollments[session.enrollment_sid].section_sid,
                "exam_configuration_sid": self.install.configurations.of(session.exam)[0].sid,
                "time_zone_sid": self.install.time_zone_sid,
                "integration_sid": self.integration_sid,
                "other_install_sid": self.other_install.sid,
                "example_install_sid": self._examples.sid,
            }

    @property
    def credentials(self) -> Mapping[str, str]:
        """See `State`."""
        return {"token": self.token}

    @property
    def controls(self) -> Mapping[str, Control]:
        """See `State`."""
        return {
            "GET /ledger": lambda _: list(self.ledger),
            "POST /sessions/{session_sid}/close": lambda variables: self.close_session(variables["session_sid"]),
        }

    def close(self) -> None:
        """See `State`."""

    def render_error(self, problem: Problem) -> dict[str, object]:
        """See `State`."""
        return {"code": problem.code, "message": problem.message, "status": problem.status}

    def expire_token(self, status: int | None) -> None:
        """Refuse the token with a status from now on; None accepts it again."""
        with self._lock:
            self._expired = status

    def authenticate(self, headers: Mapping[str, str], query: str, security: tuple[tuple[str, ...], ...]) -> None:
        """See `State`."""
        sent = headers.get("token", "")
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            status = 401 if self.behaviour.flips("token-refusal") else 403
            raise _refused(status, "The token is missing or invalid.")
        if self._expired is not None:
            infer("token-expiry")
            raise _refused(self._expired, "The token has expired.")

    def anticipate(self, operation_id: str, call: Call) -> None:
        """Have the session of a request booked before, if the behavior and the seed say so.

        Raises:
            Problem: there is no such session, or its status does not allow it.
        """
        if operation_id in ("scheduleExamSession", "rescheduleExamSession"):
            install = self.find_install(call)
            exam, session = call.path["examSid"], call.path["sessionSid"]
            with install.lock:
                if install.is_booked_before(session):
                    install.book_before(exam, session, call.body, move=operation_id == "rescheduleExamSession")

    def sign_on(self, user_sid: str) -> dict[str, object]:
        """A sign-on for a person, another one each time."""
        with self._lock:
            token = self._mint.secret(f"signon/{user_sid}", self._signons)
            self._signons += 1
        return {"redirect": f"https://signon.example.com/start?token={token}", "token": token}

    def is_integration(self, sid: str) -> bool:
        """Whether an integration can sign people on."""
        return sid.lower() in (self.integration_sid.lower(), self._example_sids.get("II", "").lower())

    def onboarding_url(self, session_sid: str) -> str:
        """A URL for the start of a session, another one each time."""
        with self._lock:
            secret = self._mint.secret(f"onboarding/{session_sid}", self.onboarding_urls_issued)
            self.onboarding_urls_issued += 1
        return f"https://onboarding.example.com/{secret}"

    def close_session(self, session_sid: str) -> None:
        """Close a scheduled session of any install.

        Raises:
            Problem: there is no such session, or it is not scheduled.
        """
        for install in self.installs.values():
            with install.lock:
                if install.close(session_sid):
                    return
        raise missing("The exam session")

    def find_install(self, call: Call) -> Install:
        """The install in a request's path.

        Raises:
            Problem: there is no such install.
        """
        install = self.installs.get(call.path["installSid"])
        if install is None:
            raise missing("The install")
        return install

    def report(self, install: Install) -> Report:
        """The report of an install."""
        return self._reports[install.sid]


def successful(install: Install) -> str:
    """The string that some operations return."""
    return "OK" if install.behaviour.flips("success-string") else "Successful"


@cache
def example_sids(document: Document) -> Mapping[str, str]:
    """The SIDs of the spec's examples, by prefix."""
    found: dict[str, str] = {}
    for name, node in walk(document.content.get("components", {}).get("schemas", {})):
        if name in ("example", "examples"):
            for _, value in walk(node):
                if isinstance(value, str) and _SID.fullmatch(value):
                    found.setdefault(value[:2], value)
    for _, value in walk(document.content["paths"]):
        if isinstance(value, str) and _SID.fullmatch(value):
            found.setdefault(value[:2], value)
    return found


def _refused(status: int, message: str) -> Problem:
    if status == 401:
        challenge = 'Bearer realm="smarterservices", error="invalid_token"'
        return Problem(401, INVALID_TOKEN, message, {"WWW-Authenticate": challenge})
    return Problem(status, AUTHENTICATION_FAILED, message)
