"""The golden package against a server on loopback: what it sends, through every way of calling it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml

from invigilate._requests import prepare
from invigilate.errors import InvalidArgumentError
from invigilate_runtime import UNSET
from tests.golden.generated.nasty_client import AuthenticatedClient
from tests.golden.generated.nasty_client.api.class_ import create_token, import_, plant_tree, post_free, seal_box
from tests.golden.generated.nasty_client.api.things import (
    delete_thing,
    get_grid,
    get_thing,
    list_cells,
    list_things,
    replace_thing,
)
from tests.golden.generated.nasty_client.models.box import Box
from tests.golden.generated.nasty_client.models.box_lid import BoxLid
from tests.golden.generated.nasty_client.models.cell import Cell
from tests.golden.generated.nasty_client.models.create_token_body import CreateTokenBody
from tests.golden.generated.nasty_client.models.delete_thing_body import DeleteThingBody
from tests.golden.generated.nasty_client.models.given_owner import GivenOwner
from tests.golden.generated.nasty_client.models.given_owner_address import GivenOwnerAddress
from tests.golden.generated.nasty_client.models.plant_tree_body import PlantTreeBody
from tests.golden.generated.nasty_client.models.post_free_body import PostFreeBody
from tests.golden.generated.nasty_client.models.thing_body import ThingBody
from tests.golden.generated.nasty_client.models.tree import Tree
from tests.support.recorder import Answer, Answerer, RecordedRequest, Recorder

Wire = Callable[[str | Answerer], Recorder]
MODES = ("sync", "sync_detailed", "asyncio", "asyncio_detailed", "describe")
THING = "TH00ff"


@dataclass
class Case:
    """One call: how it is made, and what must go over the wire."""

    module: ModuleType
    given: dict[str, Any]
    """Arguments of the standalone functions."""
    flat: dict[str, Any]
    """Arguments of `describe`."""
    method: str
    target: str
    body: Any = None
    form: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    answer: Any = field(default_factory=dict[str, Any])


DOCUMENT = yaml.safe_load((Path(__file__).parents[1] / "golden" / "nasty.yaml").read_text(encoding="utf-8"))
MEMBERS: dict[str, Any] = DOCUMENT["components"]["schemas"]["ThingBody"]["properties"]
EVERY_NAME: dict[str, Any] = {name: f"<{name}>" for name, schema in MEMBERS.items() if schema == {"type": "string"}}
RICH: dict[str, Any] = {
    "list_": [["a"], []],
    "dict_": {"free": {"nested": None}},
    "float_": Decimal("1.50"),
    "decimal": Decimal("0.1"),
    "date": date(2026, 3, 4),
    "later_date": "2026-03-05",
    "datetime_": datetime(2026, 3, 4, 16, 30, tzinfo=timezone(timedelta(hours=1))),
    "uuid": UUID(int=1),
    "literal": "one",
    "when": None,
    "cells": [Cell(x=1), Cell(y=2), Cell()],
    "owner": GivenOwner(address=GivenOwnerAddress()),
}
RICH_WIRE: dict[str, Any] = {
    "list": [["a"], []],
    "dict": {"free": {"nested": None}},
    "float": 1.5,
    "decimal": 0.1,
    "date": "2026-03-04",
    "later-date": "2026-03-05",
    "datetime": "2026-03-04T15:30:00.000Z",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "literal": "one",
    "when": None,
    "cells": [{"x": 1}, {"y": 2}, {}],
    "owner": {"address": {}},
}
NAMES = {item.wire_name: item.name for item in replace_thing.OPERATION.fields if item.location == "body"}
TREE = Tree(label="root", parent=None, children=[Tree(label="twig", children=[])])

BOX = Box(
    pin="p1",
    label="l",
    inner=Box(pin="p2", label="m", boxes={"a": Box(pin="p3", label="n")}, codes={"b": "c1"}),
    key="k",
    lid=BoxLid(tight=True),
)
CASES = {
    "every query": Case(
        get_thing,
        {
            "thing_id_path": THING,
            "account_url": "acme",
            "body": "a&b=c d",
            "client_query": "c",
            "url_query": "https://x/?y",
            "arguments": "args",
            "operation": "op",
            "value": "ü/+%",
            "thing_id_query": "again",
            "filtername": "n",
            "field_2nd": "2",
            "state": ["open", 'half "open"', "\\", "it's"],
            "level": [1, 3],
            "ratio": Decimal("0.5"),
            "flag": True,
            "verbose": False,
            "size": 1,
            "since": datetime(2026, 3, 4, 15, 30, 0, 999999, tzinfo=UTC),
            "day": date(2026, 3, 4),
            "words": ["one", "two words"],
            "version": "v1",
            "x_trace_id": "t-1",
        },
        {},
        "GET",
        "/things/TH00ff?body=a%26b%3Dc%20d&client=c&url=https%3A%2F%2Fx%2F%3Fy&arguments=args&OPERATION=op"
        "&value=%C3%BC%2F%2B%25&thing-id=again&filter%5Bname%5D=n&2nd=2&state=open&state=half%20%22open%22&state=%5C"
        "&state=it%27s&level=1&level=3&ratio=0.5&flag=true&verbose=false&size=1&since=2026-03-04T15%3A30%3A00.999Z"
        "&day=2026-03-04&words=one%2Ctwo%20words&version=v1",
        headers={"X-Account": "acme", "X-Trace-Id": "t-1", "token": "T0ken", "Accept": "application/json"},
        answer={"kind": "small"},
    ),
    "defaults are not sent": Case(
        get_thing, {"thing_id_path": "~a.b-c_1"}, {"thing_id_path": "~a.b-c_1"}, "GET", "/things/~a.b-c_1"
    ),
    "every name": Case(
        replace_thing,
        {"thing_id": THING, "name": "query", "body": ThingBody.from_dict(EVERY_NAME)},
        {"thing_id": THING, "name": "query"} | {NAMES[wire]: value for wire, value in EVERY_NAME.items()},
        "PUT",
        "/things/TH00ff?name=query",
        body=EVERY_NAME,
        answer="done",
    ),
    "every type": Case(
        replace_thing,
        {"thing_id": THING, "body": ThingBody(from_="f", self_="s", **RICH)},
        {"thing_id": THING, "from_": "f", "self_": "s"} | RICH,
        "PUT",
        "/things/TH00ff",
        body={"from": "f", "self": "s"} | RICH_WIRE,
        answer="done",
    ),
    "a body on DELETE": Case(
        delete_thing,
        {"thing_id": THING, "body": DeleteThingBody(reason=None)},
        {"thing_id": THING, "reason": None},
        "DELETE",
        "/things/TH00ff",
        body={"reason": None},
    ),
    "no body on DELETE": Case(delete_thing, {"thing_id": THING}, {"thing_id": THING}, "DELETE", "/things/TH00ff"),
    "a page": Case(list_things, {"offset": 0}, {"offset": 0}, "GET", "/things?offset=0", answer={"results": []}),
    "no arguments": Case(get_grid, {}, {}, "GET", "/grid", answer=[]),
    "an array": Case(list_cells, {}, {}, "GET", "/cells", answer=[]),
    "anything": Case(import_, {}, {}, "GET", "/any", answer=None),
    "free-form": Case(
        post_free,
        {"body": PostFreeBody(free={"to_dict": 1, "list": [None]}, map_={"a": Cell(x=1)}, anything=[1, {"b": None}])},
        {"free": {"to_dict": 1, "list": [None]}, "map_": {"a": Cell(x=1)}, "anything": [1, {"b": None}]},
        "POST",
        "/free",
        body={"free": {"to_dict": 1, "list": [None]}, "map": {"a": {"x": 1}}, "anything": [1, {"b": None}]},
    ),
    "recursive": Case(
        plant_tree,
        {"body": PlantTreeBody(root=TREE)},
        {"root": TREE},
        "PUT",
        "/tree",
        body={"root": {"label": "root", "parent": None, "children": [{"label": "twig", "children": []}]}},
    ),
    "nested in itself": Case(
        seal_box,
        {"box_id": 5, "body": BOX},
        {"box_id": 5, "pin": "p1", "label": "l", "inner": BOX.inner, "key": "k", "lid": BoxLid(tight=True)},
        "PUT",
        "/boxes/5",
        body={
            "pin": "p1",
            "label": "l",
            "inner": {"pin": "p2", "label": "m", "boxes": {"a": {"pin": "p3", "label": "n"}}, "codes": {"b": "c1"}},
            "key": "k",
            "lid": {"tight": True},
        },
    ),
    "a form": Case(
        create_token,
        {"body": CreateTokenBody("client_credentials", "a&b", client_secret="=+ ü", scope=["r", "w"])},
        {"grant_type": "client_credentials", "client_id": "a&b", "client_secret": "=+ ü", "scope": ["r", "w"]},
        "POST",
        "/token",
        form="grant_type=client_credentials&client_id=a%26b&client_secret=%3D%2B%20%C3%BC&scope=r&scope=w",
        answer={"access_token": "x"},
    ),
}


def carry_out(mode: str, url: str, case: Case) -> Any:
    """Make the call in one of the ways, and give its decoded answer."""
    if mode == "describe":
        call = case.module.describe(**(case.flat or case.given))
        method, target, headers, content = call.operation.request(call.arguments)
        with httpx.Client(base_url=url) as connections:
            answer = connections.request(method, target, headers={**headers, "token": "T0ken"}, content=content)
        if call.operation.pagination:
            return call.decode_page(answer.content)
        return call.decode(answer.content)
    client = AuthenticatedClient(base_url=url, token="T0ken")
    function = getattr(case.module, mode)
    if mode.startswith("sync"):
        with client:
            result = function(client=client, **case.given)
    else:

        async def run() -> Any:
            async with client:
                return await function(client=client, **case.given)

        result = asyncio.run(run())
    return result.parsed if mode.endswith("detailed") else result


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_what_goes_over_the_wire(wire: Wire, name: str, mode: str) -> None:
    case = CASES[name]

    def answer(request: RecordedRequest) -> Answer:
        return Answer(204) if request.method == "DELETE" else Answer.of_json(case.answer)

    recorder = wire(answer)
    carry_out(mode, recorder.url, case)
    request = recorder.only()
    assert (request.method, request.target) == (case.method, case.target)
    if case.form is not None:
        assert request.body.decode() == case.form
        assert request.header("content-type") == "application/x-www-form-urlencoded"
    elif case.body is not None:
        assert request.json() == case.body
        assert request.header("content-type") == "application/json"
    else:
        assert request.body == b""
        assert request.header("content-type") is None
    for header, value in case.headers.items():
        assert request.header(header) == value


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "describe"])
def test_fields_beyond_the_documented_ones_are_sent(wire: Wire, mode: str) -> None:
    recorder = wire(lambda _: Answer(204))
    body = DeleteThingBody(notify=False)
    body["later"] = {"x": [1]}
    carry_out(mode, recorder.url, Case(delete_thing, {"thing_id": THING, "body": body}, {}, "", ""))
    assert recorder.only().json() == {"notify": False, "later": {"x": [1]}}


def test_an_empty_body_is_sent_where_one_is_required_or_passed() -> None:
    assert replace_thing.OPERATION.request({"thing_id": THING}).content == b"{}"
    assert delete_thing.OPERATION.request({"thing_id": THING}, DeleteThingBody()).content == b"{}"
    assert delete_thing.OPERATION.request({"thing_id": THING}).content is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "^thing_id_path: a path argument is required$"),
        ({"thing_id_path": ".."}, "^thing_id_path: expected a string other than"),
        ({"thing_id_path": "."}, "^thing_id_path: expected a string other than"),
        ({"thing_id_path": ""}, "got an empty string"),
        ({"thing_id_path": "a/b"}, "^thing_id_path: expected a string other than"),
        ({"thing_id_path": None}, "got None"),
        ({"thing_id_path": ["a", "b,c"]}, "got a string with a comma"),
        ({"thing_id_path": [["a"]]}, "got a value of type list"),
        ({"thing_id_path": THING, "state": [None]}, "got None"),
        ({"thing_id_path": THING, "state": [["open"]]}, "got a value of type list"),
        ({"thing_id_path": THING, "value": {"a": 1}}, "got a value of type dict"),
        ({"thing_id_path": THING, "x_trace_id": "a\r\nHost: evil"}, "header"),
        ({"thing_id_path": THING, "x_trace_id": "ü"}, "header"),
        ({"thing_id_path": THING, "words": ["a,b"]}, "comma"),
        ({"thing_id_path": THING, "since": datetime(2026, 3, 4)}, "time zone"),
        ({"thing_id_path": THING, "ratio": Decimal("NaN")}, "a finite number"),
    ],
)
def test_what_has_no_form_raises(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        get_thing.OPERATION.request(arguments)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_without_a_json_form_raise(number: float) -> None:
    with pytest.raises(ValueError):
        post_free.OPERATION.request({"free": {"x": number}})


def test_unset_inside_of_values_is_left_out() -> None:
    content = post_free.OPERATION.request({"free": {"a": UNSET, "b": [UNSET, 1]}, "anything": UNSET}).content
    assert json.loads(content or b"") == {"free": {"b": [1]}}


def test_what_is_sensitive_is_masked_at_every_depth() -> None:
    loose = {"a": [{"PIN": "p4", "other": "shown"}], "key": {"deep": "k2"}}
    call = seal_box.describe(
        box_id=5, pin="p1", label="l", inner=BOX.inner, notes=loose, either={"name": "shown"}, key="k1"
    )
    found = prepare(call, {}, check_sids=True)
    assert set(found.secrets) == {"p1", "p2", "p3", "c1", "p4", "k1", "k2"}
    for value in ("p1", "p2", "p3", "c1"):
        assert value not in repr(BOX)


def test_values_are_checked_at_every_depth() -> None:
    wrong: Any = {"pin": "p", "label": "l", "boxes": {"a": {"pin": "p", "label": "l", "lid": {"tight": "very"}}}}
    with pytest.raises(InvalidArgumentError, match=r"inner\.boxes\.a\.lid\.tight"):
        prepare(seal_box.describe(box_id=5, pin="p", label="l", inner=wrong), {}, check_sids=True)
