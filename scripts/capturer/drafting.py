"""Makes the draft of an operation out of a page: a whole OpenAPI document with what the page states."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .comparison import compare
from .components import TODO, Components, Schema
from .facts import MISSING, Body, Page, is_placeholder
from .names import is_sensitive, operation_id, pascal, summary
from .specification import INFERRED, Spec, find_operation

# What a draft lacks, and what it adds to the page, by title.
CAPTURED = "Captured already"
REUSED = "In that spec already, and here only to make the draft whole"
UNDECIDED = f"Marked {TODO}, for a person to decide or to write"
UNKNOWN = "Not on the page, or not readable from it"
SUGGESTED = "Suggested by a name or a description, to be confirmed"
CONTRADICTIONS = "The page contradicts itself, so the draft cannot match all of it"

_KEPT = frozenset({"parameters", "requestBody", "responses", "security", "servers", "deprecated"})
_PROSE_KEYS = frozenset({"description", "summary", "externalDocs"})
_NAMED = frozenset({"properties", "schemas", "parameters", "responses", "securitySchemes", "examples"})


@dataclass
class Draft:
    """A draft.

    Attributes:
        page: the page.
        document: an OpenAPI document with the operation.
        target: the spec that the operation belongs to: the one whose servers have the page's host.
        captured: the operation of that spec with this method and path, if there is one already.
        remaining: what the draft lacks and what it adds to the page, by title.
    """

    page: Page
    document: Schema
    target: str | None
    captured: str | None
    remaining: dict[str, list[str]]


def draft(page: Page, specs: Sequence[Spec], *, address: str | None = None, date: str | None = None) -> Draft:
    """Make the draft of a page's operation.

    Args:
        page: the page.
        specs: the specs that the operation may belong to.
        address: the URL of the page, which no saved page contains.
        date: the day of transcription in ISO form; by default today.
    """
    target = next((spec for spec in specs if set(page.hosts) & _hosts(spec)), None)
    known = find_operation([target], page.method, page.path) if target else None
    components = Components(target, new=known is None)
    day = date or datetime.date.today().isoformat()
    if page.document is not None:
        document = _from_fragment(page, components)
    else:
        document = _from_lists(page, known.name if known else operation_id(page.title, page.method), components)
    operation = document["paths"][page.path][page.method.lower()]
    operation |= {"operationId": known.name} if known else {}
    theirs = target.document if target else {}
    document["info"] = {"title": theirs.get("info", {}).get("title", TODO), "version": day}
    document["servers"] = [{"url": server["url"]} for server in theirs.get("servers", document["servers"])]
    operation["x-capture"] |= {"page": address or TODO, "date": day}
    drafted = find_operation([Spec("draft", document)], page.method, page.path)
    assert drafted is not None
    differences = compare(page, drafted).differences
    if differences or any("the saved page has none" in gap for gap in components.unread):
        operation["x-capture"]["extent"] = f"{TODO}: full, partial or guide; the page is cut off, or not all understood"
    undecided: dict[str, list[str]] = {}
    for place, key in _todos(document):
        undecided.setdefault(key, []).append(place)
    seen = f"{target and target.name} has {known and known.name} with this method and path"
    remaining = {
        CAPTURED: [f"{seen}; ./scripts/capture --verify compares them"] if known else [],
        REUSED: components.reused,
        UNDECIDED: [
            f"{key} ({len(places)} places)" if len(places) > 3 else f"{key}: {'; '.join(places)}"
            for key, places in undecided.items()
        ],
        UNKNOWN: [
            *(
                f"{item.place.removesuffix(': not understood')}: {item.page_says}"
                for item in differences
                if item.unread
            ),
            *components.unread,
        ],
        SUGGESTED: components.suggested,
        CONTRADICTIONS: [
            f"{item.place}: page says {item.page_says}, draft says {item.spec_says}"
            for item in differences
            if not item.unread
        ],
    }
    found = {title: entries for title, entries in remaining.items() if entries}
    return Draft(page, document, target.name if target else None, known.name if known else None, found)


def _hosts(spec: Spec) -> set[str]:
    return {urlsplit(str(server.get("url", ""))).netloc for server in spec.document.get("servers", ())}


def _head(page: Page, name: str) -> Schema:
    """Return what begins an operation, and no page says."""
    capture = {"page": TODO, "date": TODO, "extent": "full", **page.capture}
    notes = list(_notes(page))
    return {
        "operationId": name,
        "tags": [TODO],
        "summary": summary(page.title) or TODO,
        "description": TODO,
        "x-capture": {**capture, **({"notes": notes} if notes else {})},
        "x-idempotent": {"value": TODO, "reason": TODO},
    }


def _from_fragment(page: Page, components: Components) -> Schema:
    """Return the page's own document without its prose: the draft says all that it says."""
    assert page.document is not None
    document: Schema = _without_prose(copy.deepcopy(dict(page.document)), components)
    (item,) = document["paths"].values()
    operation = item[page.method.lower()]
    name = str(operation.get("operationId") or operation_id(page.title, page.method))
    item[page.method.lower()] = {**_head(page, name), **{k: v for k, v in operation.items() if k in _KEPT}}
    document["tags"] = [{"name": TODO, "description": TODO}]
    document["components"] = {"schemas": {}, **document.get("components", {})}
    kept = ("openapi", "info", "servers", "security", "tags", "paths", "components")
    return {key: document.get(key, []) for key in kept}


