"""The runtime alone: each rule of encoding, and what responses must be."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invigilate_runtime import (
    UNSET,
    Call,
    Field,
    InvalidValue,
    Operation,
    PagedCall,
    Pagination,
    UndecodableResponse,
    Unset,
    check_complete,
    comma_separated,
    dump,
    exact_float,
    format_timestamp,
    header_value,
    parse_timestamp,
    path_segment,
    query_pairs,
    read_json,
    read_page,
    read_response,
)

CANARY = "canary-4242424242424242"
UTF_8 = st.text(st.characters(exclude_categories=["Cs"]))


class Color(str, Enum):  # noqa: UP042 (the older kind, whose str() is not its value)
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Shouting(str):
    def __str__(self) -> str:
        return "another string"


class Model:
    """Dumped and shown as a generated model is."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = dump(self.fields)
        return plain


def refused(rule: Any, *values: Any) -> InvalidValue:
    """The error of a rule, which shows nothing of the value."""
    with pytest.raises(InvalidValue) as caught:
        rule(*values)
    error = caught.value
    assert isinstance(error, ValueError)
    assert "anary" not in str(error)
    assert str(error).isprintable()
    assert str(error) == f"expected {error.expected}, got {error.passed}"
    return error


def test_importing_it_imports_no_io_and_no_http_library() -> None:
    program = "import sys, invigilate_runtime; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in json.loads(done.stdout.replace("'", '"'))}
    assert "invigilate_runtime" in found
    assert not found & {"httpx", "httpcore", "h11", "anyio", "asyncio", "ssl", "socket", "attrs", "attr", "dateutil"}
    assert not found & {"invigilate", "smarterproctoring_client", "ispring_learn_client", "msgspec"}


# Paths


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("EX0123", "EX0123"),
        ("a.b-c_d~e", "a.b-c_d~e"),
        ("~", "~"),
        ("a..", "a.."),
        ("...", "..."),
        (".a", ".a"),
        ("jo@example.org", "jo%40example.org"),
        ("urn:isbn:1?a=b#c", "urn%3Aisbn%3A1%3Fa%3Db%23c"),
        ("100% {a};b", "100%25%20%7Ba%7D%3Bb"),
        ("\u00e9", "%C3%A9"),
        (["a", "b c", 5], "a,b%20c,5"),
        (datetime(2026, 3, 4, tzinfo=UTC), "2026-03-04T00%3A00%3A00.000Z"),
        (5, "5"),
        (-1, "-1"),
        (1.5, "1.5"),
        (True, "true"),
        (Color.RED, "red"),
        (Number.ONE, "1"),
        (date(2026, 3, 4), "2026-03-04"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Shouting("plain"), "plain"),
    ],
)
def test_a_path_segment(value: Any, segment: str) -> None:
    written = path_segment(value)
    assert written == segment
    assert type(written) is str


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            ".",
            "..",
            "..;",
            ";a",
            "a/b",
            "a\\b",
            "a%2fb",
            "%2e",
            "%252e%252e;",
            "a\n",
            "\0",
            "\x85",
            "\uff0e",
            "\uff0f",
        ),
        *("\u2025", "%ef%bc%8e", "\ud800", None, [], ["a,b"], ["a", ".."[:0]], {}, b"a", {1}, object(), float("nan")),
    ],
    ids=lambda value: ascii(value) if isinstance(value, str) else type(value).__name__,
)
def test_what_could_leave_its_segment_is_refused(value: Any) -> None:
    refused(path_segment, value)


@given(st.text() | st.from_regex(r"[A-Za-z0-9._~-]+", fullmatch=True))
@example("..;")
@example("%2e%2e")
def test_a_segment_stays_what_it_is_however_often_a_server_decodes_it(text: str) -> None:
    try:
        segment = path_segment(text)
    except InvalidValue:
        assert not re.fullmatch(r"[A-Za-z0-9_~@:-][A-Za-z0-9._~@:-]*", text)
        return
    assert re.fullmatch(r"(?:[A-Za-z0-9._~,-]|%[0-9A-F]{2})+", segment)
    path = urlsplit(f"https://host/a/{segment}/b?c").path
    assert unquote(path) == f"/a/{text}/b"
    while "%" in path:
        path, before = normalize("NFKC", unquote(path)), path
        if path == before:
            break
    # A server may cut a segment at `;`.
    assert [part.split(";")[0] in {"", ".", ".."} for part in path.split("/")] == [True, False, False, False]


