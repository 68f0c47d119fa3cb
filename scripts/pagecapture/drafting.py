"""Makes the draft of an operation out of a page: a whole OpenAPI document with what the page states."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pagecheck.comparison import UNREAD, Comparison
from pagecheck.facts import Body, Page, SpecError
from pagecheck.specification import Spec, find_operation
from pagecheck.values import as_object, first_of

from .components import TODO, Components, Node
from .names import operation_id, pascal, summary
from .samples import example_for

_NO_FLAG = "the page documents a body and no flag for the body as a whole"


@dataclass
class Draft:
    """A draft, with everything that it lacks and everything that it adds to the page."""

    page: Page
    document: Node
    target: str | None = None
    """The spec that the operation belongs into: the one whose servers have the page's host."""
    captured: str | None = None
    """The operation of that spec with this method and path, if there is one already."""
    reused: list[str] = field(default_factory=list[str])
    """Components that the target has already."""
    undecided: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What is marked TODO, by key, each with its place."""
    unread: list[str] = field(default_factory=list[str])
    """What cannot be read off the page."""
    prose: list[str] = field(default_factory=list[str])
    """Where the page has words of its own, which are not copied."""
    suggested: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What names and words suggest and no page states."""
    contradictions: list[str] = field(default_factory=list[str])
    """Where the draft does not say what the page says, because the page does not agree with itself."""


def draft(page: Page, specs: Sequence[Spec], *, address: str | None = None, date: str | None = None) -> Draft:
    """Makes the draft of a page's operation.

    Args:
        page: the page.
        specs: the specs that the operation may belong into.
        address: the address of the page, which no saved page holds.
        date: the day of transcription in ISO form; by default today.
    """
    target = next((spec for spec in specs if page.host and page.host in _hosts(spec)), None)
    known = find_operation([target], page.method, page.path) if target else None
    components = Components(target, new=known is None)
    made = Draft(page=page, document={}, target=target.name if target else None, captured=known.name if known else None)
    name = known.name if known else operation_id(page.title, page.method)
    made.document = _document(page, name, target, components, address, date or datetime.date.today().isoformat())
    _add_examples(page, made.document)
    made.reused = components.reused
    made.unread = [*_never_on_a_page(page, target, address), *_not_understood(page), *components.unread]
    made.prose = _prose(page)
    made.suggested = {key: places for key, places in components.suggested.items() if places}
    for place, key in _todos(made.document):
        made.undecided.setdefault(key, []).append(place)
    made.contradictions = _contradictions(page, made.document)
    return made


def _hosts(spec: Spec) -> list[str]:
    return [str(server.get("url", "")).split("//")[-1].split("/")[0] for server in spec.document.get("servers", ())]


def _document(
    page: Page, name: str, target: Spec | None, components: Components, address: str | None, date: str
) -> Node:
    operation: Node = {
        "operationId": name,
        "tags": [TODO],
        "summary": summary(page.title) or TODO,
        "description": TODO,
        "x-capture": {
            "page": address or TODO,
            "date": date,
            "extent": _extent(page),
            **page.capture,
            **({"notes": notes} if (notes := _notes(page)) else {}),
        },
        "x-idempotent": {"value": TODO, "reason": TODO},
    }
    parameters = [components.parameter(item, place) for place, items in page.parameters.items() for item in items]
    if parameters:
        operation["parameters"] = parameters
    if page.body is not None:
        operation["requestBody"] = _request(name, page.body, components)
    operation["responses"] = {
        status: _response(name, status, body, components) for status, body in page.responses.items()
    }
    schemes = {name or kind: _scheme(kind, name, place) for kind, name, place in sorted(page.security)}
    theirs = target.document if target else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": theirs.get("info", {}).get("title", TODO), "version": date},
        "servers": [{"url": server["url"]} for server in theirs.get("servers", [{"url": f"https://{page.host}"}])],
        "security": [{name: [] for name in schemes}] if schemes else [],
        "tags": [{"name": TODO, "description": TODO}],
        "paths": {page.path: {page.method.lower(): operation}},
        "components": {
            **({"securitySchemes": schemes} if schemes else {}),
            **({"parameters": components.parameters} if components.parameters else {}),
            "schemas": components.schemas,
        },
    }


def _request(name: str, body: Body, components: Components) -> Node:
    node: Node = {"description": TODO, "required": True}
    if not any(item.required for item in body.fields):
        node["x-inferred"] = _NO_FLAG
    schema = components.object(f"{pascal(name)}Body", body.fields, body.sample, "request body", answer=False)
    return {**node, "content": {body.media_type: {"schema": schema}}}


def _response(name: str, status: str, body: Body | None, components: Components) -> Node:
    node: Node = {"description": TODO}
    if body is None:
        components.unread.append(f"response {status}: its body")
        return node
    where = f"response {status}"
    inner = as_object(first_of(body.sample))
    own = pascal(name) + ("Answer" if status in {"default", "200"} else f"Answer{status}")
    kind = min(body.types)
    if body.fields:
        schema = components.object(own, body.fields, body.sample, where, answer=True)
    elif inner:
        schema = components.sampled(own, inner, where, answer=True)
    elif kind.removesuffix("[]") == "object":
        schema = {"type": "object", "additionalProperties": True}
        components.unread.append(f"{where}: the fields of the object")
    else:
        schema = {"type": kind.removesuffix("[]")}
    for _ in range(kind.count("[]")):
        schema = {"type": "array", "items": schema}
    return {**node, "content": {body.media_type: {"schema": schema}}}


