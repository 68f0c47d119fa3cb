"""A page for each operation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from docrender.calls import EXTENTS

from invigilate.cli.fields import docstring_texts
from invigilate.errors import error_class
from invigilate_runtime import Field

from .catalog import Entry, introduction
from .markup import cell, fenced, joined, table
from .observations import SECRET, Example
from .page import Page
from .types import in_words

ROWS = 2
"""How many rows of a list an example response shows."""
LINES = 4
"""How many lines of output are shown."""
FOLDED = 30
"""An example response of so many lines is folded."""
LONGEST = 400
"""How many characters of a string an example response shows."""

ClassLink = Callable[[str, str], str]
"""Returns a link to the page of a class, from the path of a page, or the name of the class as code if it has none."""


def page(entry: Entry, example: Example, link: ClassLink) -> Page:
    """The page of an operation.

    Args:
        entry: the operation.
        example: its samples.
        link: links to the pages of classes.
    """
    first, rest = introduction(entry.describe)
    blocks = [f"# {entry.call}", first, rest, _facts(entry), *_samples(entry, example), *_arguments(entry, link)]
    blocks += [*_returns(entry, link), *_errors(entry, link), *_captured(entry)]
    section = ("Reference", entry.api.title, entry.resource.name)
    return Page(entry.path, entry.name, section, joined(blocks), first)


def _facts(entry: Entry) -> str:
    operation, capture = entry.operation, entry.node["x-capture"]
    idempotent = f"{'Yes' if operation.idempotent else 'No'}. {entry.node['x-idempotent']['reason']}"
    retried = "" if operation.idempotent else " It is retried only if no part of the request was written."
    page = f"[the vendor's page]({capture['page']})"
    rows = {
        "Request": f"`{operation.method} {operation.path}`",
        "Operation ID": f"`{operation.id}`",
        "Idempotent": idempotent + retried,
        "Pages": _paging(entry),
        "Permissions": str(capture.get("permissions", "")),
        "Subscription": str(capture.get("subscription", "")),
        "Captured": f"{EXTENTS[capture['extent']]} on {capture['date']}, from {page}",
    }
    return "\n".join(f"- **{name}:** {' '.join(text.split())}" for name, text in rows.items() if text)


def _paging(entry: Entry) -> str:
    pagination = entry.operation.pagination
    if pagination is None:
        return ""
    how = {"offset": "by offset, up to the announced total", "cursor": "by cursor, up to the last page"}
    size = f"; `{pagination.limit}` is the size of a page" if pagination.limit else ""
    return f"{how[pagination.type]}{size}. The call returns a pager, which sends nothing until it is read."


def _samples(entry: Entry, example: Example) -> Iterator[str]:
    yield "## Example"
    tabs = {
        "Python": ("python", example.python),
        "Async": ("python", example.asynchronous),
        "Command line": ("bash", example.command_line),
        "curl": ("bash", example.curl),
    }
    for title, (language, code) in tabs.items():
        note = f"\n\n    {_needed(entry, code)}" if title == "curl" else ""
        yield f'=== "{title}"\n\n{fenced(language, code, 4)}{note}'
    if example.printed:
        lines = example.printed.splitlines()
        shown = lines if len(lines) <= LINES + 1 else [*lines[:LINES], "..."]
        yield "It prints:"
        yield fenced("text", "\n".join(shown))
    if example.response is None:
        yield f"The response, {example.status}, has no body."
        return
    response, shortened = _short(example.response)
    note = f", lists cut to {ROWS} items" if shortened else ""
    text = json.dumps(response, ensure_ascii=False, indent=2)
    if text.count("\n") < FOLDED:
        yield f"The sandbox responds with {example.status}{note}:"
        yield fenced("json", text)
    else:
        yield f'??? example "What the sandbox responds with: {example.status}{note}"\n\n{fenced("json", text, 4)}'


def _needed(entry: Entry, command: str) -> str:
    """Which variables a command of curl takes, and where they are explained."""
    names = [f"`{name}`" for name in dict.fromkeys(re.findall(r"\$([A-Z][A-Z_]+)", command))]
    *most, last = names
    listed = f"{', '.join(most)} and {last}" if most else last
    up = "../" * entry.path.count("/")
    return f"Set {listed} first: see [With curl]({up}credentials.md#with-curl)."


def _short(value: Any, name: str = "") -> tuple[Any, bool]:
    """Cut lists and long strings, and mask secrets. Returns whether anything was cut, too."""
    if isinstance(value, dict):
        pairs = {key: _short(each, key) for key, each in value.items()}
        return {key: each for key, (each, _) in pairs.items()}, any(cut for _, cut in pairs.values())
    if isinstance(value, list):
        items = [_short(each) for each in value[:ROWS]]
        return [each for each, _ in items], len(value) > ROWS or any(cut for _, cut in items)
    if isinstance(value, str) and SECRET.search(name) and not name.lower().startswith(("next", "page")):
        return "***", False
    return (f"{value[:LONGEST]}...", False) if isinstance(value, str) and len(value) > LONGEST else (value, False)


def _arguments(entry: Entry, link: ClassLink) -> Iterator[str]:
    fields = sorted(entry.operation.fields, key=lambda field: not field.required or field.client_default is not None)
    yield "## Arguments"
    if not fields:
        yield "None."
        return
    yield "All are keywords. What you do not pass is not sent."
    annotations, documented = entry.describe.__annotations__, docstring_texts(entry.describe, "Args")
    rows = []
    for field in fields:
        required = "<br>*required*" if field.required and field.client_default is None else ""
        kind = in_words(str(annotations[field.name]))
        where = f"{field.location} `{field.wire_name}`" if field.location != "content" else "the whole body"
        text = f"{documented.get(field.name, '')}{_values(field)}"
        rows.append((f"`{field.name}`{required}", cell(f"{kind}, {where}", text)))
    yield table(("argument", "description"), rows)
    yield from _nested(entry, fields, annotations)


def _values(field: Field) -> str:
    values = field.enum or (field.items.enum if field.items else ())
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""


def _nested(entry: Entry, fields: Iterable[Field], annotations: Mapping[str, Any]) -> Iterator[str]:
    """The fields of objects that are passed."""
    waiting = [(field, _models(entry, str(annotations[field.name]))) for field in fields]
    seen = set[str]()
    while waiting:
        field, models = waiting.pop(0)
        field = field.items or field
        for name, model in models.items():
            if name in seen or not field.fields or field.type == "union":
                continue
            seen.add(name)
            documented = {_plain(key): (key, text) for key, text in docstring_texts(model, "Attributes").items()}
            rows = []
            for each in field.fields:
                attribute, text = documented.get(_plain(each.wire_name), ("", ""))
                annotation = str(model.__annotations__.get(attribute, "Any"))
                required = "<br>*required*" if each.required else ""
                rows.append((f"`{each.wire_name}`{required}", cell(in_words(annotation), text + _values(each))))
                waiting.append((each, _models(entry, annotation)))
            yield f"### {name}"
            yield "A mapping with these keys, or the model of that name."
            yield table(("key", "description"), rows)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _models(entry: Entry, annotation: str) -> dict[str, Any]:
    """The generated models that a type names."""
    module = import_module(f"{entry.api.package}.models")
    return {
        name: getattr(module, name)
        for name in re.findall(r"[A-Z]\w+", re.sub(r"Literal\[[^\]]*\]", "", annotation))
        if hasattr(getattr(module, name, None), "__attrs_attrs__")
    }


def _returns(entry: Entry, link: ClassLink) -> Iterator[str]:
    yield "## Returns"
    paged = entry.operation.pagination is not None
    if entry.returns == "None":
        yield "`None`."
        return
    described = in_words(entry.returns)
    pagers = f"{link(entry.path, 'Pager')} of {described}; with the async client, {link(entry.path, 'AsyncPager')}"
    yield f"{pagers if paged else described[:1].upper() + described[1:]}."
    notes = (
        "Fields may be `None`, or `UNSET` if the response lacks them; values of an unexpected type are kept as "
        "received. Fields that are not documented are in `additional_properties`."
    )
    models = _models(entry, entry.returns)
    if models:
        yield notes
    waiting, seen = list(models.items()), set[str]()
    while waiting:
        name, model = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        rows = []
        documented = docstring_texts(model, "Attributes")
        for attribute, annotation in model.__annotations__.items():
            if attribute.startswith("_") or attribute == "additional_properties" or "ClassVar" in str(annotation):
                continue
            kind = in_words(str(annotation), without={"None"})
            rows.append((f"`{attribute}`", cell(kind, documented.get(attribute, ""))))
            waiting += _models(entry, str(annotation)).items()
        yield f"### {name}"
        yield introduction(model)[0]
        if rows:
            yield table(("field", "description"), rows)


def _errors(entry: Entry, link: ClassLink) -> Iterator[str]:
    yield "## Errors"
    operation = entry.operation
    rows = []

    def add(name: str, when: str) -> None:
        rows.append((link(entry.path, name), cell(when)))

    sids = any(field.sid for field in operation.fields)
    add("InvalidArgumentError", "an argument is not as documented; nothing was sent")
    if sids:
        add("InvalidSidError", "a SID has another type or shape, or two are swapped; nothing was sent")
    if any(field.type == "timestamp" for field in operation.fields):
        add("InvalidTimestampError", "a time has no UTC offset; nothing was sent")
    for status, node in sorted(entry.node["responses"].items()):
        if status.isdecimal() and status >= "400":
            response = entry.resolve(node)
            mark = " *Inferred.*" if "x-inferred" in response else ""
            add(error_class(int(status)).__name__, f"{status}: {response['description']}{mark}")
    if operation.idempotent:
        add("InternalServerError", "5xx: the server failed, and retries did not help")
        add("APIConnectionError", "no response was received, and retries did not help")
        add("ResponseDecodeError", "the response is not what is documented")
    else:
        add("APIConnectionError", "the request was not sent: there was no connection")
        unknown = "the request was sent, and its response was lost, or is a 408, a 3xx, a 5xx or unreadable"
        add("OutcomeUnknownError", f"{unknown}: **it may have been processed**. Check before you retry")
    if operation.pagination is not None:
        add("IncompleteResultError", "paging ends early, or contradicts itself")
    yield table(("raised", "when"), rows)
    up = "../" * entry.path.count("/")
    yield f"[Retry policy]({up}errors-and-retries.md) has what is retried, and what to do."


def _captured(entry: Entry) -> Iterator[str]:
    capture = entry.node["x-capture"]
    reasons: dict[str, list[str]] = {}
    for status, node in sorted(entry.node["responses"].items()):
        reason = entry.resolve(node).get("x-inferred")
        if reason:
            reasons.setdefault(" ".join(reason.split()), []).append(f"{status}")
    yield "## What is uncertain"
    lines = [f"- {' '.join(note.split())}" for note in capture["notes"]]
    for name, what in capture.get("unseen", {}).items():
        listed = ", ".join(f"`{each}`" for each in what) if isinstance(what, list) else what
        lines.append(f"- Not seen on the page: {name}: {listed}.")
    lines += [f"- Inferred, {', '.join(statuses)}: {reason.rstrip('.')}." for reason, statuses in reasons.items()]
    yield "\n".join(lines)
