"""What the type checkers must accept, and which types they must find. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar, assert_type

from invigilate import (
    UNSET,
    Async,
    AsyncISpringLearn,
    AsyncPager,
    AsyncRaw,
    AsyncSmarterProctoring,
    Attempt,
    InvalidSidError,
    ISpringLearn,
    OutcomeUnknownError,
    Page,
    Pager,
    Pagination,
    RateLimitError,
    RawResponse,
    RawView,
    ReportWarning,
    Resource,
    SmarterProctoring,
    Sync,
    SyncRaw,
    operation,
    parse_ispring_time,
    parse_sid,
    parse_timestamp,
)
from invigilate.smarterproctoring.sids import ExamSessionSid, ExamSid, InstallSid, SmarterProctoringSid
from invigilate_runtime import Call, Operation, PagedCall, Unset
from ispring_learn_client.models import AccessToken, JobTrainingSessionResult
from smarterproctoring_client.api.course_offerings import update_course_offering
from smarterproctoring_client.api.exam_sessions import reschedule_exam_session, schedule_exam_session
from smarterproctoring_client.api.reports import get_service_distribution
from smarterproctoring_client.models import CourseOffering, ExamSession, ServiceDistributionRow

EXAM = ExamSid("EX" + "0" * 32)
SESSION = ExamSessionSid("ES" + "0" * 32)
NOW = datetime.now().astimezone()


def sync_calls(client: SmarterProctoring) -> None:
    session = client.exam_sessions.schedule(
        exam_sid=EXAM,
        session_sid="ES1",
        type_="b-virtual",
        amount=Decimal("19.90"),
        appointment_date_time=NOW,
        exam_locale=None,
        install_sid=InstallSid("AI" + "0" * 32),
    )
    assert_type(session, ExamSession)
    assert_type(session.sid, str | Unset | None)
    assert_type(session.exam, str | dict[str, Any] | Unset | None)
    assert_type(session.duration, float | Unset | None)
    assert_type(session.to_dict(), dict[str, Any])
    moved = client.exam_sessions.reschedule(
        exam_sid="EX1", session_sid=SESSION, type_="ad-hoc", appointment_start_date_time="2026-03-04T15:30:00Z"
    )
    assert_type(moved, str)
    offering = client.course_offerings.update(
        offering_sid="CO1", title="Fall", match_strings=["FA", "Fall"], start_date=None, end_date=NOW
    )
    assert_type(offering, CourseOffering)
    client.course_offerings.update(offering_sid="CO1", title="Fall", match_strings="FA,Fall")


def left_out(client: SmarterProctoring, notes: str | None, when: datetime | None, sizes: list[int]) -> None:
    client.exam_sessions.schedule(
        exam_sid=EXAM, session_sid=SESSION, notes=notes or UNSET, appointment_date_time=when or UNSET
    )
    client.reports.service_distribution(limit=sizes[0] if sizes else UNSET, statuses=UNSET, billable=UNSET)
    raw = client.exam_sessions.with_raw_response.schedule(exam_sid=EXAM, session_sid=SESSION, notes=notes or UNSET)
    assert_type(raw.sent_at, float)
    assert_type(raw.sent_monotonic, float)


def settings(client: SmarterProctoring, learner: ISpringLearn) -> None:
    assert_type(client.base_url, str)
    assert_type(client.install_sid, str | None)
    assert_type(learner.account_url, str | None)


def sync_report(client: SmarterProctoring) -> None:
    pager = client.reports.service_distribution(
        statuses=["Closed", "Scheduled"],
        service_types=("live", "automated"),
        sort_keys=["appointmentDate"],
        sort_order="DESC",
        billable=True,
        offset=0,
        limit=50,
        appointment_date_after=NOW,
        close_date_before="2026-03-04T15:30:00Z",
    )
    assert_type(pager, Pager[ServiceDistributionRow])
    assert_type(pager.prefetch(8), Pager[ServiceDistributionRow])
    assert_type(pager.warnings, list[ReportWarning])
    for row in pager:
        assert_type(row, ServiceDistributionRow)
        assert_type(row.sid, str | Unset | None)
        assert_type(row.billable, bool | Unset | None)
        assert_type(row.exam, dict[str, Any] | Unset | None)
    assert_type(iter(pager), Iterator[ServiceDistributionRow])
    assert_type(pager.pages(), Iterator[Page[ServiceDistributionRow]])
    for page in pager.pages():
        assert_type(page, Page[ServiceDistributionRow])
        assert_type(page.rows, list[ServiceDistributionRow])
        assert_type(page.offset, int)
        assert_type(page.total, int | None)
        assert_type(page.envelope, Mapping[str, Any])
        assert_type(list(page), list[ServiceDistributionRow])
    assert_type(pager.first(), ServiceDistributionRow | None)
    assert_type(pager.collect(), list[ServiceDistributionRow])
    assert_type(pager.total, int | None)


def sync_raw(client: SmarterProctoring) -> None:
    raw = client.exam_sessions.with_raw_response.schedule(exam_sid=EXAM, session_sid=SESSION, type_="vtc")
    assert_type(raw, RawResponse[ExamSession])
    assert_type(raw.parsed, ExamSession)
    assert_type(raw.status_code, int)
    assert_type(raw.headers, Mapping[str, str])
    assert_type(raw.content, bytes)
    assert_type(raw.attempts, tuple[Attempt, ...])
    assert_type(raw.request_id, str | None)
    moved = client.exam_sessions.with_raw_response.reschedule(exam_sid=EXAM, session_sid=SESSION)
    assert_type(moved, RawResponse[str])
    offering = client.course_offerings.with_raw_response.update(offering_sid="CO1", title="a", match_strings="b")
    assert_type(offering, RawResponse[CourseOffering])
    page = client.reports.with_raw_response.service_distribution(limit=5)
    assert_type(page, RawResponse[Page[ServiceDistributionRow]])
    assert_type(page.parsed, Page[ServiceDistributionRow])


async def async_calls(client: AsyncSmarterProctoring) -> None:
    assert_type(await client.exam_sessions.schedule(exam_sid=EXAM, session_sid=SESSION), ExamSession)
    assert_type(await client.exam_sessions.reschedule(exam_sid=EXAM, session_sid=SESSION), str)
    offering = await client.course_offerings.update(offering_sid="CO1", title="a", match_strings=("b",))
    assert_type(offering, CourseOffering)
    pager = client.reports.service_distribution(statuses=["Cancelled"])
    assert_type(pager, AsyncPager[ServiceDistributionRow])
    assert_type(pager.prefetch(8), AsyncPager[ServiceDistributionRow])
    async for row in pager:
        assert_type(row, ServiceDistributionRow)
        assert_type(row.service_type, str | Unset | None)
    assert_type(aiter(pager), AsyncIterator[ServiceDistributionRow])
    async for page in pager.pages():
        assert_type(page, Page[ServiceDistributionRow])
    assert_type(await pager.first(), ServiceDistributionRow | None)
    assert_type(await pager.collect(), list[ServiceDistributionRow])
    assert_type(pager.total, int | None)


async def async_raw(client: AsyncSmarterProctoring) -> None:
    raw = await client.exam_sessions.with_raw_response.schedule(exam_sid=EXAM, session_sid=SESSION)
    assert_type(raw, RawResponse[ExamSession])
    moved = await client.exam_sessions.with_raw_response.reschedule(exam_sid=EXAM, session_sid=SESSION)
    assert_type(moved, RawResponse[str])
    offering = await client.course_offerings.with_raw_response.update(offering_sid="CO1", title="a", match_strings="b")
    assert_type(offering.parsed, CourseOffering)
    page = await client.reports.with_raw_response.service_distribution()
    assert_type(page, RawResponse[Page[ServiceDistributionRow]])


def learn(client: ISpringLearn) -> None:
    results = client.job_training.list_session_results(
        checklist_id=["a", "b"], session_ids=("c",), session_status="PASSED", account_url="https://a.ispringlearn.com"
    )
    assert_type(results, list[JobTrainingSessionResult])
    assert_type(results[0].checklist_id, str)
    status: str = results[0].session_status
    assert_type(results[0].points, float | Unset | None)
    assert_type(status.lower(), str)
    client.job_training.list_session_results(checklist_id="a")
    raw = client.job_training.with_raw_response.list_session_results()
    assert_type(raw, RawResponse[list[JobTrainingSessionResult]])
    token = client.access_tokens.create(client_id="a", client_secret="b", grant_type="client_credentials")
    assert_type(token, AccessToken)
    fetched = client.access_tokens.with_raw_response.create(
        client_id="a", client_secret="b", grant_type="client_credentials"
    )
    assert_type(fetched, RawResponse[AccessToken])


async def learn_async(client: AsyncISpringLearn) -> None:
    assert_type(await client.job_training.list_session_results(), list[JobTrainingSessionResult])
    raw = await client.job_training.with_raw_response.list_session_results(session_status="IN_PROGRESS")
    assert_type(raw, RawResponse[list[JobTrainingSessionResult]])
    token = await client.access_tokens.create(client_id="a", client_secret="b", grant_type="client_credentials")
    assert_type(token.access_token, str)


def views(
    client: SmarterProctoring, later: AsyncSmarterProctoring, learner: ISpringLearn, learner_later: AsyncISpringLearn
) -> None:
    assert_type(client.for_install("AI1"), SmarterProctoring)
    assert_type(later.for_install("AI1"), AsyncSmarterProctoring)
    assert_type(client.with_options(timeout=None, max_retries=0, deadline=5), SmarterProctoring)
    assert_type(later.with_options(timeout=1.5).for_install("AI1"), AsyncSmarterProctoring)
    assert_type(learner.with_options(deadline=None), ISpringLearn)
    assert_type(learner_later.with_options(max_retries=3), AsyncISpringLearn)
    with client as entered, client.for_install("AI1") as view:
        assert_type(entered, SmarterProctoring)
        assert_type(view, SmarterProctoring)


async def views_async(later: AsyncSmarterProctoring) -> None:
    async with later as entered:
        assert_type(entered, AsyncSmarterProctoring)
    assert_type(await later.close(), None)


async def renew() -> str:
    return "token"


def makes() -> None:
    SmarterProctoring()
    SmarterProctoring("token", "AI1", environment="development", timeout=None, verify="ca.pem", proxy="http://p:1")
    SmarterProctoring(lambda: "token")
    AsyncSmarterProctoring(lambda: "token")
    AsyncSmarterProctoring(renew)
    ISpringLearn("token")
    ISpringLearn(client_id="a", client_secret="b", account_url="https://a.ispringlearn.com")
    AsyncISpringLearn(client_id="a", client_secret="b", check_sids=False, allow_insecure_http=True)


def by_hand(client: SmarterProctoring, own: Operation[list[int]]) -> None:
    assert_type(client.execute(schedule_exam_session.describe(exam_sid="a", session_sid="b")), ExamSession)
    assert_type(client.execute(reschedule_exam_session.describe(exam_sid="a", session_sid="b")), str)
    call = update_course_offering.describe(offering_sid="a", title="b", match_strings=["c"])
    assert_type(call, Call[CourseOffering])
    assert_type(client.execute(call), CourseOffering)
    assert_type(client.execute(Call(own, {})), list[int])
    paged = get_service_distribution.describe(limit=5)
    assert_type(paged, PagedCall[ServiceDistributionRow])
    assert_type(client.pages(paged), Pager[ServiceDistributionRow])
    assert_type(client.request("GET", "/v1/x", params={"a": [1]}, json=None, idempotent=True), RawResponse[Any])
    assert_type(client.paginate("/v1/x", params={"limit": 5}), Pager[dict[str, Any]])
    cursor = Pagination("cursor", rows="items", parameter="pageToken", limit="pageSize", next="nextPageToken")
    assert_type(client.paginate("/v1/x", pagination=cursor), Pager[dict[str, Any]])


async def by_hand_async(client: AsyncSmarterProctoring, own: Operation[list[int]]) -> None:
    assert_type(await client.execute(Call(own, {})), list[int])
    assert_type(client.pages(get_service_distribution.describe()), AsyncPager[ServiceDistributionRow])
    assert_type(await client.request("POST", "/v1/x", json={"a": 1}), RawResponse[Any])
    assert_type(client.paginate("/v1/x"), AsyncPager[dict[str, Any]])


def rooms(*, install_sid: str, size: int = 5) -> Call[list[int]]:
    """A call as a generated module of a downstream SDK describes it."""
    raise NotImplementedError


def occupants(*, room: str) -> PagedCall[str]:
    """As above, page by page."""
    raise NotImplementedError


M = TypeVar("M")


class Rooms(Resource[M]):
    """A resource of a downstream SDK."""

    with_raw_response: RawView[Rooms[SyncRaw], Rooms[AsyncRaw]] = RawView()
    list = operation(lambda: rooms)
    seats = operation(lambda: occupants)


async def downstream(sync: Rooms[Sync], later: Rooms[Async]) -> None:
    assert_type(sync.list(install_sid="AI1"), list[int])
    assert_type(await later.list(install_sid="AI1", size=3), list[int])
    assert_type(sync.with_raw_response.list(install_sid="AI1"), RawResponse[list[int]])
    assert_type(sync.seats(room="a"), Pager[str])
    assert_type(later.seats(room="a"), AsyncPager[str])
    assert_type(await later.with_raw_response.seats(room="a"), RawResponse[Page[str]])


def small(text: str, error: OutcomeUnknownError, limit: RateLimitError, sid_error: InvalidSidError) -> None:
    assert_type(parse_timestamp(text), datetime)
    assert_type(parse_ispring_time(text, order="month-first", zone="Europe/Berlin"), datetime)
    assert_type(parse_sid(text), SmarterProctoringSid)
    assert_type(error.status_code, int | None)
    assert_type(error.sent_at, float | None)
    assert_type(error.sent_monotonic, float | None)
    assert_type(error.arguments, Mapping[str, Any])
    assert_type(limit.retry_after, float | None)
    assert_type(sid_error.argument, str)
