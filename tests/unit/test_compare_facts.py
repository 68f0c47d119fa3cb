"""The comparison of a spec with the facts of a vendor's document, on those of an imaginary library."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from capturer.vendorfacts import MOST, ROOT, VARIABLE, Comparison, judge, main

Document = dict[str, Any]
DEFAULT = ROOT.parent / "shared" / "reference" / "ispring" / "facts.yaml"

FACTS: Document = yaml.safe_load("""
paths:
  /books:
    get:
      parameters:
        - {name: authors, in: query, required: false, schema: {type: array, items: {type: string, format: uuid}}}
        - {$ref: '#/components/parameters/locale'}
      responses:
        '200': {content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Book'}}}}}
        '404': ''
    post:
      requestBody:
        required: true
        content: {application/json: {schema: {oneOf: [{$ref: '#/components/schemas/Book'}]}}}
      responses:
        '201': {content: {application/json: {schema: {type: object, properties: {id: {type: integer}}}}}}
components:
  parameters:
    locale: {name: locale, in: header, schema: {type: string, enum: [en, de]}}
  schemas:
    Book:
      type: object
      required: [title]
      properties:
        title: {type: string}
        due: {type: string, format: dateTime}
        state: {$ref: '#/components/schemas/State'}
    State: {type: string, enum: [lent, lost]}
    Unused: {type: object, properties: {anything: {type: string}}}
""")
FACTS["components"]["schemas"]["Book"]["properties"].update({f"field{n}": {"type": "string"} for n in range(30)})

# Says the same, with a schema name of its own, a nullable field and further errors.
SPEC: Document = copy.deepcopy(FACTS)
_schemas = SPEC["components"]["schemas"]
del _schemas["Unused"]
_schemas["BookState"] = _schemas.pop("State")
_schemas["Book"]["properties"] |= {
    "state": {"anyOf": [{"$ref": "#/components/schemas/BookState"}, {"type": "null"}]},
    "due": {"type": ["string", "null"], "format": "date-time"},
}
SPEC["paths"]["/books"]["get"]["responses"]["404"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
SPEC["paths"]["/books"]["get"]["responses"]["5XX"] = {"description": "The server failed."}


def spec(**changes: Any) -> Document:
    """The spec with other values; steps of a path are parted by dots."""
    document = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *steps, last = path.split(".")
        node: Any = document
        for step in steps:
            node = node[int(step)] if isinstance(node, list) else node[step]
        if isinstance(node, list):
            node[int(last)] = value
        else:
            node[last] = value
    return document


def test_what_is_a_fact() -> None:
    comparison = Comparison(FACTS, SPEC)
    assert comparison.differences == {}
    assert {fact for fact in comparison.facts if "field" not in fact} == {
        "GET /books query authors",
        "GET /books header locale",
        "locale = en",
        "locale = de",
        "GET /books 200",
        "GET /books 404",
        "POST /books body",
        "POST /books 201",
        "POST /books 201.id",
        "Book.title",
        "Book.title required",
        "Book.due",
        "Book.state",
        "State = lent",
        "State = lost",
    }


PARAMETER = "paths./books.get.parameters.0"
BOOK = "components.schemas.Book"
ARRAY = {"type": "array", "items": {"type": "string", "format": "uuid"}}


@pytest.mark.parametrize(
    ("path", "value", "differences"),
    [
        (f"{PARAMETER}.required", True, {"GET /books query authors"}),
        (f"{PARAMETER}.in", "header", {"GET /books query authors", "GET /books header authors"}),
        (f"{PARAMETER}.name", "authors[]", {"GET /books query authors brackets"}),
        (f"{PARAMETER}.schema", {"type": "array", "items": {"type": "string"}}, {"GET /books query authors"}),
        ("components.parameters.locale.schema.enum", ["en"], {"locale = de"}),
        (
            "paths./books.get",
            {"responses": {}},
            {f"GET /books {n}" for n in ("query authors", "header locale", "200", "404")},
        ),
        ("paths./books.put", {"responses": {"204": {}}}, {"PUT /books 204"}),
        ("paths./books.post.requestBody.required", False, {"POST /books body"}),
        ("paths./books.post.responses.201", {}, {"POST /books 201", "POST /books 201.id"}),
        (f"{BOOK}.required", [], {"Book.title required"}),
        (f"{BOOK}.required", ["title", "due"], {"Book.due required"}),
        (f"{BOOK}.properties.due", {"type": "string"}, {"Book.due"}),
        (f"{BOOK}.properties.more", {"type": "string"}, {"Book.more"}),
        (f"{BOOK}.properties.state", {"type": "string"}, {"Book.state"}),
        (f"{BOOK}.properties.title", ARRAY, {"Book.title"}),
        ("components.schemas.BookState.enum", ["lent", "late"], {"State = lost", "State = late"}),
    ],
)
def test_each_change_is_a_difference(path: str, value: Any, differences: set[str]) -> None:
    comparison = Comparison(FACTS, spec(**{path: value}))
    assert set(comparison.differences) == differences
    assert comparison.added == differences - comparison.facts


def test_another_schema_is_one_difference() -> None:
    document = spec()
    document["components"]["schemas"] |= {"State": {"type": "string", "enum": ["lent", "lost"]}}
    assert Comparison(FACTS, document).differences == {
        "Book.state": "string enum (State) in the facts, string enum (BookState) in the spec"
    }


def run(folder: Path, document: Document, listed: list[Document]) -> int:
    (folder / "facts.yaml").write_text(yaml.safe_dump(FACTS), "utf-8")
    (folder / "spec.yaml").write_text(yaml.safe_dump(document), "utf-8")
    (folder / "spec.differences.yaml").write_text(yaml.safe_dump({"differences": listed}), "utf-8")
    return main([str(folder / "facts.yaml"), "--spec", str(folder / "spec.yaml")])


def test_differences_are_listed_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = spec(**{f"{BOOK}.properties.due": {"type": "string"}})
    assert run(tmp_path, document, []) == 1
    output = capsys.readouterr()
    assert (
        output.out.splitlines()[-1]
        == "1 of 45 facts differ (2.2%); 0 facts do not apply, and the spec has 0 things more"
    )
    assert output.err == "not listed: Book.due: string date-time in the facts, string in the spec\n"
    assert run(tmp_path, document, [{"facts": ["Book.d*"], "reason": "The sample has a plain day."}]) == 0
    assert capsys.readouterr().err == ""
    assert run(tmp_path, document, [{"facts": ["Book.d*"], "reason": " "}]) == 1
    assert capsys.readouterr().err == "no reason: Book.d*\n"


def test_an_entry_without_a_difference_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, SPEC, [{"facts": ["Book.due"], "reason": "Once it differed."}]) == 1
    assert capsys.readouterr().err == "listed, but no difference matches it: Book.due\n"


def test_the_share_that_may_differ_has_a_limit() -> None:
    comparison = Comparison(FACTS, spec(**{f"{BOOK}.properties.field{n}": {"type": "integer"} for n in range(2)}))
    entry = {"facts": ["Book.field*"], "reason": "Numbers on the page."}
    assert MOST * len(comparison.facts) < 2
    assert judge(comparison, [entry])[1:] == ["more than 3%: 2 of 45 facts differ (4.4%)"]
    assert judge(comparison, [entry | {"aside": True}]) == [
        "0 of 43 facts differ (0.0%); 2 facts do not apply, and the spec has 0 things more"
    ]


def test_without_facts_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "facts.yaml")]) == 2
    assert "no facts" in capsys.readouterr().err


def test_our_spec_agrees_with_the_facts() -> None:
    facts = Path(os.environ.get(VARIABLE) or DEFAULT)
    if not facts.is_file():
        pytest.skip(f"{facts} is not there")
    assert main([str(facts)]) == 0
