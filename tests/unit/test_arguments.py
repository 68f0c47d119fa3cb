"""Arguments: what goes out is what was passed, and what would widen a call, or leave its path, is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote
from uuid import UUID

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
from invigilate._checks import check_arguments
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


# What errors say of each type. `a` is the argument; an enum of strings shows the word that was passed.


def field(type_: str, **options: Any) -> Field:
    return Field("a", "a", options.pop("location", "body"), type_, **options)


def checked(given: Field, value: Any, **options: bool) -> Any:
    return check_arguments([given], {"a": value}, {}, **{"check_sids": True, "reading": False, **options})["a"]


def error_of(given: Field, value: Any, **options: bool) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        checked(given, value, **options)
    assert isinstance(caught.value.passed, str)
    return str(caught.value)


EXAM_PATTERN = "^EX[0-9a-f]{32}$"
FEW = field("number", minimum=1, maximum=3)
OPEN = field("number", above=0, below=2.5)
WORDS = field("string", enum=("a", "b c"))
FILE = "a file (bytes, a file opened in binary mode, or a tuple of name, one of these, and media type)"


@pytest.mark.parametrize(
    ("given", "value", "message"),
    [
        (field("string"), 5, "a string, got the number 5"),
        (field("string"), b"x", "a string, got a value of type bytes"),
        (field("comma"), 5, "a comma-separated string or a list of strings, got the number 5"),
        (field("integer"), "5", "an integer, got a string of length 1"),
        (field("integer"), True, "an integer, got a value of type bool"),
        (field("number"), "5", "a number, got a string of length 1"),
        (field("boolean"), 1, "True or False, got the number 1"),
        (field("array"), "x", "a list, got a string of length 1"),
        (field("object"), [], "an object (a generated model or a mapping), got a value of type list"),
        (field("timestamp"), None, "a time, got None. Omit the argument, or pass UNSET"),
        (field("date", required=True), None, "a date, got None. It is required"),
        (field("date"), 5, "a date, or a string like 2026-03-04, got the number 5"),
        (field("date"), "2026-03-04x", "a date, or a string like 2026-03-04, got a string of length 11"),
        (field("date"), "\u0662026-03-04", "a date, or a string like 2026-03-04, got a string of length 10"),
        (field("date"), datetime(2026, 3, 4), "a date, or a string like 2026-03-04, got a value of type datetime"),
        (field("uuid"), "x", "a UUID, got a string of length 1"),
        (field("uuid"), 5, "a UUID, got the number 5"),
        (field("file"), None, f"{FILE}, got None. Omit the argument, or pass UNSET"),
        (
            field("file"),
            5,
            "bytes, a file opened in binary mode, or (name, content, media type), got a value of type int",
        ),
        (field("any", location="query"), None, "a value, got None. Omit the argument, or pass UNSET"),
        (field("future"), None, "future, got None. Omit the argument, or pass UNSET"),
        # Enums, lists, unions.
        (WORDS, "c", "one of 'a', 'b c', got 'c'"),
        (WORDS, "c d", "one of 'a', 'b c', got 'c d'"),
        (WORDS, "c" * 40, f"one of 'a', 'b c', got '{'c' * 40}'"),
        (WORDS, "c" * 41, "one of 'a', 'b c', got a string of length 41"),
        (WORDS, "5", "one of 'a', 'b c', got a string of length 1"),
        (WORDS, "", "one of 'a', 'b c', got an empty string"),
        (WORDS, 5, "one of 'a', 'b c', got the number 5"),
        (WORDS._replace(sensitive=True), "c", "one of 'a', 'b c', got a string of length 1"),
        (field("integer", enum=(1, 2)), 3, "one of 1, 2, got the number 3"),
        (field("integer", enum=(1, 2), sensitive=True), 3, "one of 1, 2, got a value of type int"),
        (field("string", sensitive=True), 5, "a string, got a value of type int"),
        (field("array", items=WORDS), "a", "a list of 'a', 'b c', got a string of length 1"),
        (field("array", items=FEW), 5, "a list (each item: a number of at least 1 and at most 3), got the number 5"),
        (
            field("union", fields=(field("integer"), WORDS)),
            b"x",
            "an integer or one of 'a', 'b c', got a value of type bytes",
        ),
        (field("union", fields=(WORDS, WORDS)), 5, "one of 'a', 'b c', got the number 5"),
        (field("union", fields=(FEW, WORDS)), 4, "a number of at least 1 and at most 3, got 4"),
        (field("union", fields=(WORDS, FEW)), "x", "one of 'a', 'b c', got 'x'"),
        # Limits.
        (FEW, 0.5, "a number of at least 1 and at most 3, got 0.5"),
        (FEW, 4, "a number of at least 1 and at most 3, got 4"),
        (FEW._replace(sensitive=True), 4, "a number of at least 1 and at most 3, got ***"),
        (OPEN, 0, "a number of more than 0 and less than 2.5, got 0"),
        (OPEN, Decimal("2.5"), "a number of more than 0 and less than 2.5, got 2.5"),
        (field("number", minimum=1000001), 5, "a number of at least 1e+06, got 5"),
        (field("integer", multiple=5), 7, "an integer that is a multiple of 5, got 7"),
        (
            field("number", minimum=0, multiple=0.01),
            0.005,
            "a number of at least 0 that is a multiple of 0.01, got 0.005",
        ),
        (field("string", minimum=2), "x", "a string of at least 2 characters, got a string of length 1"),
        (field("string", maximum=1), "xy", "a string of at most 1 character, got a string of length 2"),
        (field("string", maximum=1, sensitive=True), "xy", "a string of at most 1 character, got ***"),
        (field("array", minimum=1), [], "a list of at least 1 item, got a list of 0"),
        (field("array", maximum=2), [1, 2, 3], "a list of at most 2 items, got a list of 3"),
        (field("number"), math.inf, "a finite number with at most 15 digits, got a number that is not finite"),
        # Patterns and encodings.
        (field("string", pattern="^x$"), "y", "a string matching ^x$, got a string of length 1"),
        (field("string", pattern="^x$"), "x\n", "a string matching ^x$, got a string of length 2"),
        (
            field("string", pattern=EXAM_PATTERN, sid="ExamSid"),
            "y",
            "an exam SID (EX and 32 of [0-9a-f]), got a string of length 1",
        ),
        (field("string"), "\ud800", "a string, got a string with a lone surrogate, which UTF-8 cannot encode"),
        (field("comma"), ["a", "\ud800"], "a string, got a string with a lone surrogate, which UTF-8 cannot encode"),
        # Filters that would filter nothing.
        (field("string", location="query"), "", "a string, got an empty string. It would match everything"),
        (field("string", location="query", nullable=True), None, "a string, got None. It would match everything"),
        # Objects.
        (field("object", fields=(field("string"),)), {"b": 1}, "the fields a, got the unknown field 'b'"),
        (
            field("object", fields=(field("string"), Field("", "c", "", "any"))),
            {"b": 1, "d": 2},
            "the fields a, c, got the unknown field 'b'",
        ),
        (
            field("object", fields=(field("string"),)),
            {"b" * 99: 1},
            f"the fields a, got the unknown field '{'b' * 60}'",
        ),
        (field("object", fields=(field("string", required=True),)), {}, "the field a, got an object without it"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() and value.isprintable() else "",
)
def test_an_error_says_what_was_expected_and_passed(given: Field, value: Any, message: str) -> None:
    assert error_of(given, value) == f"a: expected {message}"


@pytest.mark.parametrize(
    ("given", "value", "message"),
    [
        (field("string"), "", "a: expected a string, got an empty string. It would match everything"),
        (field("array"), [], "a: expected a list, got an empty list. It would match everything"),
        (
            field("array", items=field("string")),
            ["x", ""],
            "a[1]: expected a string, got an empty string. It would match everything",
        ),
    ],
)
def test_an_empty_filter_of_a_call_that_reads(given: Field, value: Any, message: str) -> None:
    assert error_of(given, value, reading=True) == message
    assert checked(given, value) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"in": [None]}, "a.in[0]: expected a string, got None. Omit the field"),
        ({"in": ["x", 5]}, "a.in[1]: expected a string, got the number 5"),
        ({"other": "x"}, "a.other: expected an integer, got a string of length 1"),
        ({"other": None}, "a.other: expected an integer, got None. Omit the field"),
    ],
)
def test_an_error_names_the_path(value: Any, message: str) -> None:
    inner = Field("", "in", "", "array", items=Field("", "", "", "string"))
    assert error_of(field("object", fields=(inner,), additional=Field("", "", "", "integer")), value) == message


@pytest.mark.parametrize(
    ("given", "value", "result"),
    [
        (FEW, 1, 1),
        (FEW, 3, 3),
        (OPEN, 2.4, 2.4),
        (field("number", multiple=0.01), 0.07, 0.07),
        (field("string", minimum=1, maximum=1), "x", "x"),
        (field("array", minimum=1, maximum=1), (5,), [5]),
        (field("boolean"), False, False),
        (field("array", items=field("any")), [None], [None]),
        (field("string", nullable=True), None, None),
        (field("string", location="body"), "", ""),
        (field("date"), "2026-03-04", "2026-03-04"),
        (field("date"), date(2026, 3, 4), "2026-03-04"),
        (field("uuid"), UUID(UUIDS[0]), UUIDS[0]),
        (field("uuid"), UUIDS[0].upper().replace("-", ""), UUIDS[0]),
        (field("file"), b"x", ("", b"x", "application/octet-stream")),
        (field("comma"), ["a", "b"], "a,b"),
        (field("future"), "as it is", "as it is"),
        (field("union", fields=(field("integer"), field("string"))), "x", "x"),
        (field("union", fields=(WORDS, field("string"))), "x", "x"),
        (field("object", additional=True, fields=(field("integer"),)), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (field("object"), {"b": None}, {"b": None}),
        (field("string", pattern=EXAM_PATTERN, sid="ExamSid"), EXAM, EXAM),
    ],
)
def test_what_is_accepted_goes_out_like_this(given: Field, value: Any, result: Any) -> None:
    found = checked(given, value)
    assert (found, type(found)) == (result, type(result))


def test_models_are_checked_as_they_were_set() -> None:
    documented = (Field("", "notes", "", "string"), Field("", "appointmentDateTime", "", "timestamp"))
    given = field("object", fields=documented)
    model = RescheduleExamSessionBody(notes="n", appointment_date_time=datetime(2026, 3, 4))
    assert error_of(given, model).startswith("a.appointmentDateTime: expected ")
    model = RescheduleExamSessionBody(notes="n")
    model["own"] = 1
    assert checked(given, model) == {"notes": "n", "own": 1}
    assert error_of(given, {"notes": "n", "own": 1}).endswith("got the unknown field 'own'")

    class Other:
        def to_dict(self) -> dict[str, str]:
            return {"notes": "o"}

    assert checked(given, Other()) == {"notes": "o"}


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"


class Count(int):
    pass


def test_subclasses_become_plain_values() -> None:
    assert type(checked(field("string"), Loud("x"))) is str
    assert checked(field("string"), Loud("x")) == "x"
    assert type(checked(field("integer"), Count(5))) is int


def test_sids_that_are_swapped_are_named_together() -> None:
    fields = [
        Field("exam", "exam", "path", "string", pattern=EXAM_PATTERN, sid="ExamSid"),
        Field("session", "session", "path", "string", pattern="^ES[0-9a-f]{32}$", sid="ExamSessionSid"),
        Field("third", "third", "path", "string", pattern="^XX[0-9a-f]{32}$", sid="ExamSid"),
    ]

    def message(**options: Any) -> str:
        arguments = {"exam": options.get("exam", EXAM), "session": options.get("session", SESSION)}
        with pytest.raises(InvalidSidError) as caught:
            check_arguments(
                fields, {**arguments, "third": options.get("third", UNSET)}, {}, check_sids=True, reading=False
            )
        return str(caught.value)

    wanted = "exam: expected an exam SID (EX and 32 of [0-9a-f]), got"
    swapped = f"{wanted} an exam session SID, {SESSION}. exam and session seem to be swapped"
    assert message(exam=SESSION, session=EXAM) == swapped
    # One of three may stand elsewhere; the first wrong one is named where no two were swapped.
    assert message(exam=SESSION, session=EXAM, third="x") == swapped
    assert message(exam="x", session=EXAM) == f"{wanted} a string of length 1"
    assert message(exam=SESSION, session="x") == f"{wanted} an exam session SID, {SESSION}"
    assert message(session=5).startswith(
        "session: expected an exam session SID (ES and 32 of [0-9a-f]), got the number 5"
    )
    unchecked = check_arguments(fields, {"exam": "x", "session": EXAM}, {}, check_sids=False, reading=False)
    assert unchecked == {"exam": "x", "session": EXAM}
    # Without checks a SID is still a string, and other patterns hold.
    assert error_of(fields[0]._replace(name="a"), 5, check_sids=False).startswith("a: expected an exam SID")
    assert (
        error_of(field("string", pattern="^x$"), "y", check_sids=False)
        == "a: expected a string matching ^x$, got a string of length 1"
    )


def test_where_values_come_from() -> None:
    install = Field("install", "install", "path", "string", required=True, client_default="install_sid")
    other = Field("b", "b", "body", "string", required=True)

    def found(arguments: dict[str, Any], **defaults: Any) -> dict[str, Any]:
        return check_arguments([install, other], {"b": "y", **arguments}, defaults, check_sids=True, reading=False)

    assert found({"install": "x"}, install_sid="z") == {"install": "x", "b": "y"}
    assert found({}, install_sid="z") == {"install": "z", "b": "y"}
    assert found({}, install_sid="z", **{"": "q"}) == {"install": "z", "b": "y"}
    with pytest.raises(ConfigurationError) as caught:
        found({}, install_sid=None)
    assert str(caught.value) == "no install: pass `install=` to the client or to the call"
    with pytest.raises(InvalidArgumentError) as wrong:
        found({"b": UNSET}, install_sid="z")
    assert str(wrong.value) == "b: expected a string, got nothing. It is required"
    # For `None` the client's own value would be a surprise.
    with pytest.raises(InvalidArgumentError) as wrong:
        found({"install": None}, install_sid="z")
    assert str(wrong.value) == "install: expected a string, got None. Omit the argument, or pass UNSET"