def _scheme(kind: str, name: str, place: str) -> Node:
    if kind == "http":
        return {"type": "http", "scheme": name, "description": TODO}
    return {"type": kind, "in": place, "name": name, "description": TODO}


def _extent(page: Page) -> str:
    """Whole, as far as the page itself can tell: its lists end where its samples end."""
    for body in (page.body, *page.responses.values()):
        sample = as_object(first_of(body.sample)) if body else None
        if body and body.fields and sample and body.sample_is_whole and list(sample) != [f.name for f in body.fields]:
            return f"{TODO}: full, partial or guide; list and sample of the page differ"
        if body and any("the saved page has none" in gap for item in body.fields for gap in item.gaps):
            return f"{TODO}: full, partial or guide; a list of values is lost"
    fields = [field for fields in page.parameters.values() for field in fields]
    fields += [field for body in (page.body, *page.responses.values()) if body for field in body.fields]
    if _not_understood(page) or any(field.unread for field in fields):
        return f"{TODO}: full, partial or guide; not everything on the page is understood"
    return "full"


def _notes(page: Page) -> list[str]:
    notes: list[str] = []
    if page.secure is False:
        notes.append("The page's sample uses plain http.")
    if "default" in page.responses:
        notes.append("The page documents success as the `default` response; its numeric status is unknown.")
    if page.body and not any(item.required for item in page.body.fields):
        notes.append("The page marks no field of the body as required.")
    if any(kind.endswith("[]") for item in page.parameters.get("query", ()) for kind in item.types):
        notes.append("No page shows how an array is written in a query.")
    if all(status == "default" or status.startswith("2") for status in page.responses):
        notes.append("The page documents no error.")
    bodies = [page.body, *page.responses.values()]
    if any(item.loose_numbers for body in bodies if body for item in body.fields):
        notes.append("The page states no types; they are read off its samples.")
    return notes


def _never_on_a_page(page: Page, target: Spec | None, address: str | None) -> list[str]:
    """What no saved page says."""
    found = [] if address else ["the URL of the page (x-capture page); pass it with --url"]
    tags = ", ".join(str(tag["name"]) for tag in target.document.get("tags", ())) if target else ""
    found.append("the resource that the operation belongs to (tags)" + (f"; the spec has {tags}" if tags else ""))
    found.append("whether the operation is idempotent (x-idempotent)")
    if target is None:
        found.append("the name of the API (info), and hosts beside the one of the sample (servers)")
    if "default" in page.responses:
        found.append("the status of the documented success")
    if all(status == "default" or status.startswith("2") for status in page.responses):
        found.append(
            "the errors; where guides describe them, refer to the responses that the spec has for them (x-inferred)"
        )
    return found


def _not_understood(page: Page) -> list[str]:
    """What the page says of no single parameter or field, in a form that is not understood."""
    found = [f"{place}: {item}" for place, told in page.unread.items() for item in told]
    bodies = [("request body", page.body), *((f"response {status}", body) for status, body in page.responses.items())]
    return [*found, *(f"{place}: {item}" for place, body in bodies if body for item in body.unread)]


def _prose(page: Page) -> list[str]:
    found: list[str] = []
    for place, items in page.parameters.items():
        names = [item.name for item in items if item.words]
        found += [f"{place} parameters: {', '.join(names)}"] if names else []
    bodies = [("request body", page.body), *((f"response {status}", body) for status, body in page.responses.items())]
    for place, body in bodies:
        if body is None:
            continue
        found += [f"{place} as a whole"] if body.words else []
        names = [item.name for item in body.fields if item.words]
        found += [f"{place}: {', '.join(names)}"] if names else []
    return [*found, *page.remarks]


def _add_examples(page: Page, document: Node) -> None:
    spec = Spec("draft", document)
    operation = document["paths"][page.path][page.method.lower()]
    bodies = [(operation.get("requestBody"), page.body, False)]
    bodies += [(operation["responses"][status], body, True) for status, body in page.responses.items()]
    for node, body, answer in bodies:
        if node is None or body is None:
            continue
        media = node["content"][body.media_type]
        media["example"] = example_for(spec, media["schema"], body.sample, answer=answer)


def _todos(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """What is marked TODO: where, and under which key."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        if isinstance(value, str) and value.startswith(TODO):
            yield place.strip(), str(key) if isinstance(node, dict) else place.rpartition(" ")[2]
        else:
            yield from _todos(value, f"{place} {key}")


def _contradictions(page: Page, document: Node) -> list[str]:
    operation = find_operation([Spec("draft", document)], page.method, page.path)
    assert operation is not None  # the draft is of this operation
    comparison = Comparison(page, operation)
    try:
        comparison.run()
    except SpecError as error:
        return [str(error)]
    return [
        f"{item.place}: page says {item.page_says}, draft says {item.spec_says}"
        for item in comparison.differences
        if item.kind != UNREAD  # told among what cannot be read off the page
    ]


__all__ = ["Draft", "draft"]