# Headers


@pytest.mark.parametrize("value", ["a", "a b", "!~", 5, True, 1.5, Color.RED])
def test_a_header_value(value: Any) -> None:
    assert header_value(value) == {True: "true", Color.RED: "red"}.get(value, str(value))


@pytest.mark.parametrize(
    ("value", "style", "written"),
    [
        (["a", 5, True], "", "a,5,true"),
        ({"x": 1, "y": False}, "", "x,1,y,false"),
        ({"x": 1, "y": False}, "pairs", "x=1,y=false"),
        (["a b"], "pairs", "a b"),
    ],
)
def test_arrays_and_objects_in_a_header(value: Any, style: str, written: str) -> None:
    assert header_value(value, style) == written
    wrongs: list[Any] = [{"a": [1]}, {"a": "b,c"}, {"a": None}, [["a"]], {"a": {}}]
    for wrong in wrongs:
        refused(header_value, wrong, style)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " a",
        "a ",
        "a\r\nX: 1",
        "a\nb",
        "a\0",
        "\x7f",
        "é",
        "\u2028",
        "\ud800",
        None,
        [],
        ["a,b"],
        [None],
        {},
        b"a",
        {1},
    ],
    ids=ascii,
)
def test_what_cannot_stand_in_a_header_is_refused(value: Any) -> None:
    refused(header_value, value)


@given(st.text())
def test_a_header_is_printable_ascii(text: str) -> None:
    if text and text == text.strip(" ") and all(" " <= letter <= "~" for letter in text):
        assert header_value(text) == text
    else:
        refused(header_value, text)


# Queries and forms


@given(name=UTF_8.filter(bool), values=st.lists(UTF_8, min_size=1))
def test_a_query_is_read_as_it_was_meant(name: str, values: list[str]) -> None:
    pairs = query_pairs(name, values)
    assert parse_qsl("&".join(pairs), keep_blank_values=True, errors="strict") == [(name, value) for value in values]
    assert query_pairs(name, values[0]) == pairs[:1]
    assert all(pair.isascii() and pair.isprintable() and " " not in pair and "+" not in pair for pair in pairs)


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("", ["a="]),
        (["x", "y"], ["a=x", "a=y"]),
        (("x", 5, True), ["a=x", "a=5", "a=true"]),
        (False, ["a=false"]),
        (0.1, ["a=0.1"]),
        (Decimal("0.10"), ["a=0.1"]),
        (datetime(2026, 3, 4, tzinfo=UTC), ["a=2026-03-04T00%3A00%3A00.000Z"]),
        (date(2026, 3, 4), ["a=2026-03-04"]),
        ([Color.RED, Number.ONE], ["a=red", "a=1"]),
        (Shouting("a b"), ["a=a%20b"]),
    ],
)
def test_query_pairs(value: Any, pairs: list[str]) -> None:
    assert query_pairs("a", value) == pairs


@pytest.mark.parametrize(
    ("value", "style", "pairs"),
    [
        ({"x": 1, "y z": "ü,"}, "deepObject", ["a%5B%5D%5Bx%5D=1", "a%5B%5D%5By%20z%5D=%C3%BC%2C"]),
        ({"x": 1, "y": True}, "form", ["x=1", "y=true"]),
        ({"x": 1, "y": UNSET}, "form", ["x=1"]),
        ({"x": 1, "y": 2}, "comma", ["a%5B%5D=x,1,y,2"]),
        (["b&", 5], "comma", ["a%5B%5D=b%26,5"]),
        (["b", 5], "", ["a%5B%5D=b", "a%5B%5D=5"]),
        ("b,c", "comma", ["a%5B%5D=b,c"]),
    ],
)
def test_styles_of_a_query(value: Any, style: str, pairs: list[str]) -> None:
    assert query_pairs("a[]", value, style) == pairs


