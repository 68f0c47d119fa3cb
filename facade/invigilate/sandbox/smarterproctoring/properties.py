"""The properties of a sandbox that are about SmarterProctoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from invigilate.sandbox.problems import Problem
from invigilate.sandbox.records import Ledger
from invigilate.sandbox.server import Server

from .installs import Install
from .sessions import Session
from .state import ProctoringState


@dataclass(frozen=True, slots=True)
class KnownSession:
    """An exam session that waits for its booking, with everything that it belongs to."""

    exam_sid: str
    session_sid: str
    enrollment_sid: str
    user_sid: str
    course_sid: str
    offering_sid: str


class ProctoringProperties(Server):
    """See `Sandbox`."""

    @property
    def _proctoring(self) -> ProctoringState:
        return self._state_of("smarterproctoring", ProctoringState)

    @property
    def smarterproctoring_url(self) -> str:
        """Base URL of SmarterProctoring."""
        return self.base_url_of("smarterproctoring")

    @property
    def token(self) -> str:
        """The SmarterProctoring token, a JWT."""
        return self._proctoring.token

    def expire_token(self, status: Literal[401, 403] | None = 403) -> None:
        """Refuse the token from now on, with this status; None accepts it again."""
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
    def example_install_sid(self) -> str:
        """The install of the spec's examples: the example SIDs exist in it."""
        return self._proctoring.identifiers["example_install_sid"]

    @property
    def open_sessions(self) -> list[KnownSession]:
        """The sessions that wait for a booking at this moment."""
        return _known(self._proctoring.install)

    @property
    def other_open_sessions(self) -> list[KnownSession]:
        """The sessions of the other install that wait for a booking at this moment."""
        return _known(self._proctoring.other_install)

    def schedule_before(self, session: KnownSession, body: Mapping[str, Any]) -> None:
        """Have a session scheduled an hour ago, without a charge.

        Args:
            session: one of `open_sessions`.
            body: the documented body of a request to schedule it.

        Raises:
            ValueError: it cannot be scheduled.
        """
        install = self._proctoring.install
        try:
            with install.lock:
                install.book_before(session.exam_sid, session.session_sid, body)
        except Problem as problem:
            raise ValueError(problem.message) from None

    def close_session(self, session_sid: str) -> None:
        """Close a scheduled session; the report shows it as Closed at once.

        Args:
            session_sid: a session of any install.

        Raises:
            ValueError: there is no such session, or it is not scheduled.
        """
        try:
            self._proctoring.close_session(session_sid)
        except Problem as problem:
            raise ValueError(problem.message) from None

    @property
    def exam_sid(self) -> str:
        """An exam; `session_sid` is a session of it that can be scheduled."""
        return self._proctoring.identifiers["exam_sid"]

    @property
    def session_sid(self) -> str:
        """An exam session of `exam_sid` that can be scheduled once."""
        return self._proctoring.identifiers["session_sid"]

    @property
    def enrollment_sid(self) -> str:
        """The enrollment that `session_sid` belongs to."""
        return self._proctoring.identifiers["enrollment_sid"]

    @property
    def user_sid(self) -> str:
        """The person that `session_sid` examines."""
        return self._proctoring.identifiers["user_sid"]

    @property
    def course_sid(self) -> str:
        """The course of `exam_sid`."""
        return self._proctoring.identifiers["course_sid"]

    @property
    def offering_sid(self) -> str:
        """The course offering of `course_sid`, which can be updated."""
        return self._proctoring.identifiers["offering_sid"]

    @property
    def section_sid(self) -> str:
        """The section of `course_sid` that `enrollment_sid` is in."""
        return self._proctoring.identifiers["section_sid"]

    @property
    def exam_configuration_sid(self) -> str:
        """The primary configuration of `exam_sid`."""
        return self._proctoring.identifiers["exam_configuration_sid"]

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
        """Number of onboarding URLs issued so far, each for one use."""
        return self._proctoring.onboarding_urls_issued

    @property
    def ledger(self) -> Ledger:
        """The charges so far; `reset()` begins another ledger."""
        return self._proctoring.ledger


def _known(install: Install) -> list[KnownSession]:
    with install.lock:
        return [_describe(session) for session in install.bookable_sessions]


def _describe(session: Session) -> KnownSession:
    course = session.exam.course
    return KnownSession(
        exam_sid=session.exam.sid,
        session_sid=session.sid,
        enrollment_sid=session.enrollment_sid,
        user_sid=session.user.sid,
        course_sid=course.sid,
        offering_sid=course.offering.sid,
    )
