"""An install: its catalogue, its sessions, and which of them stand in the report."""

from __future__ import annotations

import threading
from datetime import timedelta

from .archive import NEVER, SERVICE_TYPES, STATUSES, Archive
from .catalogue import USERS, Catalogue
from .identifiers import Mint
from .problems import missing
from .sessions import Session, report_row
from .times import from_milliseconds, write_milliseconds


class Install:
    """One application install. Whoever reads or changes its sessions holds `lock`.

    Attributes:
        sid: SID of the install.
        catalogue: offerings, courses, exams and people.
        archive: the sessions that nobody has touched.
        lock: guards everything that can change.
        live: by position in the report, the sessions that were touched.
        version: number of changes so far.
        open_sessions: sessions that wait for a booking from the start.
    """

    def __init__(self, seed: int, name: str, *, report_rows: int, open_sessions: int) -> None:
        mint = Mint(seed, f"install/{name}")
        self.sid = mint.sid("AI", "install")
        self.catalogue = Catalogue(mint)
        self.archive = Archive(mint, self.catalogue, report_rows)
        self.lock = threading.RLock()
        self.live: dict[int, Session] = {}
        self.version = 0
        self._mint = mint
        self._added = 0
        self.open_sessions = [self._open_session(index) for index in range(open_sessions)]
        self._sessions = {session.sid: session for session in self.open_sessions}

    @property
    def report_size(self) -> int:
        """Number of rows in the report without filters."""
        return self.archive.size + self._added

    def session(self, exam_sid: str, session_sid: str) -> Session:
        """The session of an exam.

        Raises:
            Problem: if there is no such exam, or it has no such session.
        """
        if self.catalogue.exam(exam_sid) is None:
            raise missing("The exam")
        session = self._sessions.get(session_sid) or self._from_archive(session_sid)
        if session is None or session.exam.sid != exam_sid:
            raise missing("The exam session")
        return session

    def changed(self, session: Session) -> None:
        """Say that a session was changed: from now on the report shows it as it is."""
        self._sessions[session.sid] = session
        if session.position is None:
            session.position = self.report_size
            self._added += 1
        self.live[session.position] = session
        self.version += 1

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
        user = self.catalogue.users[self._mint.number("open/user", index) % USERS]
        return Session(
            install_sid=self.sid,
            sid=self._mint.sid("ES", "open", index),
            enrollment_sid=self.catalogue.enrollment_sid(user, exam.course),
            exam=exam,
            user=user,
            created=offering.created,
            access_key=self._mint.secret("access", index)[:12],
        )

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
            access_key=self._mint.secret("archive/access", position)[:12],
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