@pytest.mark.parametrize("style", ["deepObject", "form", "comma"])
@pytest.mark.parametrize("value", [{}, {"x": None}, {"x": []}, {"x": {}}, {"x": float("nan")}, {"x": UNSET}, []])
def test_what_has_no_form_in_a_style_is_refused(style: str, value: Any) -> None:
    refused(query_pairs, "a", value, style)


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], (), [None], {}, {"a": CANARY}, {CANARY}, CANARY.encode(), object(), [["x"]], [{}], "\ud800", 5j),
        *(float("nan"), float("inf"), [1, float("-inf")], Decimal("NaN")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_in_a_query_is_refused(value: Any) -> None:
    refused(query_pairs, "a", value)


# Comma-separated strings


@given(st.lists(st.text(min_size=1).filter(lambda text: "," not in text), min_size=1))
def test_a_list_of_strings_becomes_one_string(items: list[str]) -> None:
    assert comma_separated(items).split(",") == items
    assert comma_separated(tuple(items)) == comma_separated(comma_separated(items)) == comma_separated(items)


@pytest.mark.parametrize(
    ("items", "position"), [(["a", "b,c"], 1), ([""], 0), (["a", None], 1), ([5], 0), ([["a"]], 0), ([], None)]
)
def test_an_item_that_would_become_another_number_of_items_is_refused(items: Any, position: int | None) -> None:
    assert refused(comma_separated, items).position == position


# Decimals


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=4))
@example(Decimal("0.1"))
@example(Decimal("1e400"))
@example(Decimal("-0"))
def test_a_decimal_keeps_its_digits_or_is_refused(value: Decimal) -> None:
    try:
        number = exact_float(value)
    except InvalidValue:
        assert len(value.as_tuple().digits) > 15 or abs(value.adjusted()) > 300
        assert refused(exact_float, value).passed == "a Decimal with more digits"
    else:
        assert Decimal(json.dumps(number)) == value


@pytest.mark.parametrize("value", ["NaN", "sNaN", "-sNaN123", "Infinity", "-Infinity"])
def test_a_decimal_that_is_not_finite_is_refused(value: str) -> None:
    assert refused(exact_float, Decimal(value)).passed == "a number that is not finite"


# Times


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES)


@given(MOMENTS)
def test_a_time_goes_out_in_utc_with_milliseconds(moment: datetime) -> None:
    written = format_timestamp(moment)
    assert len(written) == 24
    assert written.endswith("Z")
    cut = moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_timestamp(written) == cut
    assert format_timestamp(written) == format_timestamp(moment.isoformat()) == written


@given(MOMENTS, st.integers(0, 10**9 - 1), st.sampled_from("Tt "))
def test_digits_beyond_microseconds_are_cut(moment: datetime, nanoseconds: int, separator: str) -> None:
    start, zone = moment.replace(microsecond=0).isoformat(sep=separator)[:19], moment.isoformat()[-6:]
    parsed = parse_timestamp(f"{start}.{nanoseconds:09}{zone}")
    assert parsed == moment.replace(microsecond=nanoseconds // 1000)
    assert parsed.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    ("value", "passed"),
    [
        ("", "an empty string"),
        ("tomorrow", "a string of length 8"),
        ("2026-03-04", "a date without time and UTC offset"),
        ("2026-03-04T15:30:00", "a time without UTC offset"),
        ("2026-03-04 15:30", "a time without UTC offset"),
        ("2026-02-30T15:30:00Z", "a time that does not exist"),
        ("2026-03-04T24:00:00Z", "a time that does not exist"),
        ("2026-03-04T15:30:60Z", "a time that does not exist"),
        ("2026-03-04T15:30:00+24:00", "a time that does not exist"),
        ("2026-03-04T15:30:00-01:60", "a time that does not exist"),
        ("0000-03-04T15:30:00Z", "a time that does not exist"),
        ("2026-03-04T15:30:00Z\n", "a string of length 21"),
        ("\u0662026-03-04T15:30:00Z", "a string of length 20"),
        (None, "None"),
        (1772638200, "a value of type int"),
        (date(2026, 3, 4), "a value of type date"),
        (b"2026-03-04T15:30:00Z", "a value of type bytes"),
    ],
)
def test_what_is_not_a_time_with_an_offset_is_refused(value: Any, passed: str) -> None:
    assert refused(parse_timestamp, value).passed == refused(format_timestamp, value).passed == passed


