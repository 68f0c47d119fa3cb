"""Responses decoded by the golden package: whatever comes decodes, stays readable, and goes out again as it came in."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

from invigilate_runtime import UNSET, Response, UndecodableResponse, UnexpectedStatus, Unset, dump
from tests.golden.generated import nasty_client
from tests.golden.generated.nasty_client import AuthenticatedClient, Client
from tests.golden.generated.nasty_client.api.class_ import create_token, import_, plant_tree, post_free
from tests.golden.generated.nasty_client.api.things import (
    delete_thing,
    get_grid,
    get_thing,
    list_cells,
    list_things,
    replace_thing,
)
from tests.golden.generated.nasty_client.models.cell import Cell
from tests.golden.generated.nasty_client.models.create_token_body import CreateTokenBody
from tests.golden.generated.nasty_client.models.leaf import Leaf
from tests.golden.generated.nasty_client.models.owner import Owner
from tests.golden.generated.nasty_client.models.thing import Thing
from tests.golden.generated.nasty_client.models.thing_body import ThingBody
from tests.golden.generated.nasty_client.models.thing_inline import ThingInline
from tests.golden.generated.nasty_client.models.thing_page import ThingPage
from tests.golden.generated.nasty_client.models.tree import Tree
from tests.support.recorder import Answer, Answerer, Recorder

Wire = Callable[[str | Answerer], Recorder]
OWNER = {"name": "Ada"}
FULL: dict[str, Any] = {
    "name": "n",
    "label": "l",
    "kind": "small",
    "level": 1,
    "ratio": 0.5,
    "flag": False,
    "fixed": "v1",
    "maybe": None,
    "owner": OWNER,
    "nullableOwner": None,
    "textOrObject": {"a": 1},
    "textOrOwner": OWNER,
    "ownerOrOwners": [OWNER, OWNER],
    "owners": [OWNER, None],
    "ownerGrid": [[OWNER], []],
    "numbers": [1, None, 2.5],
    "inline": {"deeper": {"deepest": "d"}},
    "free": {"to_dict": 1},
    "when": "2026-03-04T15:30:00.000Z",
    "formatted": "not a time",
    "secret": "hush",
}
WRONG: list[Any] = [
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "other",
    [],
    [None],
    [[1]],
    {},
    {"x": None},
    [{"name": 1}, 2],
    {"name": [{}]},
]


def test_documented_responses_become_models() -> None:
    thing = get_thing.OPERATION.decode(json.dumps(FULL).encode())
    assert isinstance(thing.owner, Owner)
    assert isinstance(thing.text_or_owner, Owner)
    assert isinstance(thing.owner_or_owners, list)
    assert [type(owner) for owner in thing.owner_or_owners] == [Owner, Owner]
    assert isinstance(thing.owners, list)
    assert [type(owner) for owner in thing.owners] == [Owner, type(None)]
    assert isinstance(thing.owner_grid, list)
    assert thing.owner_grid == [[Owner("Ada")], []]
    assert isinstance(thing.inline, ThingInline)
    assert not isinstance(thing.inline.deeper, Unset)
    assert thing.inline.deeper.deepest == "d"
    assert thing.text_or_object == {"a": 1}
    assert thing.free == {"to_dict": 1}
    assert thing.when == FULL["when"]
    assert thing.additional_properties == {}
    assert thing.to_dict() == FULL


@pytest.mark.parametrize("missing", FULL)
def test_missing_fields(missing: str) -> None:
    source = {key: value for key, value in FULL.items() if key != missing}
    thing = Thing.from_dict(source)
    assert thing.to_dict() == source
    name = {"nullableOwner": "nullable_owner", "textOrObject": "text_or_object", "textOrOwner": "text_or_owner"}
    name |= {"ownerOrOwners": "owner_or_owners", "ownerGrid": "owner_grid"}
    assert getattr(thing, name.get(missing, missing)) is UNSET


@pytest.mark.parametrize("missing", [None, "kind", "owner"])
def test_extra_fields(missing: str | None) -> None:
    """Also where their number makes up for what is missing."""
    source = {key: value for key, value in FULL.items() if key != missing}
    source |= {"additional_properties": {"a": 1}, "later": [None], "": 0, "self": 1, "_names": 2}
    if missing:
        source = dict(list(source.items())[: len(FULL)]) | {"later": [None]}
    before = copy.deepcopy(source)
    thing = Thing.from_dict(source)
    assert thing.to_dict() == before == source
    assert thing["later"] == [None]
    assert "later" in thing
    assert ("kind" in thing) is ("kind" in source)
    assert "later" in thing.additional_keys


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("name", FULL)
def test_other_types_than_documented(name: str, value: Any) -> None:
    for source in (FULL | {name: value}, {name: value}, FULL | {name: value, "later": value}):
        content = json.dumps(source).encode()
        thing = get_thing.OPERATION.decode(content)
        assert thing.to_dict() == source
        assert json.dumps(thing.to_dict(), sort_keys=True) == json.dumps(source, sort_keys=True)
        repr(thing)


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_other_types_inside_of_arrays(value: Any) -> None:
    assert dump(list_cells.OPERATION.decode(json.dumps([value]).encode())) == [value]
    assert get_grid.OPERATION.decode(json.dumps([[{"x": 1}], value]).encode())[0] == [Cell(x=1)]
    page = ThingPage.from_dict({"results": value, "total": value})
    assert page.to_dict() == {"results": value, "total": value}
    rows, _ = list_things.describe().decode_page(json.dumps({"results": [value]}).encode())
    assert dump(rows) == [value]


def test_new_enum_values_cost_no_page() -> None:
    page = list_things.OPERATION.decode(
        json.dumps({"results": [{"kind": "small"}, {"kind": "huge"}, {"kind": None}], "total": 3}).encode()
    )
    assert isinstance(page.results, list)
    assert [row.kind for row in page.results] == ["small", "huge", None]


def test_recursive_models() -> None:
    source = {
        "label": "root",
        "parent": {"label": "above", "parent": None},
        "children": [{"children": [{"leaves": [{"tree": {"label": "deep"}, "colour": None}]}]}],
    }
    tree = plant_tree.OPERATION.decode(json.dumps(source).encode())
    assert isinstance(tree.parent, Tree)
    assert isinstance(tree.children, list)
    (twig,) = tree.children[0].children or []
    (leaf,) = twig.leaves or []
    assert isinstance(leaf, Leaf)
    assert leaf.tree == Tree(label="deep")
    assert tree.to_dict() == source
    assert pickle.loads(pickle.dumps(tree)) == tree == copy.deepcopy(tree)


def test_free_responses() -> None:
    assert post_free.OPERATION.decode(b'{"self": {"a": [null]}}') == {"self": {"a": [None]}}
    assert import_.OPERATION.decode(b"[1, null]") == [1, None]
    assert import_.OPERATION.decode(b"null") is None
    nothing: Callable[[bytes], Any] = delete_thing.OPERATION.decode
    assert nothing(b"") is None
    with pytest.raises(UndecodableResponse, match="expected no content or JSON, got 27 bytes"):
        nothing(b"<html>Please sign in</html>")


def test_a_string_is_json_or_declared_as_plain_text() -> None:
    read = replace_thing.OPERATION.decode
    assert read(b'"done"') == read(b'"done"', media="text/html") == read(b"done", media="text/plain") == "done"
    for content in (b"", b"it is done", b"true", b'{"a": 1}', b"<html>", b"\xff", b'"do'):
        for media in ("application/json", "text/html", ""):
            with pytest.raises(UndecodableResponse, match="expected a JSON string, got "):
                read(content, media=media)
    for content in (b"", b" ", b"null", b'{"a": 1}', b'{"a"', b" <html>"):
        with pytest.raises(UndecodableResponse):
            read(content, media="text/plain; charset=utf-8")


def test_less_than_a_success_is_one_only_where_it_is_documented() -> None:
    assert plant_tree.OPERATION.success == (202,)
    assert plant_tree.OPERATION.decode(b"{}", status=202).to_dict() == {}
    assert plant_tree.OPERATION.decode(b"{}", status=200).to_dict() == {}
    for operation, status in ((plant_tree.OPERATION, 206), (get_thing.OPERATION, 202), (get_thing.OPERATION, 206)):
        with pytest.raises(UndecodableResponse, match=r"only accepted|the response is partial"):
            operation.decode(b"{}", status=status)


@pytest.mark.parametrize("content", [b"", b" ", b"<html>secret</html>", b"{", b"[]", b'"text"', b"null", b"1", b"\xff"])
def test_what_is_no_object_raises_without_saying_what_it_was(content: bytes) -> None:
    with pytest.raises(UndecodableResponse) as caught:
        get_thing.OPERATION.decode(content)
    assert "secret" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


def test_what_is_no_array_raises() -> None:
    with pytest.raises(UndecodableResponse, match="expected a JSON array, got an object"):
        list_cells.OPERATION.decode(b"{}")


def read_sync(client: AuthenticatedClient) -> Response[Thing]:
    with client:
        return get_thing.sync_detailed("TH0001", client=client)


def read_async(client: AuthenticatedClient) -> Response[Thing]:
    async def run() -> Response[Thing]:
        async with client:
            return await get_thing.asyncio_detailed("TH0001", client=client)

    return asyncio.run(run())


@pytest.mark.parametrize("read", [read_sync, read_async])
@pytest.mark.parametrize("status", [300, 400, 401, 418, 500, 520, 599])
def test_a_default_response_makes_no_success_of_a_failure(
    wire: Wire, status: int, read: Callable[[AuthenticatedClient], Response[Thing]]
) -> None:
    recorder = wire(lambda _: Answer.of_json({"message": "no"}, status))
    response = read(AuthenticatedClient(base_url=recorder.url, token="T0ken"))
    assert (response.status_code, response.parsed) == (status, None)
    assert response.content == b'{"message": "no"}'
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("read", [read_sync, read_async])
@pytest.mark.parametrize("status", [200, 201, 203])
def test_any_2xx_is_the_documented_success(
    wire: Wire, status: int, read: Callable[[AuthenticatedClient], Response[Thing]]
) -> None:
    recorder = wire(lambda _: Answer.of_json(FULL, status))
    response = read(AuthenticatedClient(base_url=recorder.url, token="T0ken"))
    assert response.status_code == status
    assert response.parsed == Thing.from_dict(FULL)


def test_a_default_response_of_a_string(wire: Wire) -> None:
    recorder = wire(lambda request: Answer.of_json("moved", 404 if "name=x" in request.query else 201))
    with AuthenticatedClient(base_url=recorder.url, token="T0ken") as client:
        body = ThingBody(from_="f", self_="s")
        assert replace_thing.sync("TH0001", client=client, body=body) == "moved"
        with pytest.raises(UnexpectedStatus) as caught:
            replace_thing.sync("TH0001", client=client, body=body, name="x")
    assert caught.value.status_code == 404
    assert caught.value.content == b'"moved"'
    assert "moved" not in str(caught.value) + repr(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.status_code, again.content) == (404, b'"moved"')


def test_an_operation_without_security_takes_either_client(wire: Wire) -> None:
    recorder = wire(lambda _: Answer.of_json({"access_token": "t"}))
    for client in (Client(base_url=recorder.url), AuthenticatedClient(base_url=recorder.url, token="x")):
        with client:
            token = create_token.sync(client=client, body=CreateTokenBody("client_credentials", "c"))
        assert token.access_token == "t"
        assert repr(token) == "Token(access_token=***)"
    assert [request.header("authorization") for request in recorder.requests] == [None, None]
    assert [request.header("token") for request in recorder.requests] == [None, "x"]


def test_every_module_imports_alone() -> None:
    """Mutually recursive models included."""
    names = [module.name for module in pkgutil.walk_packages(nasty_client.__path__, f"{nasty_client.__name__}.")]
    assert len(names) > 30
    for name in names:
        importlib.import_module(name)


def test_nothing_in_the_specification_was_executed() -> None:
    assert get_thing.OPERATION.documentation == "https://nasty.invalid/get"
    document = get_thing.describe.__doc__ or ""
    assert '{{ 1 / 0 }} {% include "x" %} {# gone?' in document
    assert "a backslash \\ and \\n and \\U0001" in document
    assert 'a last quote".' in document
    assert '"); import os; os.abort() #' in (ThingBody.__doc__ or "")
