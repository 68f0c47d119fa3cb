"""The links of the specs lead somewhere: from an operation to its page, and to the next operation of the flow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.support.documented import ALL, SPECS, Documented, load_document

_DOCUMENTS = {name: load_document(name) for name in SPECS}
_CALLS = {operation.key: operation for operation in ALL}
FLOW = ("provision", "updateExamAssignments", "listEnrollmentExamSessions", "scheduleExamSession", "getExamSession")


def node_of(operation: Documented) -> Any:
    return _DOCUMENTS[operation.spec]["paths"][operation.template][operation.method.lower()]


def links() -> Iterator[tuple[Documented, str, Any]]:
    """Each link with its operation and its name."""
    for operation in ALL:
        for response in node_of(operation)["responses"].values():
            for name, link in response.get("links", {}).items():
                if "$ref" in link:
                    link = _DOCUMENTS[operation.spec]["components"]["links"][link["$ref"].rsplit("/", 1)[-1]]
                yield operation, name, link


LINKS = list(links())


def evaluated(expression: str, operation: Documented) -> Any:
    """What a runtime expression is for the examples of an operation."""
    if expression.startswith("$request.path."):
        name = expression.removeprefix("$request.path.")
        return next(each.value for each in operation.of("path") if each.name == name)
    source, _, pointer = expression.partition("#/")
    value: Any = {"$request.body": operation.body, "$response.body": operation.answer}[source]
    for step in pointer.split("/"):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


@pytest.mark.parametrize(("operation", "name", "link"), LINKS, ids=lambda value: str(value)[:40])
def test_a_link_supplies_each_path_parameter_of_its_target(operation: Documented, name: str, link: Any) -> None:
    target = _CALLS[operation.spec, link["operationId"]]
    values = {key: evaluated(expression, operation) for key, expression in link["parameters"].items()}
    # The SIDs of all examples are those of one flow.
    assert values == {each.name: each.value for each in target.of("path")}


def test_the_flow_can_be_followed() -> None:
    followed = {(operation.id, link["operationId"]) for operation, _, link in LINKS}
    assert set(pairwise(FLOW)) <= followed


@pytest.mark.parametrize("operation", ALL, ids=str)
def test_the_external_documentation_is_the_captured_page(operation: Documented) -> None:
    node = node_of(operation)
    assert node["externalDocs"]["url"] == node["x-capture"]["page"]


@pytest.mark.parametrize("operation", ALL, ids=str)
def test_a_success_without_a_documented_status_has_one(operation: Documented) -> None:
    responses = node_of(operation)["responses"]
    assert [status for status in responses if status.startswith("2")]
    for status in ("4XX", "5XX"):
        assert responses[status]["$ref"] in {"#/components/responses/ClientError", "#/components/responses/ServerError"}