def test_times_without_zone_or_beyond_the_calendar_are_refused() -> None:
    assert refused(format_timestamp, datetime(2026, 3, 4)).passed == "a datetime without time zone"
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    for moment in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        assert refused(format_timestamp, moment).passed == "a time outside of the years 1 to 9999"


# JSON


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": UNSET, "b": [UNSET, 1, (UNSET, None)]}, {"b": [1, [None]]}),
        (datetime(2026, 3, 4, 16, 30, tzinfo=timezone(timedelta(hours=1))), "2026-03-04T15:30:00.000Z"),
        (date(2026, 3, 4), "2026-03-04"),
        (time(15, 30), "15:30:00"),
        (Decimal("12.50"), 12.5),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([Color.RED, Number.ONE], ["red", 1]),
        (Model(when=date(2026, 3, 4), none=UNSET), {"when": "2026-03-04"}),
        ([{"deep": Model(x=[Model(y=Decimal(1))])}], [{"deep": {"x": [{"y": 1.0}]}}]),
        ("text", "text"),
        (None, None),
        (True, True),
    ],
)
def test_dump(value: Any, plain: Any) -> None:
    dumped = dump(value)
    assert dumped == plain
    assert json.loads(json.dumps(dumped)) == plain


@pytest.mark.parametrize("value", [datetime(2026, 3, 4), Decimal("NaN"), Decimal("0.12345678901234567890")])
def test_what_json_cannot_carry_is_refused_at_any_depth(value: Any) -> None:
    refused(dump, {"a": [{"b": (value,)}]})


def test_deep_values_take_one_frame_a_level() -> None:
    value: Any = "leaf"
    for _ in range(900):
        value = [value]
    program = "import sys; from invigilate_runtime import dump; value = 'leaf'\n"
    program += "for _ in range(sys.getrecursionlimit() - 60): value = [value]\n"
    program += "dump(value)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert dump(value) == value


# Operations


def operation(**changes: Any) -> Operation[Any]:
    fields = (
        Field("name", "name", "query", "string"),
        Field("id_", "id", "path", "string"),
        Field("tags", "tags[]", "query", "array"),
        Field("account", "X-Account", "header", "string"),
        Field("notes", "notes", "body", "string"),
        Field("words", "matchStrings", "body", "comma"),
        Field("open", "openDate", "body", "timestamp"),
    )
    return Operation(
        **{
            "id": "putThing",
            "method": "PUT",
            "path": "/things/{id}/x",
            "idempotent": True,
            "returns": "any",
            "read": lambda value: value,
            "documentation": "",
            "fields": fields,
            "media": "application/json",
            **changes,
        }
    )


def test_arguments_go_where_they_are_documented() -> None:
    method, target, headers, content = operation().request(
        {
            "open": datetime(2026, 3, 4, tzinfo=UTC),
            "words": ["a", "b c"],
            "notes": "ü",
            "account": "acme",
            "tags": ["x", "&"],
            "name": "n",
            "id_": "T1",
            "unknown": 1,
        }
    )
    assert (method, target) == ("PUT", "/things/T1/x?name=n&tags%5B%5D=x&tags%5B%5D=%26")
    assert headers == {"Accept": "application/json", "X-Account": "acme", "Content-Type": "application/json"}
    assert content == '{"notes":"ü","matchStrings":"a,b c","openDate":"2026-03-04T00:00:00.000Z"}'.encode()


def test_what_is_unset_is_not_sent() -> None:
    request = operation().request(
        dict.fromkeys(("name", "tags", "account", "notes", "words", "open"), UNSET) | {"id_": "T"}
    )
    assert (request.target, request.content) == ("/things/T/x", b"{}")
    assert "X-Account" not in request.headers
    optional = operation(body_required=False)
    assert optional.request({"id_": "T"}).content is None
    assert "Content-Type" not in optional.request({"id_": "T"}).headers
    assert optional.request({"id_": "T"}, body=Model()).content == b"{}"
    assert operation(media=None).request({"id_": "T", "notes": "x"}).content is None
    assert operation().request({"id_": "T", "notes": None, "open": None}).content == b'{"notes":null,"openDate":null}'


