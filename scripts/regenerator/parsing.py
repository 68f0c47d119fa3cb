"""Lets the generator parse a specification, and attributes what it cannot parse to operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openapi_python_client import schema as oai
from openapi_python_client.config import Config
from openapi_python_client.parser import GeneratorData, openapi
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import ClassName, PythonIdentifier
from pydantic import ValidationError

from .facts import Document, OperationFacts
from .references import Node, SpecError
from .refusals import Refusal
from .stripped import needed, strip

_COMPONENT = re.compile(r"(?:schema |parameter )(?:/components/\w+/)?([^\n]+?):?$")
_LOST = "Could not find reference in parsed models or enums"


def _described(value: UntrustedString) -> str:
    return repr(value.get_untrusted_value())


def _unchanged(value: Any) -> Any:
    return value


# Its messages would show the address of a string; a literal is harmless even where it becomes code.
setattr(UntrustedString, "__repr__", _described)  # noqa: B010
# It copies all models with each endpoint, several times; nothing that it then changes is shared.
vars(openapi)["deepcopy"] = _unchanged


@dataclass
class Parsed:
    """A specification as the generator reads it.

    Attributes:
        data: its data.
        endpoints: the endpoints, by the name of their module.
        marked: the schemas of its models, by their mark.
        refusals: the operations that it cannot parse.
        notes: what it said of operations that it parsed, by the name of their module.
        failed: why models could not be parsed, by the name of their class.
    """

    data: GeneratorData
    endpoints: dict[str, Endpoint]
    marked: dict[str, Node]
    refusals: list[Refusal]
    notes: dict[str, str]
    failed: dict[str, str]


def module_name(operation: OperationFacts) -> str:
    """Return the module of an operation, derived from the operationId as the generator does."""
    return str(PythonIdentifier(operation.id, "field_"))


def parse(document: Document, operations: Sequence[OperationFacts], config: Config) -> Parsed:
    """Let the generator parse the operations.

    Raises:
        SpecError: if it refuses the document as a whole.
    """
    found = _attempt(document, operations, config, needed_only=False)
    # Names of components that nobody needs, and errors in them, may be in the way.
    return found if found and not found.refusals else _needed(document, operations, config)


def _needed(document: Document, operations: Sequence[OperationFacts], config: Config) -> Parsed:
    refusals: list[Refusal] = []
    while (found := _attempt(document, operations, config, needed_only=True)) is None:
        wrong = _invalid(document, operations)
        refusals += [Refusal(one.method, one.path, one.id, wrong[one.id]) for one in operations if one.id in wrong]
        operations = [one for one in operations if one.id not in wrong]
    found.refusals[:0] = refusals
    return found


def _attempt(
    document: Document, operations: Sequence[OperationFacts], config: Config, *, needed_only: bool
) -> Parsed | None:
    stripped, marked = strip(document.root, {(one.method, one.path) for one in operations}, needed_only=needed_only)
    data = GeneratorData.from_dict(stripped, config=config)
    if isinstance(data, GeneratorError):
        return None
    collections = data.endpoint_collections_by_tag.values()
    endpoints = {str(endpoint.name): endpoint for collection in collections for endpoint in collection.endpoints}
    said = [error for collection in collections for error in collection.parse_errors]
    failed = _failed_components(data.errors)
    refusals: list[Refusal] = []
    notes: dict[str, str] = {}
    for one in operations:
        about = f"WARNING parsing {one.method} {one.path} within "
        errors = [error for error in said if error.header.startswith(about)] if said else []
        reason = _reason(document, one, errors, failed) if errors or module_name(one) not in endpoints else ""
        if module_name(one) not in endpoints:
            refusals.append(Refusal(one.method, one.path, one.id, reason))
        elif reason:
            notes[module_name(one)] = reason
    classes = {str(ClassName(name, "field_")): detail for name, detail in failed.items()}
    return Parsed(data, endpoints, marked, refusals, notes, classes)


def _failed_components(errors: Sequence[ParseError]) -> dict[str, str]:
    """Return why components could not be parsed, by name."""
    found: dict[str, str] = {}
    for error in errors:
        match = _COMPONENT.search(error.header.strip())
        detail = (error.detail or "").strip().partition("\n")[0].removeprefix("Problem creating a Property: : ")
        if match and (match[1] not in found or _LOST in found[match[1]]):
            found[match[1].rsplit("/", 1)[-1]] = detail
    return found


def _reason(document: Document, operation: OperationFacts, errors: list[ParseError], failed: dict[str, str]) -> str:
    """Return why an operation cannot be parsed: what is wrong with a schema, if it lacks one."""
    details = ((error.detail or error.header).strip() for error in errors)
    said = "; ".join(
        dict.fromkeys(detail.removesuffix(", response will be omitted from generated client") for detail in details)
    )
    if failed and (not said or _LOST in said or "not found" in said):
        wanted = {reference.rsplit("/", 1)[1] for reference in needed(document.root, operation.path, operation.method)}
        causes = {name: detail for name, detail in failed.items() if name in wanted}
        first = next((name for name, detail in causes.items() if _LOST not in detail), next(iter(causes), None))
        if first is not None:
            return f"the schema {first}: {causes[first]}"
    return said or "the generator lost it"


def _invalid(document: Document, operations: Sequence[OperationFacts]) -> dict[str, str]:
    """Return the operations with something that is not OpenAPI, by operationId, each with the first such thing.

    Raises:
        SpecError: if it is in no operation, nor in what one needs.
    """
    stripped, _ = strip(document.root, {(one.method, one.path) for one in operations}, needed_only=True)
    try:
        oai.OpenAPI.model_validate(stripped)
    except ValidationError as error:
        problems = [(found["loc"], found["msg"]) for found in error.errors()]
    else:
        raise SpecError("the generator cannot parse the document")
    found: dict[str, str] = {}
    for one in operations:
        wanted = {tuple(part[2:].split("/")) for part in needed(document.root, one.path, one.method)}
        places = {("paths", one.path, one.method.lower()), *wanted}
        for place, message in problems:
            if place[:3] in places:
                # Among the names of the document are tags of what was tried.
                parts = [str(part) for part in place if part not in {"other", "ref"}]
                shown = ".".join(parts[:3] + [part for part in parts[3:] if not hasattr(oai, part)])
                found.setdefault(one.id, f"{shown}: {message}")
    if not found:
        raise SpecError("; ".join(f"{'.'.join(map(str, place))}: {message}" for place, message in problems))
    return found
