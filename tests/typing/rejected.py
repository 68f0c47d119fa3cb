"""What both type checkers must refuse: each silenced line is an error for mypy and for pyright. Never run.

mypy complains of a `type: ignore` with nothing to silence, and pyright of a `pyright: ignore`; so a line that one of
them lets pass is an error here.
"""

# ruff: noqa: B018 (what is refused here is whole lines, with both silencers at their end)

from __future__ import annotations

from datetime import date

from invigilate import (
    UNSET,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ISpringLearn,
    Pagination,
    SmarterProctoring,
    parse_ispring_time,
)
from smarterproctoring_client.api.exam_sessions import schedule_exam_session
from smarterproctoring_client.api.reports import get_service_distribution


def wrong_keywords(c: SmarterProctoring, learner: ISpringLearn) -> None:
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", appointmentDateTime="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", type="ad-hoc")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.reschedule(exam_sid="a", session_sid="b", amount=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.reschedule(exam_sid="a", session_sid="b", exam_locale="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.course_offerings.update(offering_sid="a", title="b", match_strings="c", course_sid="d")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.reports.service_distribution(status=["Closed"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.reports.with_raw_response.service_distribution(status=["Closed"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    learner.job_training.list_session_results(checklistId="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.with_options(retries=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.with_options(base_url="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.request("GET", "/v1/x", body={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def wrong_literals(c: SmarterProctoring, learner: ISpringLearn) -> None:
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", type_="B-VIRTUAL")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.reschedule(exam_sid="a", session_sid="b", type_="vtc")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.with_raw_response.reschedule(exam_sid="a", session_sid="b", type_="vtc")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(sort_order="asc")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    learner.job_training.list_session_results(session_status="Passed")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    learner.access_tokens.create(client_id="a", client_secret="b", grant_type="password")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SmarterProctoring(environment="staging")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    parse_ispring_time("05-08-2024, 23:57", order="year-first")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_items(c: SmarterProctoring, learner: ISpringLearn) -> None:
    c.reports.service_distribution(statuses=["closed"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(statuses=["Closed", "Open"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(service_types=["b-virtual"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(sort_keys=["status"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(statuses=[None])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    c.course_offerings.update(offering_sid="a", title="b", match_strings=[5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    learner.job_training.list_session_results(session_ids=[5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    learner.job_training.list_session_results(checklist_id=[b"x"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def wrong_types(c: SmarterProctoring, learner: ISpringLearn) -> None:
    c.exam_sessions.schedule(exam_sid=5, session_sid="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid=None, session_sid="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid=b"EX", session_sid="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", amount="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", amount=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", notes=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", appointment_date_time=date(2026, 3, 4))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", appointment_date_time=1772638200)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.reschedule(exam_sid="a", session_sid="b", phone=5550100)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.course_offerings.update(offering_sid="a", title=None, match_strings="c")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.course_offerings.update(offering_sid="a", title="b", match_strings=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.course_offerings.update(offering_sid="a", title="b", match_strings={"c"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(statuses="Closed")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(statuses=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(billable="true")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(limit="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.reports.service_distribution(limit=5.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    learner.job_training.list_session_results(checklist_id=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    learner.job_training.list_session_results(account_url=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.for_install(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.with_options(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.with_options(max_retries=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def left_out(c: SmarterProctoring, notes: str | None) -> None:
    c.exam_sessions.schedule(exam_sid=UNSET, session_sid="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.course_offerings.update(offering_sid="a", title="b", match_strings=UNSET)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.exam_sessions.schedule(exam_sid="a", session_sid="b", notes=notes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_settings(c: SmarterProctoring) -> None:
    c.base_url = "https://a"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    c.install_sid = "a"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Pagination("token", rows="a", parameter="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.paginate("/v1/x", pagination="cursor")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def missing_arguments(c: SmarterProctoring, learner: ISpringLearn) -> None:
    c.exam_sessions.schedule(exam_sid="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.schedule(session_sid="b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.schedule("a", "b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.exam_sessions.with_raw_response.schedule(exam_sid="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.course_offerings.update(offering_sid="a", title="b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.course_offerings.update(offering_sid="a", match_strings="c")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    learner.access_tokens.create(client_id="a", client_secret="b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.for_install()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    c.paginate()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def wrong_modes(c: SmarterProctoring, later: AsyncSmarterProctoring) -> None:
    later.exam_sessions.schedule(exam_sid="a", session_sid="b").sid  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    later.exam_sessions.with_raw_response.schedule(exam_sid="a", session_sid="b").parsed  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    list(later.reports.service_distribution())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    for _ in later.reports.service_distribution().pages():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    c.exam_sessions.with_raw_response.schedule(exam_sid="a", session_sid="b").sid  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    c.exam_sessions.with_raw_response.with_raw_response  # type: ignore[arg-type]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    c.exam_sessions.reschedule(exam_sid="a", session_sid="b").sid  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    c.reports.service_distribution().first().sid  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    c.execute(get_service_distribution.describe())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.pages(schedule_exam_session.describe(exam_sid="a", session_sid="b"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    c.execute("scheduleExamSession")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with later:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


async def wrong_waiting(c: SmarterProctoring, later: AsyncSmarterProctoring) -> None:
    await c.exam_sessions.schedule(exam_sid="a", session_sid="b")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await later.reports.service_distribution()  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    async for _ in c.reports.service_distribution():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    async with c:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


async def token() -> str:
    return "token"


def wrong_clients(learner: ISpringLearn, later: AsyncISpringLearn) -> None:
    SmarterProctoring(token)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SmarterProctoring(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SmarterProctoring(lambda: 5)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
    SmarterProctoring("a", "b", "production")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    SmarterProctoring(tokens="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ISpringLearn("a", "b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ISpringLearn(install_sid="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ISpringLearn(lambda: "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncISpringLearn(timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    learner.for_install("a")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    later.exam_sessions  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    learner.exams  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def wrong_rows(c: SmarterProctoring) -> None:
    row = c.reports.service_distribution().collect()[0]
    row.serviceType  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    row.course_title  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    row.sid.lower()  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess, reportUnknownMemberType]
    session = c.exam_sessions.schedule(exam_sid="a", session_sid="b")
    session.examSid  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    session.exam["sid"]  # type: ignore[index]  # pyright: ignore[reportArgumentType, reportIndexIssue, reportOptionalSubscript]