def test_a_body_may_be_a_model_and_a_form() -> None:
    form = operation(media="application/x-www-form-urlencoded")
    request = form.request({"id_": "T"}, body=Model(a="x&y", b=[1, True], c=UNSET))
    assert request.content == b"a=x%26y&b=1&b=true"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_path_argument_is_required_and_replaces_nothing_else() -> None:
    with pytest.raises(ValueError, match=r"^id_: a path argument is required$"):
        operation().request({})
    fields = (Field("a", "a", "path", "string"), Field("b", "b", "path", "string"))
    assert operation(path="/{a}/{b}/{a}", fields=fields).request({"a": "1", "b": "2"}).target == "/1/2/{a}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"id_": "a/b"}, "id_: expected a string other than"),
        ({"id_": "T", "account": "a\nb"}, "account: expected a string of printable ASCII"),
        ({"id_": "T", "tags": []}, "tags: expected at least one value"),
        ({"id_": "T", "name": {CANARY}}, "name: expected a string that UTF-8 can encode, a finite number or a boolean"),
        ({"id_": "T", "words": ["a,b"]}, "words: expected a string without a comma"),
        ({"id_": "T", "open": datetime(2026, 3, 4)}, "open: expected an aware datetime"),
        ({"id_": "T", "open": CANARY}, "open: expected an aware datetime"),
        ({"id_": "T", "notes": [Decimal("NaN")]}, "notes: expected a finite number"),
    ],
)
def test_a_value_that_cannot_be_written_names_its_argument(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        operation().request(arguments)
    assert str(caught.value).startswith(said)
    assert CANARY not in str(caught.value)


def test_calls_keep_what_was_passed_and_show_no_values() -> None:
    call = Call(operation(), {"id_": "T", "notes": CANARY, "name": UNSET})
    assert call.arguments == {"id_": "T", "notes": CANARY}
    assert repr(call) == "<Call putThing(id_, notes)>"
    paging = Pagination("offset", rows="rows", parameter="offset")
    paged = PagedCall(operation(pagination=paging), {"name": CANARY}, lambda rows: [row["n"] for row in rows])
    assert repr(paged) == "<PagedCall putThing(name)>"
    assert paged.pagination == paging
    assert paged.decode_page(b'{"rows": [{"n": 1}], "total": 5}') == ([1], {"total": 5})
    assert CANARY not in repr(operation().request({"id_": "T", "notes": CANARY, "name": CANARY}))


# Responses


@pytest.mark.parametrize(
    ("returns", "content", "found"),
    [
        ("object", b'{"a": 1}', {"a": 1}),
        ("array", b"[1]", [1]),
        ("string", b'"a"', "a"),
        ("none", b" \n", None),
        ("any", b"null", None),
        ("any", b"[1]", [1]),
    ],
)
def test_decoding(returns: str, content: bytes, found: object) -> None:
    assert operation(returns=returns).decode(content) == found


@pytest.mark.parametrize(
    ("returns", "content", "said"),
    [
        ("object", b"[]", "expected a JSON object, got an array"),
        ("object", b"null", "expected a JSON object, got null"),
        ("array", b"{}", "expected a JSON array, got an object"),
        ("string | object", b"[]", "expected a JSON string or object, got an array"),
        ("string | object", b"<p>", "expected a JSON string or object, got 3 bytes that are not JSON"),
        ("object | none", b"[]", "expected a JSON object or none, got an array"),
        ("object | null", b"", "the response is empty, not JSON"),
        ("string", b"true", "expected a JSON string, got a boolean"),
        ("string", b"", "expected a JSON string, got an empty body"),
        ("none", CANARY.encode(), "expected no content or JSON, got 23 bytes of something else"),
        ("any", b"", "the response is empty, not JSON"),
        ("any", CANARY.encode(), "the response is not JSON (23 bytes)"),
        ("any", b"[" * 100_000, "the response is not JSON (100000 bytes)"),
    ],
)
def test_what_is_not_documented_cannot_be_decoded(returns: str, content: bytes, said: str) -> None:
    with pytest.raises(UndecodableResponse) as caught:
        operation(returns=returns).decode(content)
    assert str(caught.value) == said
    assert caught.value.__context__ is None


def test_a_string_may_be_plain_where_it_is_declared() -> None:
    assert read_response(b"It is done.\n", "string", "text/plain; charset=utf-8") == "It is done."
    for content, media in ((b"done", "text/html"), (b"<p>", "text/plain"), (b'{"a":', "text/plain"), (b"done", "")):
        with pytest.raises(UndecodableResponse, match="expected a JSON string, got"):
            read_response(content, "string", media)


@pytest.mark.parametrize(
    "content", [b"0a1b-2", b"00012", b"12", b"1e5", b"1.50", b"TRUE", b" abc\r\n", b"\xef\xbb\xbfabc"]
)
def test_one_bare_word_may_stand_for_a_json_string(content: bytes) -> None:
    """Servers write IDs with and without quotes; no digit of one is lost."""
    word = content.removeprefix(b"\xef\xbb\xbf").strip().decode()
    for returns in ("string", "string | object", "string | object | none"):
        assert read_response(content, returns, "application/json; charset=utf-8") == word
    for returns in ("object", "array | none"):
        with pytest.raises(UndecodableResponse):
            read_response(content, returns, "application/json")


@pytest.mark.parametrize(
    "content", [b"two words", b"<p>", b'"ab', b"{", b"[1", b"\xff", b"true", b"null", b"", b"ab\0"]
)
def test_what_is_not_one_word_is_not_a_json_string(content: bytes) -> None:
    with pytest.raises(UndecodableResponse, match="expected a JSON string, got"):
        read_response(content, "string", "application/json")


@pytest.mark.parametrize(
    ("returns", "content", "media", "found"),
    [
        ("string | object", b'"a"', "application/json", "a"),
        ("string | object", b'{"a": 1}', "", {"a": 1}),
        ("object | none", b" ", "application/json", None),
        ("object | none", b"null", "application/json", None),
        ("object | null", b"null", "application/json", None),
        ("array | object", b"[]", "application/json", []),
        ("bytes", b"\x00\xff", "application/json", b"\x00\xff"),
        ("bytes", b"", "", b""),
        ("text", "\u00fc".encode(), "text/csv", "\u00fc"),
        ("text", b"\xfc<", 'text/html; Charset="ISO-8859-1"', "\u00fc<"),
        ("text", b"\xfc", "text/plain; charset=no-such", "\ufffd"),
        ("text", b"", "", ""),
    ],
)
def test_documented_types(returns: str, content: bytes, media: str, found: object) -> None:
    value = read_response(content, returns, media)
    assert value == found
    assert type(value) is type(found)


def test_a_page_is_an_object_with_rows() -> None:
    assert read_page(b'{"rows": [1], "next": null}', "rows", 200) == ([1], {"next": None})
    for content in (b"[]", b"{}", b'{"rows": {}}', b'{"rows": null}', b'"rows"'):
        with pytest.raises(UndecodableResponse, match="the response has no list `rows`"):
            read_page(content, "rows", 200)
    for content in (b"", b"<html>"):
        with pytest.raises(UndecodableResponse, match="not JSON"):
            read_json(content)


def test_accepted_and_partial_responses_are_less_than_a_success() -> None:
    for status in (200, 201, 203, 204, 205, 299):
        check_complete(status)
    for status, said in ((202, "only accepted"), (206, "partial")):
        for work in (lambda code: check_complete(code), lambda code: read_page(b'{"rows": []}', "rows", code)):
            with pytest.raises(UndecodableResponse, match=said):
                work(status)
    assert operation(success=(202,)).decode(b"1", status=202) == 1


# UNSET


def test_unset_is_one_falsy_object() -> None:
    assert not UNSET
    assert (repr(UNSET), str(UNSET)) == ("UNSET", "UNSET")
    for twin in (copy.copy(UNSET), copy.deepcopy(UNSET), pickle.loads(pickle.dumps(UNSET)), Unset("UNSET")):
        assert twin is UNSET
    assert [value or UNSET for value in (None, "", "x")] == [UNSET, UNSET, "x"]
