"""What each change means: found in the specification, found in the Python surface, told once, and what follows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from reporter import rendering, spec_rest, surface_changes, versions
from reporter.changes import Change, ReportError
from reporter.merging import merge
from reporter.report import Report
from reporter.spec_changes import SpecComparison
from reporter.specification import Specification
from reporter.surface import Surface

Node = dict[str, Any]
BOUND = {("shop_client", "get_book"): "client.books.get", ("shop_client", "list_books"): "client.books.list"}
PATH = "/shops/{shopSid}/books/{bookSid}"


def document() -> Node:
    """A specification of two operations."""
    capture = {"page": "https://example.invalid/page", "date": "2026-11-21", "extent": "full"}
    shop = {"name": "shopSid", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/ShopSid"}}
    book = {"name": "bookSid", "in": "path", "required": True, "schema": {"type": "string"}}
    kind = {"name": "kind", "in": "query", "schema": {"type": "string", "enum": ["old", "new"]}}
    most = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}}
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Book"}}}
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Search"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {
            PATH: {
                "get": {
                    "operationId": "getBook",
                    "tags": ["books"],
                    "summary": "Get a book",
                    "x-capture": capture,
                    "x-idempotent": {"value": True, "reason": "it reads"},
                    "parameters": [shop, book, kind, most],
                    "responses": {"200": {"description": "the book", "content": answer}},
                }
            },
            "/books": {
                "post": {
                    "operationId": "listBooks",
                    "tags": ["books"],
                    "summary": "List books",
                    "x-capture": capture,
                    "x-idempotent": {"value": False, "reason": "it is counted"},
                    "requestBody": {"required": True, "content": body},
                    "responses": {"200": {"description": "the books", "content": answer}},
                }
            },
        },
        "components": {
            "schemas": {
                "ShopSid": {"type": "string", "pattern": "^SH[a-f0-9]{4}$"},
                "Book": {
                    "type": "object",
                    "required": ["title"],
                    "properties": {
                        "title": {"type": "string", "description": "Its title."},
                        "state": {"type": "string", "enum": ["in", "out"]},
                        "author": {"type": "object", "properties": {"name": {"type": "string"}}},
                    },
                },
                "Search": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string"},
                        "secret": {"type": "string", "x-sensitive": True},
                        "range": {
                            "type": "object",
                            "required": ["from"],
                            "properties": {"from": {"type": "string", "pattern": "^[0-9]+$"}, "to": {"type": "string"}},
                        },
                    },
                },
            }
        },
    }


def specified(edit: Callable[[Node], object], before: Callable[[Node], object] = lambda node: None) -> list[Change]:
    """The changes that an edit of the specification means, without a Python surface; `before` edits both sides."""
    was, new = document(), document()
    before(was)
    before(new)
    edit(new)
    old = Specification(was, "shop_client", "shop.yaml")
    after = Specification(new, "shop_client", "shop.yaml")
    return merge([*SpecComparison(old, after, BOUND, BOUND).changes(), *spec_rest.compare(old, after)], [], [])


def get(node: Node) -> Node:
    found: Node = node["paths"][PATH]["get"]
    return found


def schema(node: Node, name: str) -> Node:
    found: Node = node["components"]["schemas"][name]
    return found


def properties(node: Node, name: str) -> Node:
    found: Node = schema(node, name)["properties"]
    return found


def rename(node: Node, old: str, new: str) -> None:
    kept = {new if key == old else key: value for key, value in node.items()}
    node.clear()
    node.update(kept)


BY_OFFSET = {"type": "offset", "parameters": {"offset": "offset"}, "fields": {"rows": "results"}}


def query(name: str, required: bool = False) -> Node:
    return {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}


def idempotent(node: Node, path: str, method: str, value: bool) -> None:
    node["paths"][path][method]["x-idempotent"]["value"] = value


def path_parameter_renamed(node: Node) -> None:
    get(node)["parameters"][1].update(name="bookId")
    rename(node["paths"], PATH, PATH.replace("bookSid", "bookId"))


def field_respelt(node: Node) -> None:
    rename(properties(node, "Book"), "title", "Title")
    schema(node, "Book").update(required=["Title"])


# What is edited -> kind, area, name, whether it breaks callers, and a piece of the reason.
Expected = tuple[str, str, str, bool, str]
CASES: dict[str, tuple[Callable[[Node], object], Expected]] = {
    "optional parameter": (
        lambda n: get(n)["parameters"].append(query("lang")),
        ("added", "parameter", "client.books.get(lang=)", False, "without it"),
    ),
    "required parameter": (
        lambda n: get(n)["parameters"].append(query("lang", True)),
        ("added", "parameter", "client.books.get(lang=)", True, "TypeError"),
    ),
    "required parameter that the client gives": (
        lambda n: get(n)["parameters"].append(query("lang", True) | {"x-client-default": "lang"}),
        ("added", "parameter", "client.books.get(lang=)", False, "without it"),
    ),
    "parameter removed": (
        lambda n: get(n)["parameters"].pop(2),
        ("removed", "parameter", "client.books.get(kind=)", True, "TypeError"),
    ),
    "parameter renamed": (
        lambda n: get(n)["parameters"][2].update(name="kindOf"),
        ("renamed", "parameter", "client.books.get(kind=)", True, "documented as kind, now kindOf"),
    ),
    "another spelling with the same name in Python": (
        lambda n: get(n)["parameters"][1].update(name="book_sid"),
        ("changed", "parameter", "client.books.get(book_sid=)", False, "the name in Python stays"),
    ),
    "parameter required": (
        lambda n: get(n)["parameters"][2].update(required=True),
        ("changed", "parameter", "client.books.get(kind=)", True, "TypeError"),
    ),
    "field of an argument optional": (
        lambda n: schema(n, "Search")["properties"]["range"].update(required=[]),
        ("changed", "field", "SearchRange.from_", False, "omitted"),
    ),
    "enum value of an argument added": (
        lambda n: get(n)["parameters"][2]["schema"]["enum"].append("rare"),
        ("added", "enum value", "client.books.get(kind=)", False, "still are"),
    ),
    "enum value of an argument removed": (
        lambda n: get(n)["parameters"][2]["schema"]["enum"].remove("old"),
        ("removed", "enum value", "client.books.get(kind=)", True, "rejected"),
    ),
    "enum of an argument dropped": (
        lambda n: get(n)["parameters"][2]["schema"].pop("enum"),
        ("changed", "enum value", "client.books.get(kind=)", False, "any value"),
    ),
    "enum of an argument introduced": (
        lambda n: properties(n, "Search")["text"].update(enum=["a"]),
        ("changed", "enum value", "client.books.list(text=)", True, "rejected"),
    ),
    "enum value of an answer added": (
        lambda n: properties(n, "Book")["state"]["enum"].append("lost"),
        ("added", "enum value", "Book.state", False, "`case _`"),
    ),
    "enum value of an answer removed": (
        lambda n: properties(n, "Book")["state"]["enum"].remove("out"),
        ("removed", "enum value", "Book.state", False, "still accept"),
    ),
    "field of an answer added": (
        lambda n: properties(n, "Book").update(price={"type": "number"}),
        ("added", "field", "Book.price", False, "additional_properties"),
    ),
    "field of an answer removed": (
        lambda n: properties(n, "Book").pop("state"),
        ("removed", "field", "Book.state", True, "AttributeError"),
    ),
    "field of an answer renamed": (
        lambda n: rename(properties(n, "Book"), "state", "status"),
        ("renamed", "field", "Book.state", True, "documented as state, now status"),
    ),
    "nested field of an answer added": (
        lambda n: properties(n, "Book")["author"]["properties"].update(age={"type": "integer"}),
        ("added", "field", "BookAuthor.age", False, "attribute"),
    ),
    "field of an argument removed": (
        lambda n: properties(n, "Search")["range"]["properties"].pop("to"),
        ("removed", "field", "SearchRange.to", True, "fails"),
    ),
    "field of an argument required": (
        lambda n: properties(n, "Search")["range"].update(required=["from", "to"]),
        ("changed", "field", "SearchRange.to", True, "TypeError, and mappings InvalidArgumentError"),
    ),
    "required field of an argument added": (
        lambda n: (
            properties(n, "Search")["range"].update(required=["from", "by"])
            or properties(n, "Search")["range"]["properties"].update(by={"type": "string"})
        ),
        ("added", "field", "SearchRange.by", True, "rejected"),
    ),
    "pattern narrowed": (
        lambda n: properties(n, "Search")["range"]["properties"]["from"].update(pattern="^[0-9]{1,9}$"),
        ("changed", "field", "SearchRange.from_", True, "no longer matches"),
    ),
    "pattern widened": (
        lambda n: properties(n, "Search")["range"]["properties"]["from"].update(pattern="^[0-9a-f]+$"),
        ("changed", "field", "SearchRange.from_", False, "and more"),
    ),
    "pattern dropped": (
        lambda n: properties(n, "Search")["range"]["properties"]["from"].pop("pattern"),
        ("changed", "field", "SearchRange.from_", False, "any string"),
    ),
    "pattern that is not decided": (
        lambda n: properties(n, "Search")["range"]["properties"]["from"].update(pattern="^(?=.)[0-9]+$"),
        ("changed", "field", "SearchRange.from_", True, "not decided"),
    ),
    "pattern in an answer": (
        lambda n: properties(n, "Book")["title"].update(pattern="^x$"),
        ("changed", "field", "Book.title", False, "responses are not checked"),
    ),
    "SID narrowed": (
        lambda n: schema(n, "ShopSid").update(pattern="^SH[a-f]{4}$"),
        ("changed", "sid", "ShopSid", True, "no longer matches"),
    ),
    "SID added": (
        lambda n: n["components"]["schemas"].update(PenSid={"type": "string", "pattern": "^PE$"}),
        ("added", "sid", "PenSid", False, "a new kind of SID"),
    ),
    "smallest value raised": (
        lambda n: get(n)["parameters"][3]["schema"].update(minimum=2),
        ("changed", "parameter", "client.books.get(limit=)", True, "rejected"),
    ),
    "largest value raised": (
        lambda n: get(n)["parameters"][3]["schema"].update(maximum=500),
        ("changed", "parameter", "client.books.get(limit=)", False, "still are"),
    ),
    "a longest string": (
        lambda n: get(n)["parameters"][1]["schema"].update(maxLength=9),
        ("changed", "parameter", "client.books.get(book_sid=)", True, "rejected"),
    ),
    "a length that nobody checks": (
        lambda n: properties(n, "Book")["title"].update(maxLength=5),
        ("changed", "field", "Book.title", False, "responses are not checked"),
    ),
    "an exclusive limit": (
        lambda n: get(n)["parameters"][3]["schema"].update(exclusiveMaximum=50),
        ("changed", "parameter", "client.books.get(limit=)", True, "rejected"),
    ),
    "a multiple": (
        lambda n: get(n)["parameters"][3]["schema"].update(multipleOf=5),
        ("changed", "parameter", "client.books.get(limit=)", True, "rejected"),
    ),
    "another documented default": (
        lambda n: get(n)["parameters"][3]["schema"].update(default=25),
        ("changed", "parameter", "client.books.get(limit=)", False, "not sent unless set"),
    ),
    "no longer masked": (
        lambda n: properties(n, "Search")["secret"].pop("x-sensitive"),
        ("changed", "parameter", "client.books.list(secret=)", False, "is now shown in logs"),
    ),
    "masked": (
        lambda n: properties(n, "Book")["title"].update({"x-sensitive": True}),
        ("changed", "field", "Book.title", False, "is now masked in logs"),
    ),
    "safe to unsafe": (
        lambda n: idempotent(n, PATH, "get", False),
        ("changed", "operation", "client.books.get()", True, "OutcomeUnknownError"),
    ),
    "unsafe to safe": (
        lambda n: idempotent(n, "/books", "post", True),
        ("changed", "operation", "client.books.list()", True, "more than once"),
    ),
    "paged": (
        lambda n: n["paths"]["/books"]["post"].update({"x-pagination": BY_OFFSET}),
        ("changed", "operation", "client.books.list()", True, "another type"),
    ),
    "another path": (
        lambda n: n["paths"].update({"/volumes": n["paths"].pop("/books")}),
        ("changed", "operation", "client.books.list()", False, "another URL"),
    ),
    "another operationId": (
        lambda n: n["paths"]["/books"]["post"].update(operationId="findBooks"),
        ("renamed", "operation", "shop_client.api.books.list_books", True, "ImportError; no client has it yet"),
    ),
    "another tag": (
        lambda n: n["paths"]["/books"]["post"].update(tags=["shelves"]),
        ("renamed", "operation", "shop_client.api.books.list_books", True, "call stays client.books.list()"),
    ),
    "parameter sent elsewhere": (
        lambda n: get(n)["parameters"][2].update({"in": "header"}),
        ("changed", "parameter", "client.books.get(kind=)", False, "sent in another place; calls stay"),
    ),
    "parameter of the path renamed": (
        path_parameter_renamed,
        ("renamed", "parameter", "client.books.get(book_sid=)", True, "documented as bookSid, now bookId"),
    ),
    "parameters of the path exchanged": (
        lambda n: rename(n["paths"], PATH, "/shops/{bookSid}/books/{shopSid}"),
        ("changed", "operation", "client.books.get()", False, "another URL"),
    ),
    "another spelling of a field of an argument": (
        lambda n: rename(properties(n, "Search")["range"]["properties"], "to", "To"),
        ("changed", "field", "SearchRange.to", True, "mappings with its old name are rejected"),
    ),
    "another spelling of a field of an answer": (
        field_respelt,
        ("changed", "field", "Book.title", False, "the attribute stays"),
    ),
    "another status of success": (
        lambda n: rename(get(n)["responses"], "200", "201"),
        ("changed", "specification", "getBook: the success status", False, "any 2xx is a success"),
    ),
    "several values with commas": (
        lambda n: properties(n, "Search")["text"].update({"x-argument": "comma-separated"}),
        ("changed", "parameter", "client.books.list(text=)", False, "stay the same"),
    ),
    "operation documented as deprecated": (
        lambda n: get(n).update(deprecated=True),
        ("changed", "operation", "client.books.get()", False, "without a warning"),
    ),
    "parameter documented as deprecated": (
        lambda n: get(n)["parameters"][2].update(deprecated=True),
        ("changed", "parameter", "client.books.get(kind=)", False, "without a warning"),
    ),
    "field documented as deprecated": (
        lambda n: properties(n, "Book")["title"].update(deprecated=True),
        ("changed", "field", "Book.title", False, "without a warning"),
    ),
    "pattern of every line": (
        lambda n: properties(n, "Search")["text"].update(pattern=".*"),
        ("changed", "parameter", "client.books.list(text=)", True, "several lines are rejected"),
    ),
    "operation added": (
        lambda n: n["paths"].update(
            {"/pens": {"post": copy.deepcopy(n["paths"]["/books"]["post"]) | {"operationId": "listPens"}}}
        ),
        ("added", "operation", "shop_client.api.books.list_pens.describe()", False, "no client has it yet"),
    ),
    "operation removed": (
        lambda n: n["paths"].pop("/books"),
        ("removed", "operation", "client.books.list()", True, "AttributeError"),
    ),
    "type that Python does not show": (
        lambda n: properties(n, "Book")["title"].update(type=["string", "null"]),
        ("changed", "field", "Book.title", False, "stay the same"),
    ),
    "text": (
        lambda n: properties(n, "Book")["title"].update(description="The title."),
        ("changed", "documentation", "Book", False, "title.description"),
    ),
    "inferred": (
        lambda n: properties(n, "Book")["title"].update({"x-inferred": "guessed"}),
        ("changed", "documentation", "Book", False, "title.x-inferred"),
    ),
    "answer of an error": (
        lambda n: get(n)["responses"].update({"404": {"description": "none"}}),
        ("added", "specification", "getBook: response 404", False, "for their status"),
    ),
    "what nothing depends on": (
        lambda n: properties(n, "Book")["title"].update(contentEncoding="base64"),
        ("added", "specification", "Book: title.contentEncoding", False, "no effect"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_of_the_specification(case: str) -> None:
    edit, (kind, area, name, breaking, reason) = CASES[case]
    changes = specified(edit)
    # Whatever Search loses, SearchRange is asked about; some edits mean more than one thing, never something else.
    found = [change for change in changes if (change.kind, change.area, change.name) == (kind, area, name)]
    assert len(found) == len(changes) == 1, changes
    assert found[0].breaking is breaking
    assert reason in found[0].reason


def secured(node: Node) -> None:
    node["security"] = [{"key": []}]
    node["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}


def whole(node: Node, schema: Node) -> None:
    """The body is of this schema, which has no fields."""
    node["paths"]["/books"]["post"]["requestBody"]["content"] = {"application/json": {"schema": schema}}


def flat(node: Node) -> None:
    """What may be sent as a form."""
    del properties(node, "Search")["range"]


def as_form(node: Node) -> None:
    rename(node["paths"]["/books"]["post"]["requestBody"]["content"], "application/json", FORM)


FORM = "application/x-www-form-urlencoded"
HEADLINES: dict[str, tuple[Callable[[Node], object], Callable[[Node], object], str]] = {
    "another form of the body": (flat, as_form, f"`client.books.list()` is now `{FORM}` (was `application/json`)"),
    "without the token": (
        secured,
        lambda n: get(n).update(security=[]),
        "`client.books.get()` is now sent without the token (was sent with the token)",
    ),
    "place": (
        lambda n: None,
        lambda n: get(n)["parameters"][2].update({"in": "header"}),
        "`client.books.get(kind=)` is now sent as a header (was sent in the query)",
    ),
    "style": (
        lambda n: get(n)["parameters"][2].update(schema={"type": "array", "items": {"type": "string"}}),
        lambda n: get(n)["parameters"][2].update(explode=False),
        "`client.books.get(kind=)` is now joined with commas (was written as usual)",
    ),
    "length": (
        lambda n: get(n)["parameters"][1]["schema"].update(minLength=2),
        lambda n: get(n)["parameters"][1]["schema"].update(minLength=1),
        "`client.books.get(book_sid=)` is now minLength `1` (was minLength `2`)",
    ),
    "the whole body": (
        lambda n: whole(n, {"type": "array", "minItems": 2, "items": {"type": "string"}}),
        lambda n: whole(n, {"type": "array", "items": {"type": "string"}}),
        "`client.books.list(body=)` is no longer minItems `2`",
    ),
    "multiple": (
        lambda n: get(n)["parameters"][3]["schema"].update(multipleOf=10),
        lambda n: get(n)["parameters"][3]["schema"].update(multipleOf=5),
        "`client.books.get(limit=)` is now multipleOf `5` (was multipleOf `10`)",
    ),
    "documented name": (
        lambda n: None,
        lambda n: rename(properties(n, "Search")["range"]["properties"], "to", "To"),
        "`SearchRange.to` is now documented as `To` (was documented as `to`)",
    ),
    "pattern": (
        lambda n: None,
        lambda n: properties(n, "Search")["text"].update(pattern="^a$"),
        "`client.books.list(text=)` is now string matching `^a$` (was any string)",
    ),
    "commas": (
        lambda n: None,
        lambda n: properties(n, "Search")["text"].update({"x-argument": "comma-separated"}),
        "`client.books.list(text=)` is now `comma-separated string` (was `string`)",
    ),
    "required": (
        lambda n: None,
        lambda n: get(n)["parameters"][2].update(required=True),
        "`client.books.get(kind=)` is now required (was optional)",
    ),
    "status": (
        lambda n: None,
        lambda n: rename(get(n)["responses"], "200", "201"),
        "`getBook: the success status` is now `201` (was `200`)",
    ),
    "deprecated": (
        lambda n: None,
        lambda n: get(n).update(deprecated=True),
        "`client.books.get()` is now documented as deprecated",
    ),
    "no longer deprecated": (
        lambda n: get(n).update(deprecated=True),
        lambda n: get(n).pop("deprecated"),
        "`client.books.get()` is no longer documented as deprecated",
    ),
}


@pytest.mark.parametrize("case", HEADLINES)
def test_how_a_change_is_told(case: str) -> None:
    """Once, and with marks around code alone."""
    before, edit, expected = HEADLINES[case]
    (change,) = specified(edit, before)
    assert versions.headline(change, "`") == expected
    assert versions.headline(change) == expected.replace("`", "")
    assert "`" not in f"{change.to_dict()['was']}{change.to_dict()['now']}"
    section = versions.changelog([change])
    assert ("Documentation only" in section) is (case == "status")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda n: get(n)["responses"].update({"204": {"description": "gone"}}), "is now Book or null (was Book)"),
        (
            lambda n: get(n)["responses"]["200"].update(content={"application/pdf": {}}),
            "is now bytes (was Book)",
        ),
        (lambda n: get(n)["responses"]["200"].update(content={"text/csv": {}}), "is now text (was Book)"),
    ],
)
def test_other_types_of_a_success(edit: Callable[[Node], object], expected: str) -> None:
    assert f"client.books.get() {expected}" in {versions.headline(change) for change in specified(edit)}


def shared_time(node: Node) -> None:
    """Several values of one shared schema, one of which may be null."""
    node["components"]["schemas"]["Time"] = {"type": "string", "format": "date-time"}
    time = {"$ref": "#/components/schemas/Time"}
    properties(node, "Search").update(since=time, until={"anyOf": [time, {"type": "null"}]})
    properties(node, "Search")["range"]["properties"].update(at=time)


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        # A time is a line of text, so that this pattern refuses none.
        ({"type": "string", "pattern": ".*"}, ["the types in Python stay the same"]),
        (
            {"type": "string", "pattern": "^[0-9]+$"},
            [
                "strings that were accepted are rejected unless they match the pattern",
                "the types in Python stay the same",
            ],
        ),
    ],
)
def test_a_change_of_a_shared_schema_is_told_once(value: Node, reasons: list[str]) -> None:
    changes = specified(lambda node: node["components"]["schemas"].update(Time=value), shared_time)
    assert [change.reason for change in changes] == [f"{reason} (all have the schema Time)" for reason in reasons]
    for change in changes:
        assert change.name == "client.books.list(since=) and 2 more"
        assert {"client.books.list(until=)", "SearchRange.at"} <= set(change.where)


def test_a_renamed_operation_whose_call_is_bound_anew() -> None:
    new = document()
    new["paths"]["/books"]["post"].update(operationId="findBooks")
    specifications = [Specification(one, "shop_client", "shop.yaml") for one in (document(), new)]
    bound = {("shop_client", "get_book"): "client.books.get", ("shop_client", "find_books"): "client.books.list"}
    (change,) = SpecComparison(specifications[0], specifications[1], bound, BOUND).changes()
    assert versions.headline(change) == (
        "shop_client.api.books.list_books was renamed to shop_client.api.books.find_books"
    )
    assert change.reason == (
        "code that imports it from the generated package raises ImportError; the client's call stays "
        "client.books.list()"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], "Nothing changed for callers."),
        (["breaking"], "1 change, which breaks callers."),
        (["breaking", "breaking"], "2 changes, each of which breaks callers."),
        (["breaking", "not"], "2 changes, 1 of which breaks callers."),
        (["not", "not"], "2 changes, which do not break callers."),
    ],
)
def test_the_summary(changes: list[str], said: str) -> None:
    told = tuple(BREAKING if one == "breaking" else CHANGE for one in changes)
    report = Report("0.1.0", "0.1.0", "0.1.0", "0.1.1", told, "", ())
    assert said in rendering.as_text(report).splitlines()[2] + rendering.as_text(report).splitlines()[3]
    assert said in rendering.as_markdown(report)


def test_a_report_without_the_facade_says_so_first() -> None:
    report = Report("0.1.0", "0.1.0", "0.1.0", "0.1.1", (CHANGE,), "", (), "ImportError: no installs")
    line = "The facade cannot be imported (ImportError: no installs); this report is incomplete."
    assert rendering.as_text(report).splitlines()[0] == line
    assert rendering.as_markdown(report).splitlines()[0] == f"**{line}**"
    assert report.to_dict()["unimportable"] == "ImportError: no installs"


def test_nothing_changed() -> None:
    assert specified(lambda node: None) == []
    assert versions.following("0.1.0", []) == "0.1.0"
    assert versions.changelog([]) == ""


def signature(*parameters: list[Any], returns: str = "str") -> Node:
    return {"kind": "function", "signatures": [{"parameters": list(parameters), "returns": returns}]}


def given(name: str, type_: str = "str", default: str | None = None, kind: str = "positional or keyword") -> list[Any]:
    return [name, kind, type_, default]


SURFACE: Surface = {
    "shop": {"kind": "module"},
    "shop.Base": {"kind": "class", "bases": []},
    "shop.Base.handed": signature(),
    "shop.Base.made": {"kind": "function", "signatures": [{"parameters": [], "returns": "Base", "method": "class"}]},
    "shop.Base.tag": {"kind": "attribute", "type": "Any"},
    "shop.Error": {"kind": "class", "bases": ["ValueError", "shop.Base"]},
    "shop.Error.code": {"kind": "attribute", "type": "int"},
    "shop.Kind": {"kind": "class", "bases": ["enum.Enum"]},
    "shop.Kind.OLD": {"kind": "attribute", "value": "'old'"},
    "shop.buy": signature(given("a"), given("b", "int", "1"), given("c", "str", None, "keyword-only")),
    "shop.look": signature(given("where"), returns="Mapping[str, Any]")
    | {"deprecated": "use find", "renamed": {"place": ["where", "1.2"]}},
    "shop.errors": {"kind": "module"},
    "shop.errors.Error": {"kind": "alias", "of": "shop.Error"},
}


def surfaced(edit: Callable[[Surface], object]) -> list[Change]:
    new = copy.deepcopy(SURFACE)
    edit(new)
    return merge([], surface_changes.compare(SURFACE, new), [])


def buy(surface: Surface) -> Node:
    found: Node = surface["shop.buy"]["signatures"][0]
    return found


SURFACE_CASES: dict[str, tuple[Callable[[Surface], object], tuple[str, str, bool, str]]] = {
    "added": (lambda s: s.update({"shop.sell": signature()}), ("added", "shop.sell", False, "nothing else changes")),
    "removed": (lambda s: s.pop("shop.buy"), ("removed", "shop.buy", True, "ImportError")),
    "member removed": (lambda s: s.pop("shop.Error.code"), ("removed", "shop.Error.code", True, "AttributeError")),
    "class removed with its members": (
        lambda s: [s.pop(name) for name in ("shop.Kind", "shop.Kind.OLD")],
        ("removed", "shop.Kind", True, "ImportError"),
    ),
    "alias removed": (lambda s: s.pop("shop.errors.Error"), ("removed", "shop.errors.Error", True, "ImportError")),
    "alias added": (
        lambda s: s.update({"shop.errors.Base": {"kind": "alias", "of": "shop.Base"}}),
        ("added", "shop.errors.Base", False, "another name"),
    ),
    "optional parameter": (
        lambda s: buy(s)["parameters"].append(given("d", "str", "''", "keyword-only")),
        ("added", "shop.buy(d=)", False, "without it"),
    ),
    "required parameter": (
        lambda s: buy(s)["parameters"].append(given("d", "str", None, "keyword-only")),
        ("added", "shop.buy(d=)", True, "TypeError"),
    ),
    "parameter removed": (lambda s: buy(s)["parameters"].pop(), ("removed", "shop.buy(c=)", True, "TypeError")),
    "default removed": (
        lambda s: buy(s)["parameters"][1].__setitem__(3, None),
        ("changed", "shop.buy(b=)", True, "without it raise TypeError"),
    ),
    "default added": (
        lambda s: buy(s)["parameters"][2].__setitem__(3, "''"),
        ("changed", "shop.buy(c=)", False, "omitted"),
    ),
    "another default": (
        lambda s: buy(s)["parameters"][1].__setitem__(3, "2"),
        ("changed", "shop.buy(b=)", True, "differently"),
    ),
    "keyword only": (
        lambda s: buy(s)["parameters"][1].__setitem__(1, "keyword-only"),
        ("changed", "shop.buy(b=)", True, "by position"),
    ),
    "takes more": (
        lambda s: buy(s)["parameters"][0].__setitem__(2, "str | None"),
        ("changed", "shop.buy(a=)", False, "and more"),
    ),
    "takes less": (
        lambda s: buy(s)["parameters"][1].__setitem__(2, "Literal[1]"),
        ("changed", "shop.buy(b=)", True, "no longer accepts"),
    ),
    "order": (
        lambda s: buy(s)["parameters"].insert(0, buy(s)["parameters"].pop(1)),
        ("changed", "shop.buy", True, "other parameters"),
    ),
    "gives less": (
        lambda s: buy(s).update(returns="Literal['a']"),
        ("changed", "shop.buy", False, "accepted everywhere"),
    ),
    "gives more": (lambda s: buy(s).update(returns="str | None"), ("changed", "shop.buy", True, "more types")),
    "gives another type": (lambda s: buy(s).update(returns="bytes"), ("changed", "shop.buy", True, "another type")),
    "async": (lambda s: buy(s).update({"async": True}), ("changed", "shop.buy", True, "awaited")),
    "an overload more": (
        lambda s: s["shop.buy"]["signatures"].append({"parameters": [], "returns": "str"}),
        ("changed", "shop.buy", False, "stays"),
    ),
    "attribute of another type": (
        lambda s: s["shop.Error.code"].update(type="int | None"),
        ("changed", "shop.Error.code", True, "more types"),
    ),
    "value of an enum": (
        lambda s: s["shop.Kind.OLD"].update(value="'aged'"),
        ("changed", "shop.Kind.OLD", True, "old value"),
    ),
    "no longer derived": (
        lambda s: s["shop.Error"].update(bases=["shop.Base"]),
        ("changed", "shop.Error", True, "no longer include it"),
    ),
    "positional only": (
        lambda s: buy(s)["parameters"][0].__setitem__(1, "positional-only"),
        ("changed", "shop.buy(a=)", True, "by name"),
    ),
    "by name too": (
        lambda s: buy(s)["parameters"][2].__setitem__(1, "positional or keyword"),
        ("changed", "shop.buy(c=)", False, "by position and by name"),
    ),
    "annotation of a parameter dropped": (
        lambda s: buy(s)["parameters"][0].__setitem__(2, None),
        ("changed", "shop.buy(a=)", True, "no longer know its type"),
    ),
    "annotation of what it gives dropped": (
        lambda s: buy(s).update(returns=None),
        ("changed", "shop.buy", True, "no longer know its type"),
    ),
    "annotation of an attribute dropped": (
        lambda s: s.update({"shop.Error.code": {"kind": "attribute", "value": "1"}}),
        ("changed", "shop.Error.code", True, "no longer know its type"),
    ),
    "no longer of the class": (
        lambda s: s["shop.Base.made"]["signatures"][0].pop("method"),
        ("changed", "shop.Base.made", True, "on the class"),
    ),
    "of the class": (
        lambda s: s["shop.Base.handed"]["signatures"][0].update(method="static"),
        ("changed", "shop.Base.handed", False, "still be called"),
    ),
    "an alias of another class": (
        lambda s: s["shop.errors.Error"].update(of="shop.Base"),
        ("changed", "shop.errors.Error", True, "another object"),
    ),
    "a class that is now the name of another": (
        lambda s: (s.pop("shop.Error.code"), s.update({"shop.Error": {"kind": "alias", "of": "shop.Base"}})),
        ("changed", "shop.Error", True, "another object"),
    ),
    "anything that is a text now": (
        lambda s: s["shop.Base.tag"].update(type="str"),
        ("changed", "shop.Base.tag", True, "check it against this type"),
    ),
    "gives a text where it gave anything": (
        lambda s: s["shop.look"]["signatures"][0].update(returns="Mapping[str, str]"),
        ("changed", "shop.look", True, "check it against this type"),
    ),
    "deprecated": (
        lambda s: s["shop.buy"].update(deprecated="use sell"),
        ("deprecated", "shop.buy", False, "works as before"),
    ),
    "no longer deprecated": (
        lambda s: s["shop.look"].pop("deprecated"),
        ("deprecated", "shop.look", False, "no longer raises a warning"),
    ),
    "an argument by its old name as well": (
        lambda s: (
            buy(s)["parameters"][0].__setitem__(0, "thing"),
            s["shop.buy"].update(renamed={"a": ["thing", "1.2"]}),
        ),
        ("deprecated", "shop.buy(a=)", False, "still accepted"),
    ),
    "the old name of an argument removed": (
        lambda s: s["shop.look"].pop("renamed"),
        ("removed", "shop.look(place=)", True, "TypeError"),
    ),
    "another kind of thing": (
        lambda s: s.update({"shop.Error.code": signature()}),
        ("changed", "shop.Error.code", True, "differently"),
    ),
}


@pytest.mark.parametrize("case", SURFACE_CASES)
def test_a_change_of_the_surface(case: str) -> None:
    edit, (kind, name, breaking, reason) = SURFACE_CASES[case]
    changes = surfaced(edit)
    assert [(change.kind, change.name, change.breaking) for change in changes] == [(kind, name, breaking)], changes
    assert reason in changes[0].reason


@pytest.mark.parametrize(
    ("old", "new", "breaking"),
    [
        ("'production'", "'development'", True),
        ("True", "False", True),
        ("2", "0", True),
        ("1", "True", True),
        ("30.0", "None", True),
        ("LOOPBACK", "ANYWHERE", True),
        ("UNCHANGED", "None", True),
        ("UNSET", "None", True),
        ("None", "'flatten'", False),
        ("None", "UNSET", False),
        ("UNSET", "10", False),
        ("30.0", "30", None),
        ("'a'", '"a"', None),
    ],
)
def test_another_default(old: str, new: str, breaking: bool | None) -> None:
    """A call that would do something else breaks, unless it asked for nothing before."""
    before, after = ({"shop.buy": signature(given("a", "Any", default))} for default in (old, new))
    found = [change.breaking for change in surface_changes.compare(before, after)]
    assert found == ([] if breaking is None else [breaking])


def test_what_lost_its_shortest_name_is_compared_by_another() -> None:
    def edit(surface: Surface) -> None:
        surface["shop.errors.Error"] = surface.pop("shop.Error") | {"bases": ["shop.Base"]}
        del surface["shop.Error.code"]

    assert {(change.kind, change.name) for change in surfaced(edit)} == {
        ("removed", "shop.Error"),
        ("removed", "shop.errors.Error.code"),
        ("changed", "shop.errors.Error"),
    }


def handed_down(surface: Surface) -> None:
    surface["shop.Base.code"] = surface.pop("shop.Error.code")


def moved_with_an_alias(surface: Surface) -> None:
    surface["shop.errors.Error"] = surface.pop("shop.Error")
    surface["shop.errors.Error.code"] = surface.pop("shop.Error.code")
    surface["shop.Error"] = {"kind": "alias", "of": "shop.errors.Error"}


def spelt_otherwise(surface: Surface) -> None:
    buy(surface)["parameters"][0][2] = "Union[str]"


@pytest.mark.parametrize("edit", [handed_down, moved_with_an_alias, spelt_otherwise])
def test_what_is_no_break_to_callers(edit: Callable[[Surface], object]) -> None:
    assert [change for change in surfaced(edit) if change.breaking or change.kind == "removed"] == []


def test_the_same_change_of_several_things_is_told_once() -> None:
    def edit(surface: Surface) -> None:
        for name in ("shop.Base", "shop.Error", "shop.Kind"):
            surface[f"{name}.show"] = signature()

    changes = surfaced(edit)
    assert [change.name for change in changes] == ["shop.Base.show and 2 more"]
    assert set(changes[0].where) == {"shop.Base.show", "shop.Error.show", "shop.Kind.show"}


CHANGE = Change("changed", "surface", "shop.buy", False, "why")
BREAKING = Change("removed", "parameter", "client.buy(a=)", True, "calls that pass it raise TypeError", "a: str")
DEPRECATED = Change("deprecated", "surface", "shop.buy", False, "it works as before", None, "use sell instead")
ADDED = Change("added", "operation", "client.sell()", False, "a new call", None, "GET /sell")


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ("0.1.0", [CHANGE], "0.1.1"),
        ("0.1.0", [ADDED], "0.1.1"),
        ("0.1.7", [ADDED, BREAKING], "0.2.0"),
        ("1.2.3", [CHANGE], "1.2.4"),
        ("1.2.3", [CHANGE, ADDED], "1.3.0"),
        ("1.2.3", [ADDED, BREAKING], "2.0.0"),
        ("1.2.3", [], "1.2.3"),
        ("1.2.3", [DEPRECATED], "1.3.0"),
        ("0.1.0", [DEPRECATED], "0.1.1"),
        ("1.2.3", [replace(DEPRECATED, was="use it", now=None)], "1.2.4"),
        # What a candidate has raised is not raised again.
        ("0.2.0rc1", [CHANGE], "0.2.0"),
        ("0.2.0rc1", [BREAKING], "0.2.0"),
        ("0.2.1rc1", [BREAKING], "0.3.0"),
        ("1.3.0rc1", [ADDED], "1.3.0"),
        ("1.3.1rc1", [ADDED], "1.4.0"),
        ("1.3.0rc1", [BREAKING], "2.0.0"),
        ("2.0.0.dev1", [BREAKING], "2.0.0"),
    ],
)
def test_the_version_that_follows(base: str, changes: list[Change], expected: str) -> None:
    assert versions.following(base, changes) == expected


def test_a_version_that_is_none() -> None:
    with pytest.raises(ReportError, match=r"base: 'newest' is not a version"):
        versions.following("newest", [CHANGE])


def test_the_changelog() -> None:
    quiet = Change("changed", "documentation", "Book", False, "title", quiet=True)
    held = Change("fails", "released types", "accepted.py:3", True, "mypy: no", "x")
    assert versions.changelog([BREAKING, held, ADDED, CHANGE, quiet]) == (
        "### Added\n\n- `client.sell()` is new: `GET /sell`.\n\n"
        "### Changed\n\n- `shop.buy`; why.\n\n"
        "### Removed\n\n- **Breaking:** `client.buy(a=)` was removed; calls that pass it raise TypeError.\n"
    )
    assert versions.changelog([DEPRECATED, ADDED, replace(DEPRECATED, was="use it", now=None)]) == (
        "### Added\n\n- `client.sell()` is new: `GET /sell`.\n\n"
        "### Changed\n\n- `shop.buy` is no longer deprecated; it works as before.\n\n"
        "### Deprecated\n\n- `shop.buy` is deprecated: use sell instead; it works as before.\n"
    )
    assert versions.changelog([quiet]) == "### Changed\n\n- Documentation only.\n"
    # Nothing else says what breaks; what a checker or a test printed is no text for people.
    programs = [replace(held, name=f"p:{line}") for line in range(6)]
    section = versions.changelog([CHANGE, *programs])
    assert " ".join(section.split()) == (
        "### Changed - `shop.buy`; why. - **Breaking:** programs that worked now fail; write here which, and what to "
        "change (`p:0`, `p:1`, `p:2`, `p:3` and 2 more)."
    )
    assert versions.changelog([replace(CHANGE, reason="it is so.")]) == "### Changed\n\n- `shop.buy`; it is so.\n"


def test_what_breaks_in_python_alone_is_not_hidden_by_something_harmless() -> None:
    """A template changed at the same time: its effect is a change of its own."""
    about = frozenset({("argument", "shop_client", "get_book", "kind")})
    harmless = Change("changed", "parameter", "client.books.get(kind=)", False, "default", subjects=about)
    effect = Change("changed", "surface", "shop_client.api.books.get_book.sync(kind=)", True, "less", subjects=about)
    assert {change.name for change in merge([harmless], [effect], [])} == {harmless.name, effect.name}
    gone = Change("removed", "parameter", "client.books.get(kind=)", True, "gone", subjects=about)
    assert [change.name for change in merge([gone], [effect], [])] == [gone.name]
