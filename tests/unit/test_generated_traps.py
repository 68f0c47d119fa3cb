"""The generated packages without a facade: the traps of stock generated code, each of them cured."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import ispring_learn_client
import smarterproctoring_client
from invigilate_runtime import (
    UNSET,
    Response,
    UndecodableResponse,
    UnexpectedStatus,
    Unset,
    dump,
    exact_float,
    format_timestamp,
)
from ispring_learn_client import AuthenticatedClient as ISpringClient
from ispring_learn_client import Client as ISpringOpenClient
from ispring_learn_client.api.access_tokens import create_access_token
from ispring_learn_client.api.job_training import list_session_results
from ispring_learn_client.models.access_token import AccessToken
from ispring_learn_client.models.create_access_token_body import CreateAccessTokenBody
from ispring_learn_client.models.job_training_session_result import JobTrainingSessionResult
from ispring_learn_client.models.list_session_results_body import ListSessionResultsBody
from smarterproctoring_client import AuthenticatedClient, Client
from smarterproctoring_client.api.course_offerings import update_course_offering
from smarterproctoring_client.api.exam_sessions import reschedule_exam_session, schedule_exam_session
from smarterproctoring_client.api.reports import get_service_distribution
from smarterproctoring_client.models.exam_session import ExamSession
from smarterproctoring_client.models.reschedule_exam_session_body import RescheduleExamSessionBody
from smarterproctoring_client.models.schedule_exam_session_body import ScheduleExamSessionBody
from smarterproctoring_client.models.service_distribution_page import ServiceDistributionPage
from smarterproctoring_client.models.service_distribution_row import ServiceDistributionRow

Handler = Callable[[httpx.Request], httpx.Response]
BASE = "https://api.invalid"
INSTALL, EXAM, SESSION = "AI" + "0" * 32, "EX" + "0" * 32, "ES" + "0" * 32
SECRET = "s3cr3t-t0ken"


def client_of(handler: Handler, **options: Any) -> AuthenticatedClient:
    transport = httpx.MockTransport(handler)
    return AuthenticatedClient(base_url=BASE, token=SECRET, httpx_args={"transport": transport}, **options)


def answering(status: int, **content: Any) -> AuthenticatedClient:
    return client_of(lambda _: httpx.Response(status, **content))


def reschedule(client: AuthenticatedClient) -> Response[str]:
    body = RescheduleExamSessionBody()
    return reschedule_exam_session.sync_detailed(INSTALL, EXAM, SESSION, client=client, body=body)


# UNSET, models and errors survive being copied.


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda value, n=n: pickle.loads(pickle.dumps(value, n)) for n in range(2, 6))],
)
def test_unset_and_models_survive_copies(again: Callable[[Any], Any]) -> None:
    assert again(UNSET) is UNSET
    assert again({"a": [UNSET]})["a"][0] is UNSET
    body = ScheduleExamSessionBody(type_="proctoru", notes="n")
    body["later"] = [1]
    twin = again(body)
    assert twin == body
    assert twin is not body
    assert twin.amount is UNSET
    assert twin.to_dict() == {"type": "proctoru", "notes": "n", "later": [1]}
    row = ServiceDistributionRow.from_dict({"sid": "x", "new": {"a": None}})
    assert again(row).to_dict() == {"sid": "x", "new": {"a": None}}


def test_unset_is_false_and_says_what_it_is() -> None:
    assert not UNSET
    assert repr(UNSET) == "UNSET"
    assert isinstance(UNSET, Unset)


# Nothing shows what is secret.


def test_no_repr_shows_a_secret() -> None:
    client = answering(200, json="x")
    assert SECRET not in repr(client) + str(client) + repr([client])
    body = ScheduleExamSessionBody(
        card_token="tok_4242", voucher_code="V-77", email="ada@example.invalid", phone="555", first_name="Ada"
    )
    for secret in ("tok_4242", "V-77", "ada@", "555", "Ada"):
        assert secret not in repr(body)
    assert "card_token=***" in repr(body)
    assert "notes" not in repr(body)
    token = AccessToken.from_dict({"access_token": SECRET, "expires_in": 1800, "token_type": "bearer"})
    assert SECRET not in repr(token)
    assert "expires_in=1800" in repr(token)
    call = create_access_token.describe(client_id="c", client_secret=SECRET, grant_type="client_credentials")
    assert SECRET not in repr(call) + repr(call.operation)


def test_no_repr_shows_nested_content() -> None:
    session = ExamSession.from_dict({"exam": {"title": "deep"}, "course": ["deep"], "notYetKnown": {"deep": 1}})
    assert "deep" not in repr(session)
    assert "exam={...1}" in repr(session)
    assert "<1 more>" in repr(session)
    page = ServiceDistributionPage.from_dict({"results": [{"sid": "deep"}], "total": 1})
    assert repr(page) == "ServiceDistributionPage(total=1, results=[...1])"


def test_errors_and_responses_do_not_quote_the_body() -> None:
    client = answering(400, json={"message": "cardToken tok_4242 refused"})
    with pytest.raises(UnexpectedStatus) as caught:
        reschedule_exam_session.sync(INSTALL, EXAM, SESSION, client=client, body=RescheduleExamSessionBody())
    assert "tok_4242" not in f"{caught.value} {caught.value!r}"
    assert b"tok_4242" in caught.value.content
    assert "tok_4242" not in repr(reschedule(client))


# Time.


def test_there_is_a_timeout() -> None:
    connections = AuthenticatedClient(base_url=BASE, token=SECRET).get_httpx_client()
    assert connections.timeout == httpx.Timeout(30.0)
    assert not connections.follow_redirects
    connections.close()
    other = AuthenticatedClient(base_url=BASE, token=SECRET).with_timeout(1.5).get_httpx_client()
    assert other.timeout == httpx.Timeout(1.5)
    other.close()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (datetime(2026, 3, 4, 15, 30, tzinfo=UTC), "2026-03-04T15:30:00.000Z"),
        (datetime(2026, 3, 4, 15, 30, 1, 999999, tzinfo=UTC), "2026-03-04T15:30:01.999Z"),
        (datetime(2026, 3, 4, 1, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-03-03T19:30:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_datetimes_go_out_in_utc_with_milliseconds_and_z(given: datetime, written: str) -> None:
    assert format_timestamp(given) == written
    call = reschedule_exam_session.describe(exam_sid=EXAM, session_sid=SESSION, appointment_date_time=given)
    request = call.operation.request({**call.arguments, "install_sid": INSTALL})
    assert json.loads(request.content or b"") == {"appointmentDateTime": written}
    body = RescheduleExamSessionBody(appointment_date_time=given)
    assert body.to_dict() == {"appointmentDateTime": written}


def test_naive_datetimes_raise() -> None:
    naive = datetime(2026, 3, 4, 15, 30)
    with pytest.raises(ValueError, match="got a datetime without time zone"):
        RescheduleExamSessionBody(appointment_date_time=naive).to_dict()
    with pytest.raises(ValueError, match="got a datetime without time zone"):
        dump({"nested": [naive]})


@pytest.mark.parametrize("number", ["0.1", "12.50", "1e3", "123456789.012345"])
def test_decimals_keep_their_digits(number: str) -> None:
    assert Decimal(repr(exact_float(Decimal(number)))) == Decimal(number)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "0.12345678901234567890"])
def test_decimals_that_json_cannot_carry_raise(number: str) -> None:
    with pytest.raises(ValueError):
        ScheduleExamSessionBody(amount=Decimal(number)).to_dict()


# What is sent.


@pytest.mark.parametrize(
    "bad", ["..", ".", "", "../..", "a/b", "..%2f", "%2e%2E", "\\..\\", "..;", ";", "a\0", "\uff0e", "a\uff0fb"]
)
def test_identifiers_stay_in_their_segment(bad: str) -> None:
    client = answering(500)
    with pytest.raises(ValueError, match=r"^exam_sid: expected a string other than"):
        reschedule_exam_session.sync(INSTALL, bad, SESSION, client=client, body=RescheduleExamSessionBody())


def test_documented_defaults_are_never_sent() -> None:
    request = get_service_distribution.OPERATION.request({"install_sid": INSTALL})
    assert request.target == f"/v1/installs/{INSTALL}/reports/serviceDistribution"
    assert request.content is None
    defaults = 0
    for package in (smarterproctoring_client, ispring_learn_client):
        text = (Path(package.__file__ or "").parent / "openapi.yaml").read_text(encoding="utf-8")
        defaults += text.count(" default: ")
    assert defaults > 0, "there is no documented default left to test with"
    assert (
        schedule_exam_session.OPERATION.request(
            {"install_sid": INSTALL, "exam_sid": EXAM, "session_sid": SESSION}
        ).content
        == b"{}"
    )
    assert ScheduleExamSessionBody().to_dict() == {}


def test_query_arrays_are_repeated_keys_and_comma_separated_lists_one_string() -> None:
    fields = {field.name for field in get_service_distribution.OPERATION.fields if field.type == "array"}
    name = sorted(fields)[0]
    wire = next(field.wire_name for field in get_service_distribution.OPERATION.fields if field.name == name)
    target = get_service_distribution.OPERATION.request({"install_sid": INSTALL, name: ["a", "b&c"]}).target
    assert target.endswith(f"?{wire}=a&{wire}=b%26c")
    request = update_course_offering.OPERATION.request(
        {"install_sid": INSTALL, "offering_sid": "CO", "match_strings": ["one", "two"]}
    )
    assert json.loads(request.content or b"")["matchStrings"] == "one,two"


def test_with_headers_leaves_the_original_alone() -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("x-more"))
        assert request.headers["token"] == SECRET
        return httpx.Response(200, json="ok")

    first = client_of(handler)
    reschedule(first)
    second = first.with_headers({"X-More": "1"})
    third = second.with_cookies({"a": "b"})
    for client in (second, first, third):
        reschedule(client)
    assert seen == [None, "1", None, "1"]
    assert first.get_httpx_client() is not second.get_httpx_client()


# What comes back.


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503, 520, 599])
def test_a_failure_is_no_success_though_the_response_is_documented_as_default(status: int) -> None:
    response = reschedule(answering(status, json="a text, as documented"))
    assert response.status_code == status
    assert response.parsed is None
    assert response.content == b'"a text, as documented"'
    with pytest.raises(UnexpectedStatus, match=str(status)):
        AuthenticatedClient.success(response)


@pytest.mark.parametrize("status", [200, 201, 203, 299])
def test_any_2xx_with_the_documented_content_is_a_success(status: int) -> None:
    assert reschedule(answering(status, content=b'"ok"')).parsed == "ok"
    assert reschedule(answering(status, text="ok")).parsed == "ok"  # as text/plain


@pytest.mark.parametrize(
    "response",
    [
        (200, {"html": "<html>Please sign in</html>"}),
        (200, {"content": b"<html>Please sign in</html>"}),
        (200, {"text": "<html>Please sign in</html>"}),
        (200, {"json": {"error": {"code": "AUTHENTICATIONFAILED"}}}),
        (200, {"content": b""}),
        (204, {}),
        (202, {"json": "Successful"}),
        (206, {"json": "Successful"}),
    ],
    ids=str,
)
async def test_another_2xx_is_no_success_of_an_operation_that_documents_a_string(response: Any) -> None:
    status, content = response
    with pytest.raises(UndecodableResponse) as caught:
        reschedule(answering(status, **content))
    assert "sign in" not in str(caught.value)
    async with answering(status, **content) as client:
        with pytest.raises(UndecodableResponse):
            await reschedule_exam_session.asyncio(
                INSTALL, EXAM, SESSION, client=client, body=RescheduleExamSessionBody()
            )


def test_html_from_a_proxy() -> None:
    page = b"<html>502 Bad Gateway</html>"
    response = reschedule(answering(502, content=page, headers={"Content-Type": "text/html"}))
    assert (response.status_code, response.content, response.parsed) == (502, page, None)
    assert response.headers["CONTENT-TYPE"] == "text/html"
    client = answering(200, content=page)
    with pytest.raises(UndecodableResponse) as caught:
        schedule_exam_session.sync(INSTALL, EXAM, SESSION, client=client, body=ScheduleExamSessionBody())
    assert "Gateway" not in str(caught.value)


def test_new_enum_values_cost_no_page() -> None:
    rows = [{"serviceType": "telepathy"}, {"serviceType": None}, {"serviceType": 7}, None, "row"]
    client = answering(200, json={"total": 5, "results": rows, "next": {"was": "a text"}})
    page = get_service_distribution.sync(INSTALL, client=client)
    assert page.to_dict() == {"total": 5, "next": {"was": "a text"}, "results": rows}


async def test_the_same_without_blocking() -> None:
    async with client_of(lambda _: httpx.Response(520, json="no")) as client:
        response = await reschedule_exam_session.asyncio_detailed(
            INSTALL, EXAM, SESSION, client=client, body=RescheduleExamSessionBody()
        )
        assert (response.status_code, response.parsed) == (520, None)
        with pytest.raises(UnexpectedStatus):
            await reschedule_exam_session.asyncio(
                INSTALL, EXAM, SESSION, client=client, body=RescheduleExamSessionBody()
            )


def test_ispring() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("token"):
            assert "authorization" not in request.headers
            return httpx.Response(200, json={"access_token": "t", "expires_in": 1, "token_type": "bearer", "new": 1})
        assert request.headers["authorization"] == "Bearer t"
        return httpx.Response(200, json=[{"sessionStatus": "LOST"}, {"result": "80 %"}, 3])

    options: dict[str, Any] = {"httpx_args": {"transport": httpx.MockTransport(handler)}}
    token = create_access_token.sync(
        client=ISpringOpenClient(base_url=BASE, **options),
        body=CreateAccessTokenBody("c", SECRET, "client_credentials"),
    )
    assert token["new"] == 1
    client = ISpringClient(base_url=BASE, token=token.access_token, **options)
    results = list_session_results.sync(client=client, body=ListSessionResultsBody())
    assert [type(result) for result in results] == [JobTrainingSessionResult, JobTrainingSessionResult, int]
    assert dump(results) == [{"sessionStatus": "LOST"}, {"result": "80 %"}, 3]


def test_a_client_without_token_is_there_for_open_operations() -> None:
    assert repr(Client(base_url=BASE)) == f"<Client {BASE}>"


def test_descriptions_need_neither_httpx_nor_models() -> None:
    program = (
        "import sys, smarterproctoring_client.api.exam_sessions, ispring_learn_client.api.job_training\n"
        "print(sorted(name for name in sys.modules if name == 'httpx' or name == 'attrs' or '.models.' in name))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("package", [smarterproctoring_client, ispring_learn_client])
def test_models_can_be_listed_and_misspelt_names_raise(package: Any) -> None:
    models = __import__(f"{package.__name__}.models", fromlist=["models"])
    assert set(dir(models)) == set(models.__all__)
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = models.Nothing
    with pytest.raises(AttributeError, match="Nothing"):
        _ = package.Nothing
