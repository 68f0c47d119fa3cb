"""An install: its catalogue, its sessions, and which of them stand in the report."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .archive import NEVER, SERVICE_TYPES, STATUSES, Archive
from .behaviours import Behaviour
from .catalogue import USERS, Catalogue, Course, Enrollment, Exam
from .configurations import Configurations
from .identifiers import Mint
from .problems import missing
from .sessions import PENDING_APPROVAL, REMOVED, Session, report_row
from .times import Clock, from_milliseconds, write_milliseconds

_BEFORE = timedelta(hours=1)


@dataclass(slots=True)
class _Waiting:
    """A change that was made and that reads do not show yet.

    Attributes:
        session: the session as it will be.
        hidden: whether it is so already, and is only not seen; otherwise it has not come to that.
        reads: number of reads that still show the former state.
        due: the time before which it is not shown.
    """

    session: Session
    hidden: bool
    reads: int
    due: datetime


class Install:
    """One application install. Whoever reads or changes its sessions holds `lock`.

    Attributes:
        sid: SID of the install.
        catalogue: offerings, courses, exams and people.
        configurations: the rules of the exams.
        archive: the sessions that nobody has touched.
        lock: guards everything that can change.
        live: by position in the report, the sessions that were touched.
        version: number of changes so far that can be seen.
        behaviour: what comes of changes, and when it is seen.
        mint: makes its identifiers.
        open_sessions: sessions that waited for a booking from the start, or since they were added.
    """

    def __init__(
        self, seed: int, name: str, *, report_rows: int, open_sessions: int, clock: Clock, behaviour: Behaviour
    ) -> None:
        mint = Mint(seed, f"install/{name}")
        self.sid = mint.sid("AI", "install")
        self.catalogue = Catalogue(mint)
        self.configurations = Configurations(mint)
        self.archive = Archive(mint, self.catalogue, report_rows)
        self.lock = threading.RLock()
        self.live: dict[int, Session] = {}
        self.version = 0
        self.behaviour = behaviour
        self.clock = clock
        self.mint = mint
        self._added = 0
        # Per session, in the order in which they will be seen.
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
        """The session of an exam as it is seen by someone who reads it.

        Raises:
            Problem: if there is no such exam, or it has no such session.
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
        return [
            each for each in self.catalogue.enrollments.values() if each.course is course and each.role == "learner"
        ]

    def retitled(self) -> None:
        """Say that a course or an exam has another title."""
        self.catalogue.version += 1

    def read_sittings(self, exam: Exam, enrollment: Enrollment) -> list[Session]:
        """The sessions of an enrollment for an exam as someone sees them who reads them, in the order they came."""
        self.settle()
        sids = self._sittings.get((exam.sid, enrollment.sid), ())
        found = [*self.archive.sids_of(exam.index, enrollment.user.index), *sids]
        return [self.read(exam.sid, sid) for sid in found]

    def assign(self, exam: Exam, enrollment: Enrollment) -> None:
        """Give an enrollment a session of an exam, unless it has an active one."""
        self.settle()
        sids = self._sittings.get((exam.sid, enrollment.sid), ())
        if not any(self.latest(self._sessions[sid]).is_active for sid in sids):
            self._add_session(exam, enrollment)

    def fill(self, exam: Exam, enrollment: Enrollment) -> None:
        """Give an enrollment a session of an exam that is due to it, unless it ever had one."""
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
                session.withdraw(REMOVED, self.clock)
                self.changed(session)

    def close(self, session_sid: str) -> bool:
        """Close a session; whether there is one of that SID.

        Raises:
            Problem: if it is not scheduled.
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
        """Say that the report is read now, which shows all sessions."""
        self.settle()
        for sid in self._waiting:
            self._count_read(sid)

    def to_change(self, exam_sid: str, session_sid: str) -> Session:
        """The session of an exam as it really is. Whoever has changed it calls `changed`.

        Raises:
            Problem: if there is no such exam, or it has no such session.
        """
        self.settle()
        session = self._find(exam_sid, session_sid)
        # Readers may go on seeing the former state, so a copy is changed.
        return self.latest(session).copy()

    def latest(self, session: Session) -> Session:
        """A session as it really is."""
        hidden = [each.session for each in self._waiting.get(session.sid, ()) if each.hidden]
        return hidden[-1] if hidden else self._sessions.get(session.sid, session)

    def changed(self, session: Session, *, at_once: bool = False) -> None:
        """Say what a session is from now on, and let it be seen when the behaviour says so, or at once."""
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
        """Let a session stand since an hour ago as a request to schedule it (or to move it) asks. Nothing is charged.

        Raises:
            Problem: if there is no such session, or it cannot be scheduled (or moved).
        """

        def before() -> datetime:
            return self.clock() - _BEFORE

        session = self.to_change(exam_sid, session_sid)
        (session.reschedule if move else session.schedule)(body, before, Behaviour())
        self.changed(session, at_once=True)

    def is_booked_before(self, session_sid: str) -> bool:
        """Whether the behaviour and the seed say that a session was booked before."""
        share = self.mint.number(f"before/{session_sid}") / (1 << 128)
        return share < self.behaviour.scheduled_before

    def settle(self) -> None:
        """Let everything be seen whose time has come."""
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
        if self.catalogue.exam(exam_sid) is None:
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
        """Whether some session has left the report again."""
        return bool(self._gone)

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
            exam=self.catalogue.exams[row.exam],
            user=self.catalogue.users[row.user],
        )

    def _open_session(self, index: int) -> Session:
        # Sessions that wait are of the last term, spread over its exams.
        offering = self.catalogue.offerings[-1]
        exams = [exam for exam in self.catalogue.exams if exam.course.offering is offering]
        exam = exams[index % len(exams)]
        user = self.catalogue.users[self.mint.number("open/user", index) % USERS]
        return Session(
            install_sid=self.sid,
            sid=self.mint.sid("ES", "open", index),
            enrollment_sid=self.catalogue.enrollment_sid(user, exam.course),
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
        exam = self.catalogue.exams[row.exam]
        user = self.catalogue.users[row.user]
        appointment = from_milliseconds(row.appointment)
        return Session(
            install_sid=self.sid,
            sid=sid,
            enrollment_sid=self.catalogue.enrollment_sid(user, exam.course),
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
            appointment_end=appointment + timedelta(minutes=exam.minutes),
            scheduled=appointment - timedelta(days=14),
            closed=None if row.closed == NEVER else from_milliseconds(row.closed),
            cancelled=None if row.cancelled == NEVER else from_milliseconds(row.cancelled),
            position=position,
        )
