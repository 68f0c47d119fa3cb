"""The sandbox as its users see it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Literal, Self

from . import assignments as _assignments
from . import directory as _directory
from . import proctoring, training
from . import provisioning as _provisioning
from .api import Api
from .behaviours import Behaviour, behaviour_of
from .documents import ApiName, load
from .exchange import Interceptor
from .faults import Faults
from .handler import Service
from .installs import Install
from .listener import LOOPBACK, Listener
from .problems import Problem
from .records import Defect, Journal, Ledger, RecordedRequest
from .sessions import NEEDS_PROCTOR
from .times import Clock, now
from .validation import Specification

# Importing them registers their operations.
_REGISTERED = (_assignments, _directory, _provisioning)
_RECORDED_REQUESTS = 10_000
# Exchanges that are under way when the sandbox closes get this long.
_CLOSING_GRACE = 0.5


@dataclass(frozen=True, slots=True)
class KnownSession:
    """An exam session that waits for its booking, with everything that it belongs to."""

    exam_sid: str
    session_sid: str
    enrollment_sid: str
    user_sid: str
    course_sid: str
    offering_sid: str


class Sandbox:
    """An embedded server for SmarterProctoring and iSpring Learn, on loopback only.

    Same arguments, same data. Starts with `start()` or as a context manager, and can be started
    once.

    Args:
        seed: decides all identifiers, people and report rows.
        report_rows: number of rows in the report at the beginning.
        open_sessions: number of exam sessions that can be scheduled.
        max_limit: largest page of the report; larger limits are cut to it.
        token_lifetime: seconds for which iSpring tokens are good.
        expired_token: hand out a token that has expired, and refuse it with this status: the guides
            say 403 in one place and 401 in another.
        behaviour: a `Behaviour`, or the name of one in `BEHAVIOURS`; `"late_by_reads+rounded_times"` combines two.
        strict: check the sandbox's own answers, too.
        port: port of SmarterProctoring, 0 for a free one.
        ispring_port: port of iSpring Learn, 0 for a free one.
        host: 127.0.0.1; anything else is refused.
        idle_timeout: seconds after which a silent connection is closed.
        clock: tells the time of changes; `datetime`s in UTC.

    Attributes:
        requests: the last 10,000 requests.
        defects: mistakes of the sandbox itself; a test should find none.
        faults: what it is to do wrong, see `invigilate.sandbox.faults`.
        behaviour: how it behaves.
        interceptors: who may intervene in exchanges, see `invigilate.sandbox.exchange`; `faults` is the first.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        report_rows: int = 240,
        open_sessions: int = 200,
        max_limit: int = 1000,
        token_lifetime: float = 1800,
        expired_token: Literal[401, 403] | None = None,
        behaviour: Behaviour | str = "default",
        strict: bool = True,
        port: int = 0,
        ispring_port: int = 0,
        host: str = LOOPBACK,
        idle_timeout: float = 60,
        clock: Clock = now,
    ) -> None:
        if host != LOOPBACK:
            raise ValueError(f"the sandbox serves {LOOPBACK} only")
        if report_rows < 0 or open_sessions < 1 or max_limit < 1:
            raise ValueError("report_rows is at least 0, open_sessions and max_limit at least 1")
        self.requests: Journal[RecordedRequest] = Journal(_RECORDED_REQUESTS)
        self.defects: Journal[Defect] = Journal(_RECORDED_REQUESTS)
        self.faults = Faults(seed)
        self.behaviour = behaviour_of(behaviour)
        self.interceptors: list[Interceptor] = [self.faults]
        self._ports = (port, ispring_port)
        self._idle_timeout = idle_timeout
        self._proctoring = proctoring.ProctoringState(
            seed,
            report_rows=report_rows,
            open_sessions=open_sessions,
            max_limit=max_limit,
            clock=clock,
            expired_token=expired_token,
            behaviour=self.behaviour,
        )
        self._training = training.TrainingState(seed, token_lifetime=token_lifetime)
        self._apis: tuple[Service, ...] = (
            Api(
                _specification("smarterproctoring"),
                proctoring.OPERATIONS,
                self._proctoring,
                _proctoring_error,
                defects=self.defects,
                interceptors=self.interceptors,
                strict=strict,
                anticipate=self._proctoring.anticipate if self.behaviour.scheduled_before else None,
            ),
            Api(
                _specification("ispring-learn"),
                training.OPERATIONS,
                self._training,
                _training_error,
                defects=self.defects,
                interceptors=self.interceptors,
                strict=strict,
            ),
        )
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def start(self) -> Self:
        """Begin to serve.

        Raises:
            RuntimeError: if it was started before.
            OSError: if a port is taken.
        """
        with self._lock:
            if self._listeners:
                raise RuntimeError("a sandbox can be started once; make a new one")
            try:
                for api, port in zip(self._apis, self._ports, strict=True):
                    listener = Listener(api, port, self.requests, self._idle_timeout)
                    self._listeners.append(listener)
                    api.base_url = f"http://{LOOPBACK}:{listener.port}"
            except OSError:
                self.close()
                raise
        self.faults.attach({listener.service.name: listener for listener in self._listeners})
        return self

    def close(self) -> None:
        """Stop serving, within a second. Closing twice does no harm."""
        self.faults.close()
        for listener in self._listeners:
            listener.stop()
        deadline = time.monotonic() + _CLOSING_GRACE
        for listener in self._listeners:
            listener.join(deadline)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """The addresses, and no credentials."""
        return f"<Sandbox {' '.join(api.base_url for api in self._apis) or 'not started'}>"

    @property
    def smarterproctoring_url(self) -> str:
        """Base URL of SmarterProctoring."""
        return self._url(0)

    @property
    def ispring_url(self) -> str:
        """Base URL of iSpring Learn."""
        return self._url(1)

    def _url(self, index: int) -> str:
        if not self._listeners:
            raise RuntimeError("the sandbox has not been started")
        return self._apis[index].base_url

    @property
    def token(self) -> str:
        """The SmarterProctoring token, a JWT."""
        return self._proctoring.token

    def expire_token(self, status: Literal[401, 403] | None = 403) -> None:
        """Refuse the token from now on, with this status; None makes it good again."""
        self._proctoring.expire_token(status)

    @property
    def install_sid(self) -> str:
        """The install with the report and the open sessions."""
        return self._proctoring.install.sid

    @property
    def other_install_sid(self) -> str:
        """Another install, with 12 report rows of its own."""
        return self._proctoring.other_install.sid

    @property
    def open_sessions(self) -> list[KnownSession]:
        """The sessions that wait for a booking at this moment."""
        return _known(self._proctoring.install)

    @property
    def other_open_sessions(self) -> list[KnownSession]:
        """The sessions of the other install that wait for a booking at this moment."""
        return _known(self._proctoring.other_install)

    def schedule_before(self, session: KnownSession, body: Mapping[str, Any]) -> None:
        """Let a session stand scheduled since an hour ago, without a charge.

        Args:
            session: one of `open_sessions`.
            body: the documented body of a request to schedule it.

        Raises:
            ValueError: if it cannot be scheduled.
        """
        install = self._proctoring.install
        try:
            with install.lock:
                install.book_before(session.exam_sid, session.session_sid, body)
        except Problem as problem:
            raise ValueError(problem.message) from None

    def close_session(self, session_sid: str) -> None:
        """Let a scheduled session be over: it stands Closed in the report at once.

        Args:
            session_sid: a session of either install.

        Raises:
            ValueError: if there is no such session, or it is not scheduled.
        """
        for install in (self._proctoring.install, self._proctoring.other_install):
            try:
                with install.lock:
                    if install.close(session_sid):
                        return
            except Problem as problem:
                raise ValueError(problem.message) from None
        raise ValueError("there is no such session")

    @property
    def _first(self) -> KnownSession:
        return _describe(self._proctoring.install, 0)

    @property
    def exam_sid(self) -> str:
        """An exam; `session_sid` is a session of it that can be scheduled."""
        return self._first.exam_sid

    @property
    def session_sid(self) -> str:
        """An exam session of `exam_sid` that can be scheduled once."""
        return self._first.session_sid

    @property
    def enrollment_sid(self) -> str:
        """The enrollment that `session_sid` belongs to."""
        return self._first.enrollment_sid

    @property
    def user_sid(self) -> str:
        """The person that `session_sid` examines."""
        return self._first.user_sid

    @property
    def course_sid(self) -> str:
        """The course of `exam_sid`."""
        return self._first.course_sid

    @property
    def offering_sid(self) -> str:
        """The course offering of `course_sid`, which can be updated."""
        return self._first.offering_sid

    @property
    def section_sid(self) -> str:
        """The section of `course_sid` that `enrollment_sid` is in."""
        install = self._proctoring.install
        with install.lock:
            return install.catalogue.enrollments[self.enrollment_sid].section_sid

    @property
    def exam_configuration_sid(self) -> str:
        """The primary configuration of `exam_sid`."""
        install = self._proctoring.install
        with install.lock:
            return install.configurations.of(install.open_sessions[0].exam)[0].sid

    @property
    def time_zone_sid(self) -> str:
        """The time zone of the install."""
        return self._proctoring.install.time_zone_sid

    @property
    def integration_sid(self) -> str:
        """The integration that `provision` can sign people on with."""
        return self._proctoring.integration_sid

    @property
    def onboarding_urls_issued(self) -> int:
        """Number of onboarding URLs handed out so far, each for one use."""
        return self._proctoring.onboarding_urls_issued

    @property
    def ledger(self) -> Ledger:
        """The charges so far."""
        return self._proctoring.ledger

    @property
    def client_id(self) -> str:
        """Client ID for iSpring Learn."""
        return self._training.client_id

    @property
    def client_secret(self) -> str:
        """Client secret for iSpring Learn."""
        return self._training.client_secret

    @property
    def account_url(self) -> str:
        """The account of iSpring Learn."""
        return self._training.account_url

    @property
    def checklist_id(self) -> str:
        """A checklist with eight training sessions."""
        return self._training.sessions[0].checklist_id

    @property
    def checklist_ids(self) -> list[str]:
        """All checklists."""
        return list(dict.fromkeys(session.checklist_id for session in self._training.sessions))

    @property
    def training_session_ids(self) -> list[str]:
        """All training sessions."""
        return [session.session_id for session in self._training.sessions]

    @property
    def criterion_group_ids(self) -> list[str]:
        """The groups of criteria of `checklist_id`."""
        return self._training.group_ids(self.checklist_id)

    @property
    def criterion_ids(self) -> list[str]:
        """The criteria of `checklist_id`."""
        return self._training.criterion_ids(self.checklist_id)

    @property
    def tokens_issued(self) -> int:
        """Number of iSpring tokens handed out so far."""
        return self._training.tokens_issued

    def revoke_tokens(self) -> None:
        """Make all iSpring tokens invalid that were handed out so far."""
        self._training.revoke_tokens()


@cache
def _specification(name: ApiName) -> Specification:
    # Shared by all sandboxes of the process: compiling it is what starting costs.
    return Specification(load(name))


def _known(install: Install) -> list[KnownSession]:
    with install.lock:
        install.settle()
        return [
            _describe(install, index)
            for index, session in enumerate(install.open_sessions)
            if install.latest(session).status == NEEDS_PROCTOR
        ]


def _describe(install: Install, index: int) -> KnownSession:
    session = install.open_sessions[index]
    course = session.exam.course
    return KnownSession(
        exam_sid=session.exam.sid,
        session_sid=session.sid,
        enrollment_sid=session.enrollment_sid,
        user_sid=session.user.sid,
        course_sid=course.sid,
        offering_sid=course.offering.sid,
    )


def _proctoring_error(problem: Problem) -> dict[str, object]:
    return {"code": problem.code, "message": problem.message, "status": problem.status}


def _training_error(problem: Problem) -> dict[str, object]:
    return {"code": problem.status, "message": problem.message}
