"""The calls of the demo. Their source is what the demo shows, so what is shown is what ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from invigilate import ISpringLearn, SmarterProctoring
from ispring_learn_client.models import JobTrainingSessionResult
from smarterproctoring_client.models import CourseOffering, ExamSession, ServiceDistributionRow


def book(client: SmarterProctoring, exam_sid: str, session_sid: str, when: datetime) -> ExamSession:
    """Book a session and pay for it."""
    return client.exam_sessions.schedule(
        exam_sid=exam_sid,
        session_sid=session_sid,
        type_="b-virtual",
        appointment_date_time=when,  # any time zone; it goes out in UTC
        amount=Decimal("25.00"),
        currency="USD",
        card_token="tok_sandbox_visa",
    )


def move(client: SmarterProctoring, exam_sid: str, session_sid: str, when: datetime) -> str:
    """Give a booked session another time."""
    return client.exam_sessions.reschedule(
        exam_sid=exam_sid,
        session_sid=session_sid,
        appointment_date_time=when,
    )


def rename(client: SmarterProctoring, offering_sid: str, title: str) -> CourseOffering:
    """Give a course offering another title."""
    return client.course_offerings.update(
        offering_sid=offering_sid,
        title=title,
        match_strings=["Fall 2025", "FA25"],
        start_date="2025-08-25T00:00:00Z",
        end_date="2025-12-19T00:00:00Z",
    )


def stream(
    client: SmarterProctoring,
    write: Callable[[Sequence[ServiceDistributionRow]], None],
    progress: Callable[[int, int | None], None],
) -> None:
    """Read the whole report, one page in memory at a time."""
    report = client.reports.service_distribution(limit=500)
    for page in report.pages():
        write(page.rows)
        progress(page.offset + len(page), report.total)


def training(ispring: ISpringLearn, checklist_id: str) -> list[JobTrainingSessionResult]:
    """Read the training sessions of a checklist."""
    return ispring.job_training.list_session_results(checklist_id=checklist_id)