def _without_prose(node: Any, components: Components, key: str = "") -> Any:
    """Mark the prose of a fragment, and what the names of its properties suggest."""
    if isinstance(node, list):
        return [_without_prose(item, components, "items" if key in {"anyOf", "oneOf"} else "") for item in node]
    if not isinstance(node, dict) or key in {"example", "default"}:
        return node
    if key in _NAMED:
        if key == "properties":
            for name in filter(is_sensitive, node):
                node[name] = {**node[name], "x-sensitive": True}
                components.suggested.append(f"x-sensitive: {name}")
        return {name: _without_prose(item, components) for name, item in node.items()}
    found = {name: _without_prose(item, components, name) for name, item in node.items() if name not in _PROSE_KEYS}
    described = node.keys() & {"description", "type", "content", "in", "anyOf", "oneOf"}
    return {**found, "description": TODO} if described and key not in {"items", "schema"} else found


def _from_lists(page: Page, name: str, components: Components) -> Schema:
    """Return the document of a page that lists parameters and fields."""
    operation = _head(page, name)
    parameters = [components.parameter(item, place) for place, items in page.parameters.items() for item in items]
    operation |= {"parameters": parameters} if parameters else {}
    bodies: list[tuple[Schema, Body | None, bool]] = []
    if page.body is not None:
        schema = components.object(f"{pascal(name)}Body", page.body.fields, "request body", answer=False)
        operation["requestBody"] = {"description": TODO, "required": True}
        if not any(item.required for item in page.body.fields):
            operation["requestBody"][INFERRED] = "the page documents a body and no flag for the body as a whole"
        operation["requestBody"]["content"] = {page.body.media_types[0]: {"schema": schema}}
        bodies.append((operation["requestBody"], page.body, False))
    operation["responses"] = {
        status: _response(name, status, body, components) for status, body in page.responses.items()
    }
    schemes = {name or kind: _scheme(kind, name, place) for kind, name, place in sorted(page.security)}
    document = {
        "openapi": "3.1.0",
        "info": {},
        "servers": [{"url": f"https://{host}"} for host in page.hosts],
        "security": [{name: [] for name in schemes}] if schemes else [],
        "tags": [{"name": TODO, "description": TODO}],
        "paths": {page.path: {page.method.lower(): operation}},
        "components": {
            **({"securitySchemes": schemes} if schemes else {}),
            **({"parameters": components.parameters} if components.parameters else {}),
            "schemas": components.schemas,
        },
    }
    bodies += [(operation["responses"][status], body, True) for status, body in page.responses.items()]
    for node, body, answer in bodies:
        for media in node["content"].values() if body is not None else ():
            sample = body.sample if body is not None else MISSING
            media["example"] = _example(Spec("draft", document), media["schema"], sample, answer=answer)
    return document


