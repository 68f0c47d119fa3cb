"""What real specifications use: styles, media types, files, and several types of a success, on the wire.

Each case runs through the facade, sync and async, and through the functions of the generated package alone.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from invigilate import InvalidArgumentError, OutcomeUnknownError, ResponseDecodeError
from tests.golden.generated.nasty_client import AuthenticatedClient
from tests.golden.generated.nasty_client.api.wire import (
    create_ids,
    get_wire,
    post_either,
    post_text,
    put_bytes,
    put_cell,
    search_cells,
    upload_files,
)
from tests.golden.generated.nasty_client.models.cell import Cell
from tests.golden.generated.nasty_client.models.named import Named
from tests.golden.generated.nasty_client.models.range_ import Range
from tests.golden.generated.nasty_client.models.upload_files_body import UploadFilesBody
from tests.support.modes import ispring, run, settle
from tests.support.recorder import Answer, Answerer, RecordedRequest, Recorder

Wire = Callable[[str | Answerer], Recorder]
FACADE = ("facade", "async facade")
MODES = (*FACADE, "sync", "asyncio")
every_mode = pytest.mark.parametrize("mode", MODES)
ID = "0a1b2c3d-0000-4000-8000-00000000000e"
PATH: dict[str, Any] = {"urn": "urn:isbn:1", "numbers": [1, 2]}
TARGET = "/wire/urn%3Aisbn%3A1/1,2"


def send(mode: str, url: str, module: ModuleType, flat: dict[str, Any], alone: dict[str, Any] | None = None) -> Any:
    """Call an operation, and return what it returns.

    Args:
        flat: the arguments of the facade.
        alone: those of the generated functions, if others.
    """
    given = flat if alone is None else alone
    if mode in FACADE:

        async def scenario() -> Any:
            async with ispring("sync" if mode == "facade" else "asyncio", url) as client:
                call = module.describe(**flat)
                return await settle(client.pages(call).collect() if call.operation.pagination else client.execute(call))

        return run("sync" if mode == "facade" else "asyncio", scenario)
    client = AuthenticatedClient(base_url=url, token="T0ken")
    if mode == "sync":
        with client:
            return module.sync(client=client, **given)

    async def alone_async() -> Any:
        async with client:
            return await module.asyncio(client=client, **given)

    return asyncio.run(alone_async())


def reply(content: bytes, media: str = "application/json", status: int = 200) -> Answerer:
    return lambda _: Answer(status, content, (("Content-Type", media),) if media else ())


@dataclass
class Case:
    """A query or headers, and how they are written."""

    given: dict[str, Any]
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])


STYLES = {
    "brackets in the name": Case(
        {"departments": [ID, UUID(int=1)]},
        f"departments%5B%5D={ID}&departments%5B%5D={UUID(int=1)}",
    ),
    "deepObject of a mapping": Case(
        {"range_": {"startDate": datetime(2026, 3, 4, 1, tzinfo=UTC), "kind": "open"}},
        "range%5BstartDate%5D=2026-03-04T01%3A00%3A00.000Z&range%5Bkind%5D=open",
    ),
    "deepObject of a model": Case({"range_": Range(end_date=date(2026, 3, 4))}, "range%5BendDate%5D=2026-03-04"),
    "deepObject of any keys": Case({"filter_": {"a b": 1, "c]": 9}}, "filter%5Ba%20b%5D=1&filter%5Bc%5D%5D=9"),
    "commas": Case({"commas": ["a&b", "c d"]}, "commas=a%26b,c%20d"),
    "an object with commas": Case({"flat": {"x": 1, "y": 2}}, "flat=x,1,y,2"),
    "an object in parameters": Case({"spread": Cell(x=1, y=2)}, "x=1&y=2"),
    "numbers": Case({"step": Decimal("0.3"), "few": ["ab", "abcd"]}, "few=ab&few=abcd&step=0.3"),
    "a boolean header": Case({"x_return_object": False}, headers={"X-Return-Object": "false"}),
    "an integer header": Case({"x_number": 7}, headers={"X-Number": "7"}),
    "array headers": Case(
        {"x_ids": ["a", "b c"], "x_exploded": [1, 2]}, headers={"X-Ids": "a,b c", "X-Exploded": "1,2"}
    ),
    "object headers": Case(
        {"x_cell": {"x": 1, "y": 2}, "x_pairs": {"x": 1, "y": 2}}, headers={"X-Cell": "x,1,y,2", "X-Pairs": "x=1,y=2"}
    ),
}


@every_mode
@pytest.mark.parametrize("name", STYLES)
def test_styles(wire: Wire, name: str, mode: str) -> None:
    case = STYLES[name]
    recorder = wire(reply(b'"an-id"'))
    assert send(mode, recorder.url, get_wire, PATH | case.given) == "an-id"
    request = recorder.only()
    assert (request.path, request.query) == (TARGET, case.query)
    sent = {key: value for key, value in request.headers if key in dict(STYLED)}
    assert sent == case.headers
    assert request.header("accept") == "application/json"


STYLED = [(name, None) for case in STYLES.values() for name in case.headers]


@every_mode
@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("jo.doe+x@example.org", "jo.doe%2Bx%40example.org"),
        ("urn:oid:1.2?=a#b", "urn%3Aoid%3A1.2%3F%3Da%23b"),
        ("50% {numbers};\u00fc", "50%25%20%7Bnumbers%7D%3B%C3%BC"),
    ],
)
def test_path_values_are_escaped(wire: Wire, value: str, segment: str, mode: str) -> None:
    recorder = wire(reply(b'"x"'))
    send(mode, recorder.url, get_wire, PATH | {"urn": value})
    assert recorder.only().target == f"/wire/{segment}/1,2"


@every_mode
@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b", "a\n", "%2e%2e", "..;x", "\uff0e\uff0e"])
def test_path_values_that_could_lead_elsewhere_are_refused(wire: Wire, value: str, mode: str) -> None:
    recorder = wire(reply(b'"x"'))
    with pytest.raises(ValueError, match=r"^urn: expected a string"):
        send(mode, recorder.url, get_wire, PATH | {"urn": value})
    assert recorder.requests == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a UUID in brackets": ({"departments": ["x"]}, "departments[0]: expected a UUID"),
    "a key": (
        {"range_": {"start": "x"}},
        "range_: expected the fields startDate, endDate, kind, got the unknown field",
    ),
    "a time": ({"range_": {"startDate": datetime(2026, 3, 4)}}, "range_.startDate: "),
    "a word": ({"range_": {"kind": "ajar"}}, "range_.kind: expected one of 'open', 'closed', got 'ajar'"),
    "no key": ({"range_": {}}, "range_: expected at least one value, got an empty object"),
    "typed keys": ({"filter_": {"a": 1, "b": "2"}}, "filter_.b: expected an integer of at most 9, got a string"),
    "large values": ({"filter_": {"a": 10}}, "filter_.a: expected an integer of at most 9, got 10"),
    "a comma": ({"commas": ["a,b"]}, "commas[0]: expected a string without a comma, got a string with a comma"),
    "an empty item": ({"commas": [""]}, "commas[0]: expected a string of at least 1 character, got an empty string"),
    "few items": ({"few": ["ab"]}, "few: expected a list (each item: a string of at least 2 characters and at most 4"),
    "many items": ({"few": ["ab"] * 4}, "of at least 2 items and at most 3 items, got a list of 4"),
    "short": (
        {"few": ["ab", "a"]},
        "few[1]: expected a string of at least 2 characters and at most 4 characters, got a st",
    ),
    "long": (
        {"few": ["ab", "abcde"]},
        "few[1]: expected a string of at least 2 characters and at most 4 characters, got",
    ),
    "exclusive below": (
        {"step": 0},
        "step: expected a number of more than 0 and less than 1 that is a multiple of 0.1, got",
    ),
    "exclusive above": (
        {"step": 1.0},
        "step: expected a number of more than 0 and less than 1 that is a multiple of 0.1, g",
    ),
    "no multiple": (
        {"step": 0.25},
        "step: expected a number of more than 0 and less than 1 that is a multiple of 0.1, got",
    ),
    "a string": ({"x_return_object": "true"}, "x_return_object: expected True or False"),
    "a header below": ({"x_number": 0}, "x_number: expected an integer of at least 1"),
    "a comma in a header": ({"x_ids": ["a,b"]}, "x_ids[0]: expected a string without a comma"),
    "a header of two lines": ({"x_ids": ["a\nb"]}, "x_ids: expected a string of printable ASCII characters"),
    "an object in a header": ({"x_cell": {"z": 1}}, "x_cell: expected the fields x, y"),
}


@pytest.mark.parametrize("mode", FACADE)
@pytest.mark.parametrize("name", REFUSED)
def test_the_facade_refuses_what_the_specification_rules_out(wire: Wire, name: str, mode: str) -> None:
    given, message = REFUSED[name]
    recorder = wire(reply(b'"x"'))
    with pytest.raises(InvalidArgumentError) as caught:
        send(mode, recorder.url, get_wire, PATH | given)
    assert message in str(caught.value)
    assert recorder.requests == []


@pytest.mark.parametrize("step", [0.1, 0.3, 0.7, Decimal("0.2"), Decimal("0.90")])
def test_multiples_are_exact(wire: Wire, step: Any) -> None:
    recorder = wire(reply(b'"x"'))
    send("facade", recorder.url, get_wire, PATH | {"step": step})
    assert recorder.only().query == f"step={float(step)}"


# Responses


@every_mode
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    ("body", "value"),
    [
        (f'"{ID}"'.encode(), ID),
        (ID.encode(), ID),
        (b"0012\r\n", "0012"),
        (b'{"name": "n", "more": [1]}', {"name": "n", "more": [1]}),
    ],
    ids=["quoted", "bare", "digits", "object"],
)
def test_a_string_or_an_object(wire: Wire, body: bytes, value: Any, status: int, mode: str) -> None:
    found = send(mode, wire(reply(body, status=status)).url, get_wire, PATH)
    assert isinstance(found, Named if isinstance(value, dict) else str)
    assert (found.to_dict() if isinstance(found, Named) else found) == value


@every_mode
def test_what_is_neither_a_string_nor_an_object_raises(wire: Wire, mode: str) -> None:
    with pytest.raises((ResponseDecodeError, ValueError), match="expected a JSON string or object, got an array"):
        send(mode, wire(reply(b"[]")).url, get_wire, PATH)


@every_mode
def test_an_array_as_body_and_an_id(wire: Wire, mode: str) -> None:
    recorder = wire(reply(f'"{ID}"'.encode(), status=201))
    cells = [Cell(x=1), {"y": 2}]
    assert send(mode, recorder.url, create_ids, {"request_body": cells, "body": "q"}) == ID
    request = recorder.only()
    assert (request.query, request.body) == ("body=q", b'[{"x":1},{"y":2}]')
    assert request.header("content-type") == request.header("accept") == "application/json"


@pytest.mark.parametrize("mode", FACADE)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            [],
            "request_body: expected a list (each item: an object (a generated model or a mapping)) of at least 1 item",
        ),
        ([{"z": 1}], "request_body[0]: expected the fields x, y, got the unknown field 'z'"),
        ({}, "request_body: expected a list"),
    ],
)
def test_a_body_is_checked(wire: Wire, body: Any, message: str, mode: str) -> None:
    recorder = wire(reply(b'"x"'))
    with pytest.raises(InvalidArgumentError) as caught:
        send(mode, recorder.url, create_ids, {"request_body": body})
    assert message in str(caught.value)
    assert recorder.requests == []


@every_mode
@pytest.mark.parametrize("status", [200, 204])
def test_an_object_or_nothing(wire: Wire, status: int, mode: str) -> None:
    media = "application/vnd.nasty+json"
    recorder = wire(reply(b'{"x": 5}' if status == 200 else b"", media, status))
    found = send(mode, recorder.url, put_cell, {"x": 1}, {"body": Cell(x=1)})
    assert found == (Cell(x=5) if status == 200 else None)
    request = recorder.only()
    assert (request.header("content-type"), request.header("accept")) == (media, media)
    assert request.json() == {"x": 1}


@every_mode
@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("body", ["text", Cell(x=1), {"x": 1}], ids=["string", "model", "mapping"])
def test_several_objects_stay_json(wire: Wire, body: Any, status: int, mode: str) -> None:
    recorder = wire(reply(b'{"x": 5}', status=status))
    assert send(mode, recorder.url, post_either, {"body": body}) == {"x": 5}
    assert recorder.only().json() == ("text" if body == "text" else {"x": 1})


@every_mode
def test_a_body_that_is_not_passed_is_not_sent(wire: Wire, mode: str) -> None:
    recorder = wire(reply(b"{}"))
    send(mode, recorder.url, post_either, {})
    assert (recorder.only().body, recorder.only().header("content-type")) == (b"", None)


@every_mode
@pytest.mark.parametrize(
    ("content", "media"),
    [
        (b"<b>\xfc</b>", "text/html; charset=iso-8859-1"),
        ("<b>\u00fc</b>".encode(), "text/plain"),
        ("<b>\u00fc</b>".encode(), "application/json"),
    ],
)
def test_text(wire: Wire, content: bytes, media: str, mode: str) -> None:
    recorder = wire(reply(content, media))
    assert send(mode, recorder.url, post_text, {"body": "a;\u00fc\r\n"}) == "<b>\u00fc</b>"
    request = recorder.only()
    assert request.body == "a;\u00fc\r\n".encode()
    assert (request.header("content-type"), request.header("accept")) == ("text/csv; charset=utf-8", "text/plain")


BYTES = bytes(range(256)) * 3


@pytest.fixture
def forms(tmp_path: Path) -> Iterator[dict[str, Callable[[], Any]]]:
    """The same bytes in each form that a file may have."""
    (tmp_path / "a.png").write_bytes(BYTES)
    with (tmp_path / "a.png").open("rb") as opened:
        yield {
            "bytes": lambda: BYTES,
            "bytearray": lambda: bytearray(BYTES),
            "file": lambda: opened,
            "stream": lambda: io.BytesIO(BYTES),
            "named": lambda: ("a.png", BYTES),
            "named stream": lambda: ("a.png", io.BytesIO(BYTES)),
            "typed": lambda: ("b.png", BYTES, "image/png"),
        }


@every_mode
@pytest.mark.parametrize("form", ["bytes", "bytearray", "file", "stream", "named", "named stream", "typed"])
def test_bytes(wire: Wire, form: str, mode: str, forms: dict[str, Any]) -> None:
    recorder = wire(reply(b"%PDF\x00\xff", "application/pdf"))
    assert send(mode, recorder.url, put_bytes, {"body": forms[form]()}) == b"%PDF\x00\xff"
    request = recorder.only()
    assert request.body == BYTES
    assert request.header("content-type") == ("image/png" if form == "typed" else "application/octet-stream")
    assert request.header("accept") == "application/pdf, application/zip"


@every_mode
def test_no_bytes(wire: Wire, mode: str) -> None:
    recorder = wire(reply(b"", ""))
    assert send(mode, recorder.url, put_bytes, {"body": b""}) == b""
    assert recorder.only().body == b""


def parts(request: RecordedRequest) -> list[tuple[str, bytes]]:
    """Read a multipart body by the letter of RFC 7578: the head and the content of each part."""
    found = re.fullmatch(r"multipart/form-data; boundary=([0-9A-Za-z-]{20,70})", request.header("content-type") or "")
    assert found
    first, *middle, last = request.body.split(b"--" + found[1].encode())
    assert (first, last) == (b"", b"--\r\n")
    pairs = [part.removeprefix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n\r\n", 1) for part in middle]
    return [(head.decode(), content) for head, content in pairs]


def names(head: str) -> str:
    return head.removeprefix("Content-Disposition: form-data; ")


@every_mode
def test_an_upload(wire: Wire, mode: str, forms: dict[str, Any]) -> None:
    recorder = wire(reply(b"", "", 204))
    more = [forms["typed"](), io.BytesIO(b"--\r\n"), b"", ('"\u00fc\r\n.txt', b"x", "text/plain")]
    fields: dict[str, Any] = {"title": 'T "\u00fc"\r\n', "tags": ["a", "b"], "count": 5, "cell": Cell(x=1)}
    flat = {"file": forms["file"](), "more_files": more, **fields}
    body = None
    if mode not in FACADE:
        body = {"body": UploadFilesBody(**flat)}
    assert send(mode, recorder.url, upload_files, flat, body) is None
    found = [(names(head), content) for head, content in parts(recorder.only())]
    assert sorted(found) == sorted(
        [
            ('name="file"; filename="a.png"\r\nContent-Type: application/octet-stream', BYTES),
            ('name="more %22files%22"; filename="b.png"\r\nContent-Type: image/png', BYTES),
            (
                'name="more %22files%22"; filename="more %22files%22"\r\nContent-Type: application/octet-stream',
                b"--\r\n",
            ),
            ('name="more %22files%22"; filename="more %22files%22"\r\nContent-Type: application/octet-stream', b""),
            ('name="more %22files%22"; filename="%22\u00fc%0D%0A.txt"\r\nContent-Type: text/plain', b"x"),
            ('name="title"', 'T "\u00fc"\r\n'.encode()),
            ('name="tags"', b"a"),
            ('name="tags"', b"b"),
            ('name="count"', b"5"),
            ('name="cell"\r\nContent-Type: application/json', b'{"x":1}'),
        ]
    )


@pytest.mark.parametrize("mode", FACADE)
def test_each_attempt_sends_the_same_bytes(wire: Wire, mode: str) -> None:
    """A file is read once, though it can be read only once."""
    for module, given in (
        (put_bytes, {"body": io.BytesIO(BYTES)}),
        (upload_files, {"file": ("a", io.BytesIO(BYTES)), "more_files": [io.BytesIO(b"more")]}),
    ):
        statuses = iter([503, 503, 200 if module is put_bytes else 204])
        recorder = wire(lambda _, statuses=statuses: Answer(next(statuses), b"", (("Retry-After", "0"),)))  # type: ignore[misc]
        send(mode, recorder.url, module, given)
        first, *others = [request.body for request in recorder.requests]
        assert [first, first] == others
        assert BYTES in first


@every_mode
@pytest.mark.parametrize(
    "file",
    ["text", io.StringIO("text"), ("a", "text"), ("a", b"", 5), ("a",), 5, ("a", b"", "b", "c")],
    ids=["string", "text mode", "named string", "number as type", "name alone", "number", "four values"],
)
def test_what_is_not_a_file(wire: Wire, file: Any, mode: str) -> None:
    recorder = wire(reply(b"", "", 204))
    alone = {"body": UploadFilesBody(file=file)}
    with pytest.raises(ValueError, match=r"expected (?:a file \()?bytes, a file opened in binary mode"):
        send(mode, recorder.url, upload_files, {"file": file}, alone)
    assert recorder.requests == []


@every_mode
@pytest.mark.parametrize("media", ["text/plain\r\nX: y", "\u00fc", ""])
def test_a_media_type_that_would_break_its_line(wire: Wire, media: str, mode: str) -> None:
    recorder = wire(reply(b"", "", 204))
    file = ("a", b"", media)
    with pytest.raises(ValueError, match="printable ASCII"):
        send(mode, recorder.url, upload_files, {"file": file}, {"body": UploadFilesBody(file=file)})
    assert recorder.requests == []


@pytest.mark.parametrize("mode", FACADE)
def test_an_empty_list_of_parts_is_refused(wire: Wire, mode: str) -> None:
    recorder = wire(reply(b"", "", 204))
    for name in ("tags", "more_files"):
        with pytest.raises(InvalidArgumentError, match="at least one value, got an empty list"):
            send(mode, recorder.url, upload_files, {"file": b"", name: []})
    assert recorder.requests == []


@pytest.mark.parametrize("mode", FACADE)
def test_errors_do_not_show_what_is_sensitive_in_an_upload(wire: Wire, mode: str) -> None:
    recorder = wire(lambda request: Answer(400, request.body))
    with pytest.raises(Exception, match="400") as caught:
        send(mode, recorder.url, upload_files, {"file": b"x", "title": "Maiden name: Smith"})
    assert "Smith" not in f"{caught.value}{caught.value!r}"


# Paging


@pytest.mark.parametrize("mode", FACADE)
def test_a_cursor_in_the_body(wire: Wire, mode: str) -> None:
    def answer(request: RecordedRequest) -> Answer:
        token = request.json().get("pageToken")
        pages = {None: ([1, 2], "t/2="), "t/2=": ([3], "t3"), "t3": ([], "")}
        rows, following = pages[token]
        return Answer.of_json({"cells": [{"x": row} for row in rows], "nextPageToken": following})

    recorder = wire(answer)
    rows = send(mode, recorder.url, search_cells, {"page_size": 2, "since": date(2026, 3, 4)})
    assert rows == [Cell(x=1), Cell(x=2), Cell(x=3)]
    bodies = [request.json() for request in recorder.requests]
    assert bodies == [
        {"pageSize": 2, "since": "2026-03-04"} | token for token in ({}, {"pageToken": "t/2="}, {"pageToken": "t3"})
    ]


@pytest.mark.parametrize("mode", FACADE)
@pytest.mark.parametrize("body", [b"", b"<p>", b"two words"])
def test_a_success_without_its_id_is_of_unknown_outcome(wire: Wire, body: bytes, mode: str) -> None:
    recorder = wire(reply(body, status=201))
    with pytest.raises(OutcomeUnknownError, match="expected a JSON string"):
        send(mode, recorder.url, create_ids, {"request_body": [{"x": 1}]})
    assert len(recorder.requests) == 1
    assert json.loads(recorder.requests[0].body) == [{"x": 1}]
