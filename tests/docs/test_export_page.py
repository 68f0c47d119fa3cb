"""The table of personal data in docs/export.md, compared with the specs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.blocks import ROOT
from tests.support.bound import CLIENTS, module_of, reachable
from tests.support.documented import ALL, Documented, load_document, resolved

ID = re.compile(r"(user|learner|author|instructor|supervisor)Id$")
PAGED = {
    ".".join(reachable(CLIENTS[each.spec][0])[each.id]): each for each in ALL if module_of(each).OPERATION.pagination
}


def listed() -> dict[str, set[str]]:
    """Return the columns that the page lists, by export."""
    section = (ROOT / "docs" / "export.md").read_text(encoding="utf-8").partition("## Personal data")[2]
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", section.partition("\n## ")[0], re.MULTILINE)
    words = re.compile(r"`([\w.]+)`")
    return {name: set(words.findall(columns)) for names, columns in rows for name in words.findall(names)}


def documented(operation: Documented) -> Any:
    """Return the schema of the rows of an operation."""
    document = load_document(operation.spec)
    described = document["paths"][operation.template][operation.method.lower()]["responses"]["200"]
    page = resolved(document, described)["content"]["application/json"]["schema"]
    return resolved(document, page)["properties"][module_of(operation).OPERATION.pagination.rows]


def personal(document: Any, schema: Any) -> Iterator[str]:
    """Yield the fields of a schema that are sensitive, or are IDs of people, at any depth."""
    schema = resolved(document, schema)
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        yield from personal(document, part)
    for name, field in schema.get("properties", {}).items():
        if field.get("x-sensitive") or ID.match(name) or any(personal(document, field)):
            yield name


@pytest.mark.parametrize("name", sorted(PAGED))
def test_columns_with_people_are_on_the_page(name: str) -> None:
    document, rows = load_document(PAGED[name].spec), documented(PAGED[name])
    assert set(personal(document, rows)) <= listed().get(name, set())


def test_the_page_lists_exports_and_columns_that_exist() -> None:
    assert len(listed()) > 8
    # The fields of the test taker are undocumented, so no schema shows that they are personal.
    assert "user" in listed()["reports.service_distribution"]
    columns = {name: set(dict(module_of(each).OPERATION.pagination.columns)) for name, each in PAGED.items()}
    for name, people in listed().items():
        assert people & columns[name], name  # a line may be for several exports, whose columns differ
    assert set().union(*listed().values()) <= set().union(*columns.values())