def _response(name: str, status: str, body: Body | None, components: Components) -> Schema:
    where = f"response {status}"
    if body is None:
        components.unread.append(f"{where}: its body")
        return {"description": TODO}
    own = pascal(name) + ("Answer" if status in {"default", "200"} else f"Answer{status}")
    kind = min(body.types)
    schema: Schema = {"type": kind.removesuffix("[]")}
    if body.fields:
        schema = components.object(own, body.fields, where, answer=True)
    elif schema["type"] == "object":
        schema["additionalProperties"] = True
        components.unread.append(f"{where}: the fields of the object")
    for _ in range(kind.count("[]")):
        schema = {"type": "array", "items": schema}
    return {"description": TODO, "content": {body.media_types[0]: {"schema": schema}}}


def _scheme(kind: str, name: str, place: str) -> Schema:
    where = {"scheme": name} if kind == "http" else {"in": place, "name": name}
    return {"type": kind, **where, "description": TODO}


def _example(spec: Spec, schema: Any, sample: Any, *, answer: bool) -> Any:
    """Return the sample with its placeholders replaced, as far as the schema has values; `TODO` elsewhere.

    Args:
        spec: the draft, which resolves the references of the schema.
        schema: the schema of the sample.
        sample: the page's sample, or `MISSING`.
        answer: whether it is a response, where null is an example of a nullable string.
    """
    described = spec.describe("", schema, required=False)
    target = spec.items(described.schema)
    target = next((item for item in map(spec.resolve, target.get("anyOf", ())) if "properties" in item), target)
    if isinstance(sample, dict):
        known = target.get("properties", {})
        return {name: _example(spec, known.get(name, {}), value, answer=answer) for name, value in sample.items()}
    if isinstance(sample, list | tuple):
        return [_example(spec, target, item, answer=answer) for item in sample]
    if isinstance(sample, bool) or (sample is not MISSING and not is_placeholder(sample)):
        return sample
    facets = described.facets
    shown = [*described.examples, *facets.get("enum", ())]
    if shown and not any(kind.endswith("[]") for kind in described.types):
        return shown[0]
    if isinstance(sample, str) or sample is MISSING:
        return None if answer and described.nullable and sample is not MISSING else TODO
    low, high = (facets.get(key, facets.get(f"exclusive{key.title()}")) for key in ("minimum", "maximum"))
    step = facets.get("multipleOf", 1)
    fits = (low is None or sample > low) and (high is None or sample < high) and sample % step == 0
    return sample if fits else TODO if low is None else (low // step + 1) * step


def _notes(page: Page) -> Iterator[str]:
    exact = page.document is not None
    if page.secure is False:
        yield "The page's sample uses plain http."
    if "default" in page.responses and not exact:
        yield "The page documents success as the `default` response; its numeric status is unknown."
    if page.body and not any(item.required for item in page.body.fields):
        yield "The page marks no field of the body as required."
    if not exact and any(kind.endswith("[]") for item in page.parameters.get("query", ()) for kind in item.types):
        yield "No page shows how an array is written in a query."
    if all(status == "default" or status.startswith("2") for status in page.responses):
        yield "The page documents no error."
    if any(item.loose_numbers and not item.sampled for _, body in page.bodies() for item in body.fields):
        yield "The page states no types; they are read off its samples."


def _todos(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield what is marked TODO: where, and under which key."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        if isinstance(value, str) and value.startswith(TODO):
            yield place.strip(), str(key) if isinstance(node, dict) else place.rpartition(" ")[2]
        else:
            yield from _todos(value, f"{place} {key}")
