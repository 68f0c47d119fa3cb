"""Exam sessions: their state, how it changes, and how the API shows it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from invigilate.sandbox.behaviours import Behaviour
from invigilate.sandbox.inventions import infer
from invigilate.sandbox.problems import Problem, conflict, invalid
from invigilate.sandbox.times import Clock, parse, to_milliseconds, write

from .archive import NEVER, SERVICE_TYPES, STATUSES
from .catalog import Exam, User

NEEDS_PROCTOR = "Needs Proctor"
SCHEDULED = "Scheduled"
PENDING_APPROVAL = "Pending Approval"
CLOSED = "Closed"
CANCELLED = "Cancelled"
REMOVED = "removed-by-limited-scope"
"""The documented reason of a session that is canceled because its enrollment has lost the exam."""

# No page says which session type becomes which service type of the report.
SERVICE_OF_TYPE: dict[str | None, str] = {
    None: "automated",
    "automated": "automated",
    "b-virtual": "live",
    "ad-hoc": "ad-hoc",
    "instructor-as-proctor": "ad-hoc",
    "messaging": "messaging",
    "register-blast": "register-blast",
    "vtc": "virtual-test-center",
    "proctoru": "proctoru",
    "examity": "live",
    "smarter-scheduling": "live",
}
_PROCTOR = ("company", "firstName", "lastName", "email", "phone")
_PLACE = (
    "address1", "address2", "place", "region", "country", "locationLatitude",
    "locationLongitude", "postalCode",
)  # fmt: skip


@dataclass(eq=False, slots=True)
class Session:
    """An exam session that can change."""

    install_sid: str
    sid: str
    enrollment_sid: str
    exam: Exam
    user: User
    created: datetime
    access_key: str
    status: str = NEEDS_PROCTOR
    reason: str | None = None
    type: str | None = None
    service: str | None = None
    """Service type in the report, where the session's type does not decide it."""
    billable: bool = True
    appointment: datetime | None = None
    appointment_end: datetime | None = None
    scheduled: datetime | None = None
    approved: datetime | None = None
    edited: datetime | None = None
    closed: datetime | None = None
    cancelled: datetime | None = None
    notes: str | None = None
    locale: str | None = None
    external_appointment_id: str | None = None
    instructor_proctor_sid: str | None = None
    proctor_type_sid: str | None = None
    policy_version_sid: str | None = None
    location_sid: str | None = None
    message_sid: str | None = None
    proctor: dict[str, Any] = field(default_factory=dict[str, Any])
    place: dict[str, Any] = field(default_factory=dict[str, Any])
    minutes: float | None = None
    """Duration of the appointment, fixed when it was booked."""
    position: int | None = None
    """Position in the report, once the session is in it."""

    @property
    def service_type(self) -> str:
        """The service type of the report."""
        return self.service or SERVICE_OF_TYPE[self.type]

    @property
    def in_report(self) -> bool:
        """Whether the report shows the session: not before it was booked, and not in every status."""
        return self.status in STATUSES and self.scheduled is not None

    @property
    def is_active(self) -> bool:
        """Whether the session is neither closed nor canceled."""
        return self.status not in (CLOSED, CANCELLED)

    def copy(self) -> Session:
        """A copy of the session as it is now."""
        twin = copy.copy(self)
        twin.proctor, twin.place = dict(self.proctor), dict(self.place)
        return twin

    def schedule(self, body: Mapping[str, Any], clock: Clock, behaviour: Behaviour) -> None:
        """Book the session.

        Raises:
            Problem: it is booked already, or over.
        """
        infer("bookable-status")
        if self.status in (SCHEDULED, PENDING_APPROVAL):
            if not behaviour.flips("second-booking"):
                raise self._refusal("scheduled", behaviour)
        elif self.status != NEEDS_PROCTOR:
            raise self._refusal("scheduled", behaviour)
        start = _time(body, "appointmentDateTime")
        moment = clock()
        self._book(start, None, behaviour)
        self._note(body)
        self.status = SCHEDULED if behaviour.approval == "none" else PENDING_APPROVAL
        self.scheduled = self.edited = moment
        self.locale = body.get("examLocale", self.locale)
        self.external_appointment_id = body.get("externalAppointmentId")
        self.instructor_proctor_sid = body.get("instructorProctorSid")
        self.proctor_type_sid = body.get("proctorTypeSubCategorySid")
        self.policy_version_sid = body.get("cancellationPolicyVersionSid")
        self.location_sid = body.get("proctorLocationSid")
        self.message_sid = body.get("messageSid")

    def approve(self, moment: datetime) -> None:
        """Approve the booking."""
        self.status = SCHEDULED
        self.approved = self.edited = moment

    def reschedule(self, body: Mapping[str, Any], clock: Clock, behaviour: Behaviour) -> None:
        """Move a booked session.

        Raises:
            Problem: it is not booked.
        """
        if self.status != SCHEDULED:
            raise self._refusal("rescheduled", behaviour)
        names = ["appointmentStartDateTime", "appointmentDateTime"]
        if behaviour.flips("reschedule-time"):
            names.reverse()
        start = _time(body, names[0]) or _time(body, names[1])
        end = _time(body, "appointmentEndDateTime")
        if start is not None or end is not None:
            self._book(start or self.appointment, end, behaviour)
        self._note(body)
        self.edited = clock()

    def cancel(self, reason: str | None, clock: Clock, behaviour: Behaviour) -> None:
        """Cancel a booked session.

        Raises:
            Problem: it is not booked.
        """
        if self.status != SCHEDULED:
            raise self._refusal("cancelled", behaviour)
        if behaviour.flips("canceled-status") or behaviour.cancelled_to == NEEDS_PROCTOR:
            self.status, self.reason = NEEDS_PROCTOR, None
            self.appointment = self.appointment_end = self.approved = self.minutes = None
            self.edited = clock()
        else:
            self.withdraw(reason, clock, behaviour)

    def withdraw(self, reason: str | None, clock: Clock, behaviour: Behaviour) -> None:
        """Cancel the session, whatever its status is."""
        self.status, self.reason = CANCELLED, reason
        self.billable = self.billable and behaviour.flips("canceled-billable")
        self.cancelled = self.edited = clock()

    def close(self, clock: Clock) -> None:
        """Close the booked session.

        Raises:
            Problem: it is not booked.
        """
        if self.status != SCHEDULED:
            raise conflict(f"The session is {self.status}, so it cannot be closed.")
        self.status, self.reason = CLOSED, "Completed"
        self.closed = self.edited = clock()

    def in_short(self) -> dict[str, object]:
        """The session as the list of an enrollment shows it."""
        return {
            "sid": self.sid,
            "status": self.status,
            "sessionType": self.type,
            "appointmentDate": write(self.appointment),
            "createdDate": write(self.created),
            "editDate": write(self.edited or self.created),
        }

    def _book(self, start: datetime | None, end: datetime | None, behaviour: Behaviour) -> None:
        self.minutes = self.exam.minutes
        if end is None and start is not None and not behaviour.flips("appointment-end"):
            try:
                end = start + timedelta(minutes=self.minutes)
            except OverflowError:
                raise invalid("The appointment would end after the year 9999.") from None
        self.appointment = None if start is None else behaviour.appointment(start)
        self.appointment_end = None if end is None else behaviour.appointment(end)

    def _refusal(self, change: str, behaviour: Behaviour) -> Problem:
        message = f"The session is {self.status}, so it cannot be {change}."
        return invalid(message) if behaviour.flips("conflict-status") else conflict(message)

    def _note(self, body: Mapping[str, Any]) -> None:
        self.notes = body.get("notes", self.notes)
        if "type" in body:
            self.type, self.service = body["type"], None
        self.proctor.update({name: body[name] for name in _PROCTOR if name in body})
        self.place.update({name: body[name] for name in _PLACE if name in body})

    def columns(self) -> tuple[int, int, int, int, int, int, int]:
        """The values that the report's filters and sorts need, in the order of its columns."""
        return (
            SERVICE_TYPES.index(self.service_type),
            STATUSES.index(self.status),
            self.exam.index,
            self.user.index,
            NEVER if self.appointment is None else to_milliseconds(self.appointment),
            NEVER if self.closed is None else to_milliseconds(self.closed),
            int(self.billable),
        )

    def report_row(self) -> dict[str, object]:
        """The session as the report shows it."""
        return report_row(
            sid=self.sid,
            status=self.status,
            reason=self.reason,
            billable=self.billable,
            module=self.type,
            service=self.service_type,
            appointment=write(self.appointment),
            closed=write(self.closed),
            cancelled=write(self.cancelled),
            exam=self.exam,
            user=self.user,
        )

    def details(self) -> dict[str, object]:
        """The session with the 67 documented fields."""
        infer("session-fields")
        if self.status == SCHEDULED:
            infer("closing")
        course = self.exam.course
        return {
            "sid": self.sid,
            "installSid": self.install_sid,
            "examSid": self.exam.sid,
            "enrollmentSid": self.enrollment_sid,
            "userSid": self.user.sid,
            "courseSid": course.sid,
            "instructorProctorSid": self.instructor_proctor_sid,
            "proctorTypeSid": self.proctor_type_sid,
            "cancellationPolicySid": None,
            "cancellationPolicyVersionSid": self.policy_version_sid,
            "status": self.status,
            "statusReason": self.reason,
            "accessKey": self.access_key,
            "duration": self.exam.minutes if self.minutes is None else self.minutes,
            "sessionType": self.type,
            "schedulingModule": self.type,
            "proctorReviewProcessSid": None,
            "workflowModule": None if self.type is None else self.service_type,
            "appointmentDate": write(self.appointment),
            "appointmentEndDate": write(self.appointment_end),
            "dateApproved": write(self.approved),
            "dateScheduled": write(self.scheduled),
            "createdDate": write(self.created),
            "inProgressDate": None,
            "externalAppointmentId": self.external_appointment_id,
            "externalReservedAppointmentId": None,
            "externalReservedAppointmentExpires": None,
            "externalAppointmentSyncDate": None,
            "editDate": write(self.edited or self.created),
            "notes": self.notes,
            "recordingStartDate": None,
            "account": None,
            "install": {"sid": self.install_sid},
            "deployment": None,
            "sessionReportCount": 0,
            "series": None,
            "reviewByDate": None,
            "reviewByUserSid": None,
            "reviewCompletedDate": None,
            "reviewRequired": False,
            "reviewCompleteNotificationUrl": None,
            "reviewed": False,
            "proctorGroups": None,
            "URL": f"https://exam.example.com/start/{self.sid}",
            "examLocale": self.locale,
            "platformVersion": None,
            "systemCheckStartDate": None,
            "systemCheckEndDate": None,
            "modalityOptions": {"recordWebcam": True, "recordScreen": True},
            "exam": dict(self.exam.summary),
            "enrollment": {"sid": self.enrollment_sid, "user": dict(self.user.summary)},
            "course": {**course.summary, "courseOffering": course.offering.summary()},
            "examFile": None,
            "returnedFile": None,
            "photos": None,
            "sessionInfo": None,
            "auditStatus": None,
            "examConfiguration": None,
            "proctor": dict(self.proctor) or None,
            "location": self._location(),
            "appointment": None,
            "messagingConfirmations": [],
            "automated": None,
            "interoadsProvisionedExamUrl": None,
            "proctorGroupSid": None,
            "mandatoryRoomScanVideo": False,
            "mutedAnnotations": None,
        }

    def _location(self) -> dict[str, object] | None:
        sid = {} if self.location_sid is None else {"sid": self.location_sid}
        return {**sid, **self.place} or None


def report_row(
    *,
    sid: str,
    status: str,
    reason: str | None,
    billable: bool,
    module: str | None,
    service: str,
    appointment: str | None,
    closed: str | None,
    cancelled: str | None,
    exam: Exam,
    user: User,
) -> dict[str, object]:
    """A row of the service distribution report."""
    return {
        "sid": sid,
        "status": status,
        "statusReason": reason,
        "billable": billable,
        "schedulingModule": module,
        "workflowModule": service,
        "appointmentDate": appointment,
        "dateClosed": closed,
        "dateCancelled": cancelled,
        "exam": exam.summary,
        "course": exam.course.summary,
        "user": user.summary,
        "courseOffering": exam.course.offering.summary(),
        "serviceType": service,
    }


def _time(body: Mapping[str, Any], name: str) -> datetime | None:
    return parse(body[name], name) if name in body else None
