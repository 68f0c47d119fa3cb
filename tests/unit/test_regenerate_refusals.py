"""What the generator cannot make a client of is refused, with a reason, and nothing is written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from regenerator.__main__ import main

import invigilate
from invigilate import ISpringLearn, SmarterProctoring, ispring, smarterproctoring
from invigilate._apis import APIS

ROOT = Path(__file__).resolve().parents[2]

Node = dict[str, Any]
ARRAY: Node = {"type": "array", "items": {"type": "string"}}
OBJECT: Node = {"type": "object", "properties": {"a": {"type": "string"}}}
GOOD: Node = {
    "openapi": "3.1.0",
    "info": {"title": "Small", "version": "1"},
    "servers": [{"url": "https://small.invalid"}],
    "security": [{"token": []}],
    "paths": {
        "/things/{id}": {
            "put": {
                "operationId": "putThing",
                "tags": ["things"],
                "summary": "Put a thing",
                "x-capture": {"page": "https://small.invalid/put", "date": "2026-11-21", "extent": "full"},
                "x-idempotent": {"value": False, "reason": "it writes"},
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "q", "in": "query", "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}},
                },
                "responses": {
                    "200": {
                        "description": "done",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        }
    },
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {"Body": OBJECT, "Thing": OBJECT, "Other": OBJECT},
    },
}


def operation(document: Node) -> Node:
    found: Node = document["paths"]["/things/{id}"]["put"]
    return found


def query(schema: Node | None = None, **more: Any) -> Callable[[Node], None]:
    """The query parameter is of this schema."""

    def change(document: Node) -> None:
        names = {"place": "in", "client": "x-client-default"}
        changes = {names.get(key, key): value for key, value in more.items()}
        operation(document)["parameters"][1].update({"schema": schema or {"type": "string"}, **changes})

    return change


def older(document: Node) -> None:
    """The document is of an older OpenAPI."""
    document["openapi"] = "3.0.3"


def member(schema: Node, name: str = "b", of: str = "Thing") -> Callable[[Node], None]:
    """A model has this member as well."""

    def change(document: Node) -> None:
        document["components"]["schemas"][of]["properties"][name] = schema

    return change


def body(media: str, schema: Node) -> Callable[[Node], None]:
    """The body has this content instead."""

    def change(document: Node) -> None:
        operation(document)["requestBody"]["content"] = {media: {"schema": schema}}

    return change


def encoded(media: str) -> Callable[[Node], None]:
    """The fields of the body have an encoding of their own."""

    def change(document: Node) -> None:
        content = {"schema": OBJECT, "encoding": {"a": {"contentType": "image/png"}}}
        operation(document)["requestBody"]["content"] = {media: content}

    return change


def answers(responses: Node) -> Callable[[Node], None]:
    return lambda document: operation(document).update(responses=responses)


def answer(schema: Node, media: str = "application/json") -> Callable[[Node], None]:
    return answers({"200": {"description": "done", "content": {media: {"schema": schema}}}})


def without(key: str) -> Callable[[Node], None]:
    return lambda document: operation(document).pop(key)


def having(**more: Any) -> Callable[[Node], None]:
    return lambda document: operation(document).update(more)


def moved(path: str) -> Callable[[Node], None]:
    """The operation has this path."""

    def change(document: Node) -> None:
        document["paths"] = {path: document["paths"]["/things/{id}"]}

    return change


def called(*names: str) -> Callable[[Node], None]:
    """There are schemas of these names as well, and a response that has them."""

    def change(document: Node) -> None:
        schemas = document["components"]["schemas"]
        schemas.update(dict.fromkeys(names, OBJECT))
        more = {f"has{index}": {"$ref": f"#/components/schemas/{name}"} for index, name in enumerate(names)}
        schemas["Thing"] = {"type": "object", "properties": {**OBJECT["properties"], **more}}

    return change


def twice(document: Node) -> None:
    document["paths"]["/again"] = {"get": {**operation(document), "parameters": []}}
    del document["paths"]["/again"]["get"]["requestBody"]


def nearly_twice(document: Node) -> None:
    twice(document)
    document["paths"]["/again"]["get"]["operationId"] = "put_thing"


def no_path_parameter(document: Node) -> None:
    del operation(document)["parameters"][0]


def scheme(**scheme: str) -> Callable[[Node], None]:
    """The security scheme of the document is this one."""
    return lambda document: document["components"]["securitySchemes"].update(token=scheme)


def another_scheme(document: Node) -> None:
    """The operation needs a header of its own."""
    document["components"]["securitySchemes"]["key"] = {"type": "apiKey", "in": "header", "name": "X-Key"}
    operation(document)["security"] = [{"key": []}]


def path_by_reference(document: Node) -> None:
    document["paths"]["/things/{id}"] = {"$ref": "paths/things.yaml"}


def endless(document: Node) -> None:
    """A list of lists of lists."""
    document["components"]["schemas"]["List"] = {"type": "array", "items": {"$ref": "#/components/schemas/List"}}
    member({"$ref": "#/components/schemas/List"})(document)


def not_a_parameter(document: Node) -> None:
    operation(document)["parameters"] = ["id"]


def named(*names: str) -> Callable[[Node], None]:
    """The query parameters have these names."""

    def change(document: Node) -> None:
        operation(document)["parameters"][1:] = [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in names
        ]

    return change


def path_of(schema: Node) -> Callable[[Node], None]:
    """The path parameter is of this schema."""
    return lambda document: operation(document)["parameters"][0].update(schema=schema)


FILE: Node = {"type": "object", "properties": {"a": {"type": "string", "format": "binary"}}}
NESTED: Node = {"type": "object", "properties": {"a": OBJECT}}
REF = {"$ref": "#/components/schemas/Thing"}
OTHER = {"$ref": "#/components/schemas/Other"}
REFUSALS: dict[str, tuple[Callable[[Node], Any], str]] = {
    "dateSent and date_sent in a model": (
        lambda document: document["components"]["schemas"]["Thing"].update(
            properties={"dateSent": {"type": "string"}, "date_sent": {"type": "string"}}
        ),
        "dateSent: another name also becomes date_sent in Python",
    ),
    "dateSent and date_sent in a query": (named("dateSent", "date_sent"), "another name also becomes date_sent"),
    "two names without letters": (named("$", "@"), "same Python identifier"),
    "one operationId twice": (twice, "operationId used twice: putThing"),
    "two operationIds that read alike": (nearly_twice, "two operations are named put_thing"),
    "an array as multipart body": (body("multipart/form-data", ARRAY), "the body must be an object"),
    "a form of any members": (
        body("application/x-www-form-urlencoded", {"type": "object"}),
        "the body must be an object with documented properties",
    ),
    "an encoding of a form": (
        encoded("application/x-www-form-urlencoded"),
        "encoding of the fields of application/x-www-form-urlencoded is not supported",
    ),
    "an encoding of an upload": (
        encoded("multipart/form-data"),
        "encoding of the fields of multipart/form-data is not supported",
    ),
    "a file in JSON": (body("application/json", FILE), "binary content is supported in multipart/form-data only (a)"),
    "a file in a form": (
        body("application/x-www-form-urlencoded", FILE),
        "a nested value is not supported in a form (a)",
    ),
    "an object in a form": (
        body("application/x-www-form-urlencoded", {"type": "object", "properties": {"a": REF}}),
        "a nested value is not supported in a form (a)",
    ),
    "a cookie": (query(place="cookie"), "parameters in cookie are not supported (q)"),
    "a nested object in a query": (query(NESTED), "a nested value is not supported in query (q)"),
    "a nested object in a deepObject": (
        query(NESTED, style="deepObject"),
        "a nested value is not supported in query (q)",
    ),
    "a list as deepObject": (query(ARRAY, style="deepObject"), "the style deepObject is not supported here (q)"),
    "a deepObject in a header": (
        query(OBJECT, style="deepObject", place="header"),
        "the style deepObject is not supported here (q)",
    ),
    "pipes": (query(ARRAY, style="pipeDelimited"), "the style pipeDelimited is not supported here (q)"),
    "an object in a path": (path_of(OBJECT), "an object is not supported in path (id)"),
    "a nested list in a query": (
        query({"type": "array", "items": ARRAY}),
        "a nested value is not supported in query (q)",
    ),
    "a nested list in a header": (
        query({"type": "array", "items": ARRAY}, place="header"),
        "a nested value is not supported in header (q)",
    ),
    "reserved characters": (query(allowReserved=True), "allowReserved is not supported (q)"),
    "a parameter with content": (
        lambda document: operation(document)["parameters"][1].pop("schema"),
        "the parameter q has no schema",
    ),
    "an option that no client has": (
        query(client="instal_sid"),
        "paths./things/{id}.put.parameters[1]: x-client-default must be one of account_url, install_sid",
    ),
    "a misspelled member": (
        member({"type": "string", "x-senstive": True}),
        "components.schemas.Thing.properties.b: unknown extension x-senstive",
    ),
    "half sensitive": (member({"type": "string", "x-sensitive": "yes"}), "x-sensitive must be true or omitted"),
    "two names of values that are one": (
        member({"type": "string", "enum": ["a b", "a_b"], "x-enum-varnames": ["A_B", "a_b"]}),
        "x-enum-varnames must be a list of different names",
    ),
    "another x-argument": (
        member({"type": "string", "x-argument": "commaseparated"}),
        "x-argument must be one of comma-separated, timestamp",
    ),
    "OpenAPI 3.0": (older, "openapi: expected 3.1.x, got 3.0.3"),
    "a draft with a remark": (
        having(summary="Do it. TODO: ask"),
        "still to be written: paths./things/{id}.put.summary",
    ),
    "a file in a query": (
        query(FILE["properties"]["a"]),
        "binary content is supported in multipart/form-data only (q)",
    ),
    "a file in a response": (answer(FILE), "binary content is supported in multipart/form-data only (a)"),
    "a stream of events": (answer({"type": "string"}, "text/event-stream"), "a stream of events is not supported"),
    "an unknown type": (query({"type": "file"}), "the type 'file' is not supported"),
    "no success": (answers({"400": {"description": "no"}}), "no success response is documented"),
    "no x-idempotent": (without("x-idempotent"), "PUT /things/{id} has no x-idempotent"),
    "half an x-idempotent": (
        having(**{"x-idempotent": {"value": True}}),
        "x-idempotent needs value (true or false) and reason",
    ),
    "another x-idempotent": (having(**{"x-idempotent": {"value": "maybe", "reason": "x"}}), "x-idempotent needs value"),
    "no x-capture": (without("x-capture"), "PUT /things/{id} has no x-capture"),
    "half an x-capture": (
        having(**{"x-capture": {"page": "x", "date": "y"}}),
        "x-capture: page must be an https URL; date must be a day, such as 2026-11-21; extent must be",
    ),
    "a partial page without what was not seen": (
        having(
            **{
                "x-capture": {
                    "page": "https://small.invalid/put",
                    "date": "2026-11-21",
                    "extent": "partial",
                    "notes": ["x"],
                }
            }
        ),
        "unseen is required if extent is partial",
    ),
    "a draft that nobody finished": (
        having(description="TODO"),
        "still to be written: paths./things/{id}.put.description",
    ),
    "no operationId": (without("operationId"), "PUT /things/{id} has no operationId"),
    "two tags": (having(tags=["a", "b"]), "exactly one tag names the resource"),
    "servers of an operation": (having(servers=[{"url": "https://else.invalid"}]), "servers of an operation"),
    "a scheme that is not defined": (having(security=[{"other": []}]), "security scheme other (not defined)"),
    "basic authentication": (scheme(type="http", scheme="basic"), "the security scheme token (http basic) is not supp"),
    "a key in the query": (
        scheme(**{"type": "apiKey", "in": "query", "name": "key"}),
        "the security scheme token (apiKey in query) is not supported",
    ),
    "two schemes together": (
        having(security=[{"token": [], "other": []}]),
        "the security scheme token and other together is not supported",
    ),
    "a header of its own": (
        another_scheme,
        "the security scheme key is not that of the client, which sends Authorization: Bearer <token>",
    ),
    "a path item in another document": (path_by_reference, "/things/{id}: cannot follow the reference paths/things"),
    "properties beside strings": (
        member({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"type": "string"}]}),
        "b: properties beside anyOf or oneOf need alternatives that are objects",
    ),
    "properties beside a reference": (
        member({**REF, "properties": {"a": {"type": "string"}}}),
        "properties beside the reference #/components/schemas/Thing: use allOf",
    ),
    "a schema without an end": (endless, "List contains itself, with no field of an object in between"),
    "what is not OpenAPI": (not_a_parameter, "PUT /things/{id} (putThing): not as OpenAPI has it (TypeError"),
    "what is not OpenAPI to the generator": (
        member({"type": "object", "properties": {"c": {"type": "string", "minLength": "long"}}}),
        "PUT /things/{id} (putThing): components.schemas.Body.properties.b.properties.c.minLength: ",
    ),
    "a path parameter that is not described": (no_path_parameter, "Path parameters do not match with path"),
    "a path that needs encoding": (moved('/odd"/{id}'), "the path has characters that must be percent-encoded"),
    "a path in braces": (moved("/{{ 7 * 7 }}/{id}"), "the path has characters that must be percent-encoded"),
    "a pattern of another language": (member({"type": "string", "pattern": "\\p{L}+"}), "is not valid in Python"),
    "a model called Response": (called("Response"), "Response: generated code uses this name"),
    "a model called Literal": (called("Literal"), "Literal: generated code uses this name"),
    "two models in one file": (called("HTTPError", "HttpError"), "both models would be in models/http_error.py"),
    "two models of one name": (called("thing"), "duplicate models"),
    "a reference that leads nowhere": (member({"$ref": "#/components/schemas/Gone"}), "Gone"),
    "a reference to another document": (query({"$ref": "other.yaml#/Thing"}), "cannot follow the reference other.yaml"),
}


def generate(folder: Path, document: Node | str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    spec = folder / "small.yaml"
    spec.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    code = main(["--spec", str(spec), "--package", "small_client", "--output", str(folder / "made")])
    return code, capsys.readouterr().err


def test_the_document_as_such_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = generate(tmp_path, GOOD, capsys)
    assert (code, said) == (0, "")
    assert (tmp_path / "made" / "small_client" / "api" / "things" / "put_thing.py").exists()


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, reason = REFUSALS[name]
    document = copy.deepcopy(GOOD)
    change(document)
    code, said = generate(tmp_path, document, capsys)
    assert code == 2, said
    assert reason in said
    assert said.endswith("Nothing was changed.\n")
    assert "Traceback" not in said
    assert " object at 0x" not in said
    assert [path.name for path in tmp_path.rglob("*")] == ["small.yaml"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "small.yaml:3: duplicate key 'a'"),
        ("openapi: 3.1.0\npaths: {200: {}}\n", "the key 200 needs quotes"),
        ("- a\n", "is not an OpenAPI document"),
        ("a: [\n", "Error"),
        ("openapi: 3.1.0\n", ""),
    ],
)
def test_what_is_no_document(text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = generate(tmp_path, text, capsys)
    assert code == 2
    assert reason in said
    assert "Traceback" not in said


def test_names_of_the_api_may_begin_like_extensions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = copy.deepcopy(GOOD)
    member({"type": "string", "examples": ["x-y"]}, "x-internal")(document)
    code, said = generate(tmp_path, document, capsys)
    assert code == 0, said


@pytest.mark.parametrize("name", ["class", "bad-name", "Bad", "1st", "a.b", ""])
def test_packages_that_cannot_be_imported(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(yaml.safe_dump(GOOD, sort_keys=False))
    with pytest.raises(SystemExit) as ended:
        main(["--spec", str(spec), "--package", name, "--output", str(tmp_path / "made")])
    assert ended.value.code == 2
    assert "--package" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_the_clients_have_the_options_that_the_specs_may_name() -> None:
    for api in APIS:
        for name in api.clients:
            client = getattr(invigilate, name)("token")
            # Private, since callers need no list of them.
            assert set(client._defaults) == set(api.defaults)


def test_urls_and_headers_of_the_clients_are_those_of_the_specs() -> None:
    # The facade has them by hand, so that importing it reads no specification.
    proctoring, learn = (
        yaml.safe_load((ROOT / "openapi" / name).read_text(encoding="utf-8"))
        for name in ("smarterproctoring.yaml", "ispring-learn.yaml")
    )
    assert list(smarterproctoring.client.BASE_URLS.values()) == [server["url"] for server in proctoring["servers"]]
    assert learn["servers"][0]["url"] == ispring.client.BASE_URL
    (token,) = proctoring["components"]["securitySchemes"].values()
    header = SmarterProctoring("token")._credentials.header
    assert (token["type"], token["in"], header) == ("apiKey", "header", (token["name"], ""))
    (bearer,) = learn["components"]["securitySchemes"].values()
    assert (bearer["type"], bearer["scheme"]) == ("http", "bearer")
    for client in (ISpringLearn("token"), ISpringLearn(client_id="id", client_secret="secret")):
        assert client._credentials.header == ("Authorization", "Bearer ")
