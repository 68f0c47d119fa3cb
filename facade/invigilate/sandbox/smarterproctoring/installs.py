"""An install: its catalog, its sessions, and which of them are in the report."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from invigilate.sandbox.behaviours import Behaviour
from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.problems import missing
from invigilate.sandbox.times import Clock, from_milliseconds, write_milliseconds

from .archive import NEVER, SERVICE_TYPES, STATUSES, Archive
from .catalog import FIRST_COURSE, FIRST_EXAM, OFFERINGS, USERS, Catalog, Course, Enrollment, Exam
from .configurations import Configurations
from .sessions import NEEDS_PROCTOR, PENDING_APPROVAL, REMOVED, Session, report_row

_BEFORE = timedelta(hours=1)


@dataclass(slots=True)
class _Waiting:
    """A change that reads do not show yet.

    Attributes:
        session: the session after the change.
        hidden: whether the change has been made and is only not visible; otherwise it is still to come.
        reads: number of reads that still show the former state.
        due: the time before which it is not shown.
    """

    session: Session
    hidden: bool
    reads: int
    due: datetime


class Install:
    """One application install. Callers that read or change its sessions hold `lock`.

    Attributes:
        sid: SID of the install.
        catalog: offerings, courses, exams and people.
        configurations: the rules of the exams.
        archive: the sessions that were booked before.
        lock: guards everything that can change.
        live: by position in the report, the sessions that have changed.
        version: number of visible changes so far.
        behaviour: what changes lead to, and when they are visible.
        mint: creates its identifiers.
        open_sessions: sessions that were created without a booking.
    """

    def __init__(
        self,
        seed: int,
        name: str,
        *,
        report_rows: int,
        open_sessions: int,
        clock: Clock,
        behaviour: Behaviour,
        sids: Mapping[str, str] | None = None,
    ) -> None:
        """Create an install. Its first open session and all that belongs to it have the SIDs in `sids`, by prefix."""
        mint = Mint(seed, f"install/{name}")
        _pin(mint, sids or {})
        self.sid = mint.sid("AI", "install")
        self.catalog = Catalog(mint)
        self.configurations = Configurations(mint)
        self.archive = Archive(mint, self.catalog, report_rows)
        self.lock = threading.RLock()
        self.live: dict[int, Session] = {}
        self.version = 0
        self.behaviour = behaviour
        self.clock = clock
        self.mint = mint
        self._added = 0
        # Per session, in the order in which they become visible.
        self._waiting: dict[str, list[_Waiting]] = {}
        self._gone: set[int] = set()
        self.open_sessions = [self._open_session(index) for index in range(open_sessions)]
        self._sessions = {session.sid: session for session in self.open_sessions}
        # By exam and enrollment, the sessions that are not from the archive.
        self._sittings: dict[tuple[str, str], list[str]] = {}
        for session in self.open_sessions:
            self._sittings.setdefault((session.exam.sid, session.enrollment_sid), []).append(session.sid)

    @property
    def report_size(self) -> int:
        """Number of rows in the report without filters."""
        return self.archive.size + self._added

    def read(self, exam_sid: str, session_sid: str) -> Session:
        """Read the session of an exam.

        Raises:
            Problem: there is no such exam, or it has no such session.
        """
        self.settle()
        session = self._find(exam_sid, session_sid)
        if self.behaviour.touches_edit_date:
            session.edited = self.clock()
        self._count_read(session.sid)
        return session

    @property
    def time_zone_sid(self) -> str:
        """SID of the install's time zone."""
        return self.mint.sid("TZ", "time-zone")

    def learners(self, course: Course) -> list[Enrollment]:
        """The enrollments of a course that take exams."""
        return [each for each in self.catalog.enrollments.values() if each.course is course and each.role == "learner"]

    def retitled(self) -> None:
        """Note that a course or an exam has another title."""
        self.catalog.version += 1

    def read_sittings(self, exam: Exam, enrollment: Enrollment) -> list[Session]:
        """Read the sessions of an enrollment for an exam, in the order in which they were created."""
        self.settle()
        sids = self._sittings.get((exam.sid, enrollment.sid), ())
        found = [*self.archive.sids_of(exam.index, enrollment.user.index), *sids]
        return [self.read(exam.sid, sid) for sid in found]

    def assign(self, exam: Exam, enrollment: Enrollment) -> None:
        """Add a session of an exam for an enrollment, unless it has an active one."""
        self.settle()
        sids = self._sittings.get((exam.sid, enrollment.sid), ())
        if not any(self.latest(self._sessions[sid]).is_active for sid in sids):
            self._add_session(exam, enrollment)

    def fill(self, exam: Exam, enrollment: Enrollment) -> None:
        """Add a session of an exam for an enrollment that takes it, unless it ever had one."""
        due = not exam.limited or enrollment.sid in exam.assigned
        if due and enrollment.role == "learner" and (exam.sid, enrollment.sid) not in self._sittings:
            self._add_session(exam, enrollment)

    def withdraw(self, exam: Exam, enrollment: Enrollment) -> None:
        """Cancel the active sessions of an enrollment for an exam, because it has lost the exam."""
        self.settle()
        sids = self._sittings.get((exam.sid, enrollment.sid), ())
        for sid in (*self.archive.sids_of(exam.index, enrollment.user.index), *sids):
            session = self.to_change(exam.sid, sid)
            if session.is_active:
                session.withdraw(REMOVED, self.clock, self.behaviour)
                self.changed(session)

    def close(self, session_sid: str) -> bool:
        """Close a session. Returns whether there is one with that SID.

        Raises:
            Problem: it is not scheduled.
        """
        self.settle()
        found = self._sessions.get(session_sid) or self._from_archive(session_sid)
        if found is None:
            return False
        session = self.to_change(found.exam.sid, session_sid)
        session.close(self.clock)
        self.changed(session, at_once=True)
        return True

    def read_report(self) -> None:
        """Note that the report is read now, which shows all sessions."""
        self.settle()
        for sid in self._waiting:
            self._count_read(sid)

    def to_change(self, exam_sid: str, session_sid: str) -> Session:
        """A copy of the session of an exam as it really is; call `changed` after changing it.

        Raises:
            Problem: there is no such exam, or it has no such session.
        """
        self.settle()
        session = self._find(exam_sid, session_sid)
        # Reads may still show the former state.
        return self.latest(session).copy()

    def latest(self, session: Session) -> Session:
        """A session as it really is."""
        hidden = [each.session for each in self._waiting.get(session.sid, ()) if each.hidden]
        return hidden[-1] if hidden else self._sessions.get(session.sid, session)

    def changed(self, session: Session, *, at_once: bool = False) -> None:
        """Replace a session, visible when the behavior says so, or at once."""
        behaviour, due = self.behaviour, self.clock()
        waiting: list[_Waiting] = []
        if behaviour.is_late and not at_once:
            due += timedelta(seconds=behaviour.visible_after)
            waiting.append(_Waiting(session, True, behaviour.visible_after_reads, due))
        if session.status == PENDING_APPROVAL and behaviour.approval == "later":
            approved = session.copy()
            due += timedelta(seconds=behaviour.approved_after)
            approved.approve(due)
            waiting.append(_Waiting(approved, False, behaviour.approved_after_reads, due))
        self._waiting.pop(session.sid, None)
        if not (waiting and waiting[0].hidden):
            self._show(session)
        if waiting:
            self._waiting[session.sid] = waiting

    def book_before(self, exam_sid: str, session_sid: str, body: Mapping[str, Any], *, move: bool = False) -> None:
        """Have a session scheduled (or moved) an hour ago, as the body of a request asks. Nothing is charged.

        Raises:
            Problem: there is no such session, or it cannot be scheduled (or moved).
        """

        def before() -> datetime:
            return self.clock() - _BEFORE

        session = self.to_change(exam_sid, session_sid)
        (session.reschedule if move else session.schedule)(body, before, Behaviour())
        self.changed(session, at_once=True)

    def is_booked_before(self, session_sid: str) -> bool:
        """Whether the behavior and the seed say that a session was booked before."""
        share = self.mint.number(f"before/{session_sid}") / (1 << 128)
        return share < self.behaviour.scheduled_before

    def settle(self) -> None:
        """Show the changes that are due."""
        if not self._waiting:
            return
        now = self.clock()
        for sid, waiting in tuple(self._waiting.items()):
            while waiting and waiting[0].reads <= 0 and waiting[0].due <= now:
                self._show(waiting.pop(0).session)
            if not waiting:
                del self._waiting[sid]

    def _count_read(self, sid: str) -> None:
        for waiting in self._waiting.get(sid, ())[:1]:
            waiting.reads -= 1

    def _find(self, exam_sid: str, session_sid: str) -> Session:
        if self.catalog.exam(exam_sid) is None:
            raise missing("The exam")
        session = self._sessions.get(session_sid) or self._from_archive(session_sid)
        if session is None or session.exam.sid != exam_sid:
            raise missing("The exam session")
        return session

    def _show(self, session: Session) -> None:
        shown = self._sessions.get(session.sid)
        if session.position is None and shown is not None:
            session.position = shown.position
        if session.position is None and session.in_report:
            session.position = self.report_size
            self._added += 1
        self._sessions[session.sid] = session
        if session.position is not None:
            self.live[session.position] = session
            self._gone.discard(session.position)
            if not session.in_report:
                self._gone.add(session.position)
        self.version += 1

    @property
    def has_gaps(self) -> bool:
        """Whether a session has left the report again."""
        return bool(self._gone)

    @property
    def bookable_sessions(self) -> list[Session]:
        """The sessions that wait for a booking at this moment."""
        self.settle()
        return [session for session in self.open_sessions if self.latest(session).status == NEEDS_PROCTOR]

    def report_row(self, position: int) -> dict[str, object]:
        """The row at a position of the report."""
        session = self.live.get(position)
        if session is not None:
            return session.report_row()
        row = self.archive.row(position)
        return report_row(
            sid=self.archive.sid(position),
            status=STATUSES[row.status],
            reason=row.reason,
            billable=row.billable,
            module=row.scheduling_module,
            service=SERVICE_TYPES[row.service],
            appointment=write_milliseconds(row.appointment),
            closed=None if row.closed == NEVER else write_milliseconds(row.closed),
            cancelled=None if row.cancelled == NEVER else write_milliseconds(row.cancelled),
            exam=self.catalog.exams[row.exam],
            user=self.catalog.users[row.user],
        )

    def _open_session(self, index: int) -> Session:
        # Open sessions are of the last term, spread over its exams.
        offering = self.catalog.offerings[-1]
        exams = [exam for exam in self.catalog.exams if exam.course.offering is offering]
        exam = exams[index % len(exams)]
        user = self.catalog.users[self.mint.number("open/user", index) % USERS]
        return Session(
            install_sid=self.sid,
            sid=self.mint.sid("ES", "open", index),
            enrollment_sid=self.catalog.enrollment_sid(user, exam.course),
            exam=exam,
            user=user,
            created=offering.created,
            access_key=self.mint.secret("access", index)[:12],
        )

    def _add_session(self, exam: Exam, enrollment: Enrollment) -> None:
        index = len(self.open_sessions)
        session = Session(
            install_sid=self.sid,
            sid=self.mint.sid("ES", "open", index),
            enrollment_sid=enrollment.sid,
            exam=exam,
            user=enrollment.user,
            created=self.clock(),
            access_key=self.mint.secret("access", index)[:12],
        )
        self.open_sessions.append(session)
        self._sessions[session.sid] = session
        self._sittings.setdefault((exam.sid, enrollment.sid), []).append(session.sid)

    def _from_archive(self, sid: str) -> Session | None:
        position = self.archive.position(sid)
        if position is None:
            return None
        row = self.archive.row(position)
        exam = self.catalog.exams[row.exam]
        user = self.catalog.users[row.user]
        appointment, minutes = from_milliseconds(row.appointment), self.archive.minutes(position)
        return Session(
            install_sid=self.sid,
            sid=sid,
            enrollment_sid=self.catalog.enrollment_sid(user, exam.course),
            exam=exam,
            user=user,
            created=appointment - timedelta(days=30),
            access_key=self.mint.secret("archive/access", position)[:12],
            status=STATUSES[row.status],
            reason=row.reason,
            type=row.scheduling_module,
            service=SERVICE_TYPES[row.service],
            billable=row.billable,
            appointment=appointment,
            appointment_end=appointment + timedelta(minutes=minutes),
            minutes=minutes,
            scheduled=appointment - timedelta(days=14),
            closed=None if row.closed == NEVER else from_milliseconds(row.closed),
            cancelled=None if row.cancelled == NEVER else from_milliseconds(row.cancelled),
            position=position,
        )


def _pin(mint: Mint, sids: Mapping[str, str]) -> None:
    user = mint.number("open/user", 0) % USERS
    purposes = {
        "AI": ("install", 0),
        "ES": ("open", 0),
        "EX": ("exam", FIRST_EXAM),
        "EC": ("configuration", FIRST_EXAM),
        "CU": ("course", FIRST_COURSE),
        "CO": ("offering", OFFERINGS - 1),
        "US": ("user", user),
        "EN": ("enrollment", FIRST_COURSE * USERS + user),
        "CS": ("section", FIRST_COURSE * 2 + user % 2),
        "TZ": ("time-zone", 0),
        "AD": ("deployment", 0),
        "TS": ("proctor-type", 0),
    }
    for prefix, (purpose, index) in purposes.items():
        if prefix in sids:
            mint.pin(prefix, purpose, index, sids[prefix])
