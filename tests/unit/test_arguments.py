"""Arguments: what goes out is what was passed, and what would widen a call, or leave its path, is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invigilate import (
    UNSET,
    AsyncISpringLearn,
    ConfigurationError,
    InvalidArgumentError,
    InvalidSidError,
    InvigilateError,
    ISpringLearn,
)
from invigilate_runtime import Call, Field, Operation
from smarterproctoring_client.models import RescheduleExamSessionBody
from tests.support.fakes import (
    COURSE,
    EXAM,
    INSTALL,
    OFFERING,
    SESSION,
    USER,
    Reply,
    Script,
    Sent,
    ispring,
    page,
    proctoring,
    report,
    schedule,
    update,
)

RESPONSE = Reply(200, {})
UUIDS = ("3fa85f64-5717-4562-b3fc-2c963f66afa6", "4fa85f64-5717-4562-b3fc-2c963f66afa6")


def learn(client: Any, **arguments: Any) -> Any:
    return client.job_training.list_session_results(**arguments)


def sent(call: Callable[..., Any], **arguments: Any) -> Sent:
    """What a call sends."""
    server = Script(page([], total=0) if call is report else Reply(200, []) if call is learn else RESPONSE)
    client = ispring(server, access_token="t") if call is learn else proctoring(server)
    result = call(client, **arguments)
    if call is report:
        result.collect()
    assert len(server.sent) == 1
    return server.sent[0]


def refused(call: Callable[..., Any], **arguments: Any) -> InvalidArgumentError:
    """The error of a call that must send nothing."""
    server = Script(page([]))
    client: Any = ispring(server, access_token="t") if call is learn else proctoring(server)
    with pytest.raises(InvalidArgumentError) as caught:
        call(client, **arguments)
    assert server.sent == []
    assert str(caught.value).isprintable()
    return caught.value


# What goes out


def test_a_call_sends_what_was_passed_and_nothing_else() -> None:
    request = sent(schedule)
    assert (request.method, request.content) == ("POST", b"{}")
    assert request.url == f"https://api.smarterproctoring.com/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}"
    assert sent(report).query == []
    assert sent(update).json() == {"title": "Fall", "matchStrings": "FA"}
    assert sent(learn).json() == {}


def test_documented_names_go_out() -> None:
    request = sent(
        schedule,
        type_="ad-hoc",
        amount=5,
        location_latitude="39.78",
        appointment_date_time=datetime(2026, 3, 4, 15, 30, tzinfo=UTC),
        exam_locale=None,
    )
    assert request.json() == {
        "type": "ad-hoc",
        "amount": 5,
        "locationLatitude": "39.78",
        "appointmentDateTime": "2026-03-04T15:30:00.000Z",
        "examLocale": None,
    }


def test_null_goes_out_where_it_is_documented() -> None:
    assert sent(update, start_date=None, end_date=None).json() == {
        "title": "Fall",
        "matchStrings": "FA",
        "startDate": None,
        "endDate": None,
    }


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({"statuses": ["Scheduled"]}, [("statuses", "Scheduled")]),
        ({"statuses": ("Closed", "Cancelled")}, [("statuses", "Closed"), ("statuses", "Cancelled")]),
        ({"billable": True}, [("billable", "true")]),
        ({"billable": False}, [("billable", "false")]),
        ({"offset": 0}, [("offset", "0")]),
        ({"exam_title": "a=b&c d/ü+%"}, [("examTitle", "a=b&c d/ü+%")]),
        ({"course_sid": COURSE, "user_sid": USER}, [("courseSid", COURSE), ("userSid", USER)]),
        ({"sort_keys": ["examTitle", "closeDate"]}, [("sortKeys", "examTitle"), ("sortKeys", "closeDate")]),
    ],
)
def test_filters(arguments: dict[str, Any], query: list[tuple[str, str]]) -> None:
    assert sent(report, **arguments).query == query


@pytest.mark.parametrize(
    ("value", "text"),
    [("FA", "FA"), ("FA,Fall 24", "FA,Fall 24"), (["FA"], "FA"), (["FA", "Fall 24"], "FA,Fall 24"), (("ü",), "ü")],
)
def test_comma_separated_strings(value: Any, text: str) -> None:
    assert sent(update, match_strings=value).json()["matchStrings"] == text


@pytest.mark.parametrize("one", [UUIDS[0], [*UUIDS], (UUIDS[0],)])
def test_one_checklist_or_several(one: Any) -> None:
    assert sent(learn, checklist_id=one).json() == {"checklistId": one if isinstance(one, str) else list(one)}


@given(
    amount=st.decimals(0, 10**9, places=2)
    | st.decimals(0, 1, allow_nan=False, places=10)
    | st.integers(0, 10**18)
    | st.floats(0, allow_nan=False, allow_infinity=False)
)
def test_an_amount_keeps_its_digits(amount: Any) -> None:
    request = sent(schedule, amount=amount)
    exact = json.loads(request.content, parse_float=Decimal, parse_int=Decimal)["amount"]
    assert exact == (amount if isinstance(amount, Decimal | int) else Decimal(repr(amount)))


class Status(str, Enum):  # noqa: UP042 (the older kind, whose str() is not its value)
    CLOSED = "Closed"


def test_a_users_own_enum_counts_by_its_value() -> None:
    assert sent(report, statuses=[Status.CLOSED]).query == [("statuses", "Closed")]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_string_arrives_as_it_is(text: str) -> None:
    assert sent(update, title=text).json()["title"] == text
    assert sent(report, exam_title=text).query == [("examTitle", text)]


# What is refused


@pytest.mark.parametrize("call", [schedule, report, update, learn])
def test_unknown_keywords_are_type_errors(call: Callable[..., Any]) -> None:
    client: Any = ispring(Script(RESPONSE), access_token="t") if call is learn else proctoring(Script(RESPONSE))
    for name in ("appointmentDateTime", "exam_session_sid", "type", "serviceTypes"):
        with pytest.raises(TypeError, match=name):
            call(client, **{name: "x"})


def test_arguments_are_keywords_only() -> None:
    client = proctoring(Script(RESPONSE))
    with pytest.raises(TypeError):
        client.exam_sessions.schedule(EXAM, SESSION)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="session_sid"):
        client.exam_sessions.schedule(exam_sid=EXAM)  # type: ignore[call-arg]


NOT_NULL = [
    (schedule, "exam_sid"),
    (schedule, "type_"),
    (schedule, "notes"),
    (schedule, "amount"),
    (schedule, "card_token"),
    (schedule, "appointment_date_time"),
    (schedule, "proctor_location_sid"),
    (schedule, "install_sid"),
    (update, "title"),
    (update, "match_strings"),
    (report, "statuses"),
    (report, "exam_sid"),
    (report, "exam_title"),
    (report, "billable"),
    (report, "limit"),
    (report, "offset"),
    (report, "close_date_before"),
    (report, "sort_order"),
    (learn, "checklist_id"),
    (learn, "session_ids"),
    (learn, "session_status"),
    (learn, "account_url"),
]


@pytest.mark.parametrize(("call", "name"), NOT_NULL)
def test_none_is_refused_where_it_is_not_documented(call: Callable[..., Any], name: str) -> None:
    error = refused(call, **{name: None})
    assert error.argument == name
    assert "None" in error.passed


REQUIRED = {"exam_sid", "title", "match_strings"}


@pytest.mark.parametrize(("call", "name"), [each for each in NOT_NULL if each[1] not in REQUIRED])
def test_unset_leaves_an_optional_argument_out(call: Callable[..., Any], name: str) -> None:
    assert sent(call, **{name: UNSET}) == sent(call)


@pytest.mark.parametrize(("call", "name"), NOT_NULL)
def test_the_error_for_none_names_unset_where_the_argument_is_optional(call: Callable[..., Any], name: str) -> None:
    error = refused(call, **{name: None})
    required = name in REQUIRED and (call, name) != (report, "exam_sid")
    assert error.hint == ("It is required" if required else "Omit the argument, or pass UNSET")
    assert str(error) == f"{name}: expected {error.expected}, got None. {error.hint}"


def test_unset_for_what_is_falsy() -> None:
    for notes, body in ((None, {}), ("", {}), ("bring a ruler", {"notes": "bring a ruler"})):
        assert sent(schedule, notes=notes or UNSET).json() == body
    assert sent(update, start_date=UNSET, end_date=None).json()["endDate"] is None
    assert "startDate" not in sent(update, start_date=UNSET).json()
    # As for an argument that was never passed, the client's own install stands in.
    assert f"/installs/{INSTALL}/" in sent(schedule, install_sid=UNSET).url


@pytest.mark.parametrize("name", ["exam_sid", "session_sid"])
def test_unset_for_a_required_argument_is_refused(name: str) -> None:
    error = refused(schedule, **{name: UNSET})
    assert (error.argument, error.passed, error.hint) == (name, "nothing", "It is required")


@pytest.mark.parametrize("url", ["own.ispringlearn.com", "//own.ispringlearn.com", "ftp://own.ispringlearn.com", "own"])
def test_an_account_url_without_scheme_is_refused_before_anything_is_sent(url: str) -> None:
    assert refused(learn, account_url=url).argument == "account_url"
    for kind in (ISpringLearn, AsyncISpringLearn):
        with pytest.raises(ConfigurationError, match=r"^account_url: expected a URL like https://host"):
            kind("token", account_url=url)


@pytest.mark.parametrize("value", ["3fa85f64", "checklist", "3fa85f64-5717-4562-b3fc-2c963f66afag"])
def test_a_checklist_id_that_is_not_a_uuid_is_refused(value: str) -> None:
    assert refused(learn, checklist_id=value).expected == "a UUID"
    assert refused(learn, checklist_id=[UUIDS[0], value]).argument == "checklist_id[1]"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (report, "statuses"),
        (report, "service_types"),
        (report, "sort_keys"),
        (learn, "session_ids"),
        (learn, "checklist_id"),
    ],
)
def test_an_empty_list_would_widen_the_call(call: Callable[..., Any], name: str) -> None:
    empties: list[Any] = [[], ()]
    for empty in empties:
        assert refused(call, **{name: empty}).argument == name


def test_an_empty_list_of_match_strings() -> None:
    assert refused(update, match_strings=[]).argument == "match_strings"


@pytest.mark.parametrize("name", ["exam_title", "course_title", "course_code", "exam_sid", "close_date_after"])
def test_an_empty_string_would_widen_the_report(name: str) -> None:
    assert refused(report, **{name: ""}).argument == name


@pytest.mark.parametrize("arguments", [{"checklist_id": ""}, {"checklist_id": [""]}, {"session_ids": [""]}], ids=str)
def test_an_empty_string_would_widen_the_list(arguments: dict[str, Any]) -> None:
    refused(learn, **arguments)


@pytest.mark.parametrize("items", [["FA,Fall"], ["FA", ","], [""], ["FA", ""], ["FA", None], [5], [["FA"]], [b"FA"]])
def test_an_item_that_would_become_two(items: Any) -> None:
    error = refused(update, match_strings=items)
    assert error.argument.startswith("match_strings[")
    assert "Fall" not in str(error)


@pytest.mark.parametrize(
    ("call", "name", "values"),
    [
        (schedule, "type_", ["B-VIRTUAL", "virtual", "", 5, True, ["ad-hoc"], b"ad-hoc"]),
        (schedule, "notes", [5, True, b"x", ["x"], {"a": 1}, "lone \ud800 surrogate"]),
        (schedule, "amount", ["5", True, False, [5], math.nan, math.inf, -math.inf, -1, -0.01, Decimal("-1"), 5j]),
        (schedule, "amount", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")]),
        (schedule, "amount", [Decimal("0.12345678901234567890"), Decimal(10**17 + 1), Decimal("1e400")]),
        (report, "billable", ["true", 1, 0, "", [True]]),
        (report, "limit", ["5", True, 5.0, 0, [5], Decimal(5)]),
        (report, "offset", ["5", False, 5.0, math.nan, -1]),
        (
            report,
            "statuses",
            ["Closed", b"Closed", {"Closed"}, {"Closed": 1}, 5, ["closed"], [None], [5], [["Closed"]]],
        ),
        (report, "sort_order", ["asc", "", "up", True, ["ASC"]]),
        (report, "exam_title", [5, True, ["x"], b"x"]),
        (update, "match_strings", [5, {"FA"}, {"FA": 1}, b"FA", True]),
        (learn, "session_status", ["Passed", "", 5, ["PASSED"]]),
        (learn, "session_ids", ["3fa85f64", [5], [None], {"a"}]),
        (learn, "checklist_id", [5, [5], {"a"}, True, b"x"]),
    ],
)
def test_values_of_another_type_or_name(call: Callable[..., Any], name: str, values: list[Any]) -> None:
    for value in values:
        error = refused(call, **{name: value})
        assert error.argument.split("[")[0] == name


def test_an_enum_says_what_is_documented() -> None:
    error = refused(report, statuses=["Open"])
    assert error.argument == "statuses[0]"
    assert "'Scheduled', 'Closed', 'Cancelled'" in error.expected
    assert error.passed == "'Open'"
    assert "4242" not in str(refused(schedule, type_="4242424242424242"))


@given(value=st.text(min_size=6), name=st.sampled_from(["card_token", "voucher_code", "email", "first_name"]))
def test_a_sensitive_value_is_never_shown(value: str, name: str) -> None:
    assume(value not in str(refused(schedule, **{name: [""]})))
    assert value not in str(refused(schedule, **{name: [value]}))


@pytest.mark.parametrize(
    "url",
    [
        "https://a\r\nX-Evil: 1",
        "https://a\nb",
        "https://a\0",
        "https://\u00fc.example",
        "https://a\u2028b",
        "\thttps://a",
        " https://a",
        "https://a ",
        "",
        5,
        b"https://a",
    ],
)
def test_a_header_takes_no_line_break(url: Any) -> None:
    assert refused(learn, account_url=url).argument == "account_url"
    server = Script(Reply(200, []))
    if isinstance(url, str) and url:
        with pytest.raises(ConfigurationError, match=r"^account_url: "):
            ispring(server, access_token="t", account_url=url)
    assert server.sent == []


def test_the_account_goes_out_as_a_header() -> None:
    assert sent(learn).header("x-auth-account-url") is None
    assert (
        sent(learn, account_url="https://a.ispringlearn.com").header("x-auth-account-url")
        == "https://a.ispringlearn.com"
    )
    server = Script(Reply(200, []))
    client = ispring(server, access_token="t", account_url="https://own.example")
    learn(client)
    learn(client, account_url="https://other.example")
    assert [item.header("x-auth-account-url") for item in server.sent] == [
        "https://own.example",
        "https://other.example",
    ]


# Paths


@pytest.mark.parametrize(
    "text",
    [
        "..",
        ".",
        "..;a",
        ";a",
        "",
        "/",
        "a/b",
        "../../admin",
        "%2e%2e",
        "%2f",
        "a%2fb",
        "a\\b",
        "%252e%252e",
        "a\n",
        "\na",
        "a\r",
        "a\0",
        "a\u0085",
        "\uff0e\uff0e",
        "%ef%bc%8e",
        "\u2025",
        "\u2024\u2024",
        "a\uff0fb",
        "\ud800",
    ],
)
def test_without_checks_a_path_still_stays_in_its_segment(text: str) -> None:
    server = Script(RESPONSE)
    for client in (proctoring(server, check_sids=False), proctoring(server)):
        for name in ("exam_sid", "session_sid", "install_sid"):
            with pytest.raises(InvalidArgumentError) as caught:
                schedule(client, **{name: text})
            assert caught.value.argument == name
    assert server.sent == []


@given(text=st.text(min_size=1))
def test_whatever_passes_without_checks_stays_in_its_segment(text: str) -> None:
    server = Script(RESPONSE)
    try:
        schedule(proctoring(server, check_sids=False), exam_sid=text)
    except InvalidArgumentError:
        assert server.sent == []
    else:
        segment = quote(text, safe=",")
        assert server.sent[0].url.split("/")[3:] == ["v1", "installs", INSTALL, "exams", segment, "sessions", SESSION]


def test_without_checks_any_identifier_goes_out() -> None:
    server = Script(page([], total=0))
    client = proctoring(server, check_sids=False, install_sid="legacy-1")
    schedule(client, exam_sid="EX1", session_sid="~5.a_b", proctor_location_sid="anything / goes")
    report(client, exam_sid="a&b=c").collect()
    assert server.sent[0].url.endswith("/v1/installs/legacy-1/exams/EX1/sessions/~5.a_b")
    assert server.sent[1].query == [("examSid", "a&b=c")]


# The client's own values


def test_the_install_is_the_clients_unless_the_call_names_another() -> None:
    server = Script(RESPONSE)
    client = proctoring(server)
    other = "AI" + "f" * 32
    schedule(client)
    schedule(client, install_sid=other)
    schedule(client.for_install(other))
    schedule(client.for_install(other), install_sid=INSTALL)
    assert [item.url.split("/")[5] for item in server.sent] == [INSTALL, other, other, INSTALL]


def test_a_missing_install_is_named() -> None:
    server = Script(RESPONSE)
    client = proctoring(server, install_sid=None)
    for call in (schedule, update, report):
        with pytest.raises(
            ConfigurationError, match=r"^no install_sid: pass `install_sid=` to the client or to the call$"
        ):
            call(client)
    with pytest.raises(InvalidSidError, match="install_sid"):
        schedule(proctoring(server, install_sid=""))
    assert server.sent == []


# Nested values: no documented call of now has them, downstream operations do.

ACCESS = Field(
    "",
    "access",
    "",
    "object",
    fields=(
        Field("", "open", "", "timestamp", required=True),
        Field("", "tries", "", "integer", minimum=1, maximum=9),
        Field("", "codes", "", "array", items=Field("", "", "", "string", enum=("a", "b"))),
        Field("", "pin", "", "string", sensitive=True, nullable=True),
    ),
)
NESTED: Operation[Any] = Operation(
    id="provision",
    method="POST",
    path="/v2/provision",
    idempotent=False,
    returns="any",
    read=lambda value: value,
    documentation="",
    media="application/json",
    fields=(
        Field("exam", "exam", "body", "object", fields=(ACCESS,)),
        Field("free", "free", "body", "object", additional=True, fields=(Field("", "known", "", "string"),)),
        Field("anything", "anything", "body", "any"),
        Field("session", "session", "body", "object", fields=()),
        Field("when", "when", "body", "date"),
        Field("ident", "ident", "body", "uuid"),
    ),
)


def provision(client: Any, **arguments: Any) -> Any:
    return client.execute(Call(NESTED, arguments))


def test_a_mapping_is_checked_to_its_leaves() -> None:
    request = sent(provision, exam={"access": {"open": datetime(2026, 3, 4, tzinfo=UTC), "codes": ["a"], "pin": None}})
    assert request.json() == {"exam": {"access": {"open": "2026-03-04T00:00:00.000Z", "codes": ["a"], "pin": None}}}


@pytest.mark.parametrize(
    ("access", "argument"),
    [
        ({}, "exam.access"),
        ({"open": datetime(2026, 3, 4)}, "exam.access.open"),
        ({"open": None}, "exam.access.open"),
        ({"open": "2026-03-04T00:00:00Z", "tries": 0}, "exam.access.tries"),
        ({"open": "2026-03-04T00:00:00Z", "tries": 10}, "exam.access.tries"),
        ({"open": "2026-03-04T00:00:00Z", "tries": True}, "exam.access.tries"),
        ({"open": "2026-03-04T00:00:00Z", "codes": ["a", "c"]}, "exam.access.codes[1]"),
        ({"open": "2026-03-04T00:00:00Z", "codes": "a"}, "exam.access.codes"),
        ({"open": "2026-03-04T00:00:00Z", "opne": 1}, "exam.access"),
        ({"open": "2026-03-04T00:00:00Z", 5: 1}, "exam.access"),
        ([], "exam.access"),
        ("text", "exam.access"),
    ],
)
def test_a_wrong_field_is_named_with_its_path(access: Any, argument: str) -> None:
    assert refused(provision, exam={"access": access}).argument == argument


def test_a_free_object_takes_what_is_not_documented() -> None:
    assert sent(provision, free={"known": "a", "new": [1, {"x": None}]}).json()["free"]["new"] == [1, {"x": None}]
    assert refused(provision, free={"known": 5}).argument == "free.known"


def test_a_model_goes_wherever_a_mapping_goes() -> None:
    model = RescheduleExamSessionBody(notes="n", appointment_date_time=datetime(2026, 3, 4, tzinfo=UTC))
    model["own"] = 1
    expected = {"notes": "n", "appointmentDateTime": "2026-03-04T00:00:00.000Z", "own": 1}
    assert sent(provision, session=model).json() == {"session": expected}
    assert sent(provision, anything=[model]).json() == {"anything": [expected]}


def loop() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        pytest.param(object(), id="object()"),
        math.nan,
        [math.inf],
        b"x",
        datetime(2026, 3, 4),
        Decimal("NaN"),
        "\ud800",
    ],
    ids=repr,
)
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    refused(provision, anything=value)
    refused(provision, free={"x": value})
    server = Script(RESPONSE)
    with pytest.raises(InvalidArgumentError):
        proctoring(server).request("POST", "/v1/x", json={"a": value})
    assert server.sent == []


def test_what_contains_itself_is_refused() -> None:
    refused(provision, anything=loop())
    with pytest.raises(InvalidArgumentError):
        proctoring(Script(RESPONSE)).request("POST", "/v1/x", json=loop())


def test_dates_and_uuids() -> None:
    uuid = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    assert sent(provision, when="2026-03-04", ident=uuid).json() == {"when": "2026-03-04", "ident": uuid}
    for wrong in ("2026-02-30", "2026-3-4", "", 5, datetime(2026, 3, 4)):
        assert refused(provision, when=wrong).argument == "when"
    for ident in ("", "x", 5, None):
        assert refused(provision, ident=ident).argument == "ident"


def test_every_argument_error_is_a_value_error_of_this_library() -> None:
    error = refused(schedule, amount=-1)
    assert isinstance(error, ValueError)
    assert isinstance(error, InvigilateError)
    assert "at least 0" in error.expected


def test_offering_sid_of_another_kind() -> None:
    assert refused(update, offering_sid=EXAM).passed == f"an exam SID, {EXAM}"
    assert sent(update, offering_sid=OFFERING).url.endswith(OFFERING)
