"""Compares shapes of responses with the specs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from invigilate import __version__, _apis
from invigilate.errors import ConfigurationError

from .documented import Branches, Documented, allowing, documented, inferred, is_open, names, types
from .recorder import NAME, Shape, read


class Finding(NamedTuple):
    """One difference between responses and a spec.

    Attributes:
        api: the key of the API.
        operation: the operationId.
        status: the HTTP status.
        field: where in the body, such as `results[].status`; empty for the whole response.
        kind: `unknown field`, `other type`, `null`, `missing field`, `undocumented value`, `other pattern`, `other
            format`, `undocumented status`, `undocumented media type`, `no body` or `not JSON`.
        detail: what is documented and what came instead, without values.
        times: how often it was seen.
        inferred: why the statement of the spec is inferred and not documented; empty if it is documented.
    """

    api: str
    operation: str
    status: str
    field: str
    kind: str
    detail: str
    times: int
    inferred: str = ""


class Drift(NamedTuple):
    """How recorded shapes differ from the specs.

    Attributes:
        findings: the differences.
        seen: recorded responses, by API and operationId.
        unseen: operationIds without any, by API.
        unmatched: recorded responses to paths that no spec describes, by API.
    """

    findings: list[Finding]
    seen: dict[str, dict[str, int]]
    unseen: dict[str, list[str]]
    unmatched: dict[str, int]

    def markdown(self) -> str:
        """Return a report to paste into an issue. Like the file, it has no values."""
        lines = [f"Drift of the servers, seen with invigilate {__version__}:", ""]
        if self.findings:
            lines += ["| operation | status | field | what | times |", "|---|---|---|---|---|"]
        for each in self.findings:
            what = f"{each.kind}: {each.detail}" if each.detail else each.kind
            if each.inferred:
                what += f" (settles an open question; inferred: {each.inferred})"
            field = f"`{each.field}`" if each.field else ""
            cells = (f"{each.api} `{each.operation}`", each.status, field, what, each.times)
            lines.append("| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |")
        if not self.findings:
            lines.append("No difference.")
        lines.append("")
        for api in self.seen:
            total = len(self.seen[api]) + len(self.unseen[api])
            seen, others = _responses(sum(self.seen[api].values())), self.unmatched[api]
            more = f"; {_responses(others)} to paths that the spec does not have" if others else ""
            lines.append(f"{api}: {len(self.seen[api])} of {total} operations seen, {seen}{more}.")
        return "\n".join(lines)


def check(path: str | os.PathLike[str]) -> Drift:
    """Compare a file of shapes with the specs of this version.

    Args:
        path: the file that `record` wrote. What it has of other APIs, and of operations that the specs no longer
            have, is left out.

    Raises:
        ConfigurationError: if the extra is not installed, or the file does not exist or has other content.
    """
    found = Path(path)
    if not found.is_file():
        raise ConfigurationError(f"{found}: no such file. `invigilate drift record` writes one")
    apis, drift = read(found), Drift([], {}, {}, {})
    for api in (each.key for each in _apis.APIS if each.key in apis):
        known, operations = documented(api), apis[api].get("operations", {})
        ids = {key: str(operation["operationId"]) for key, operation in known.operations.items()}
        counts = {
            ids[key]: sum(shape.get("count", 0) for shape in responses.values())
            for key, responses in sorted(operations.items())
            if key in ids
        }
        drift.seen[api], drift.unmatched[api] = counts, apis[api].get("unmatched", 0)
        drift.unseen[api] = [name for name in ids.values() if name not in counts]
        for key, responses in sorted(operations.items()):
            for response, shape in sorted(responses.items()) if key in ids else ():
                status, _, media = response.partition(" ")
                for field, kind, detail, count, reason in _response(known, key, status, media, shape):
                    drift.findings.append(Finding(api, ids[key], status, field, kind, detail, count, reason))
    return drift


def _responses(count: int) -> str:
    return f"{count} response{'' if count == 1 else 's'}"


_Found = tuple[str, str, str, int, str]


def _response(known: Documented, key: str, status: str, media: str, shape: Shape) -> Iterator[_Found]:
    count = shape.get("count", 0)
    found = known.response(key, status)
    if found is None:
        yield "", "undocumented status", "", count, ""
        return
    response, only_covered = found
    why = inferred([response])
    if only_covered:
        yield "", "undocumented status", "only a range that is inferred has it", count, why
    content = response.get("content", {})
    if media == "empty":
        if content:
            yield "", "no body", f"documented: {' or '.join(content)}", count, why
    elif media not in content:
        detail = f"got {media}, documented: {' or '.join(content) or 'no body'}"
        yield "", "undocumented media type", detail, count, why
    else:
        yield from _shape(known, shape, known.body(key, status, media), "", why)


_KINDS = {"enum": "undocumented value", "pattern": "other pattern", "format": "other format"}


def _shape(known: Documented, shape: Shape, branches: Branches, where: str, why: str) -> Iterator[_Found]:
    """Yield what differs; where nothing is documented, nothing does."""
    why = inferred(branches, why)
    for type_, count in shape.get("types", {}).items():
        if type_ == "not JSON":
            yield where, "not JSON", "", count, why
        elif branches and not allowing(branches, type_):
            expected = " or ".join(sorted({name for branch in branches for name in types(branch)}))
            kind = "null" if type_ == "null" else "other type"
            yield where, kind, f"got {type_}, documented: {expected}", count, why
    for keyword, kind in _KINDS.items():
        for length, count in shape.get(keyword, {}).items():
            yield where, kind, f"of length {length}", count, why
    objects = allowing(branches, "object")
    if objects:
        yield from _object(known, shape, objects, where, why)
    items = known.branches([branch.get("items") for branch in allowing(branches, "array")])
    if items and "items" in shape:
        yield from _shape(known, shape["items"], items, f"{where}[]", why)


def _object(known: Documented, shape: Shape, objects: Branches, where: str, why: str) -> Iterator[_Found]:
    fields: Mapping[str, Shape] = shape.get("fields", {})
    expected = names(objects)
    for name, field in fields.items():
        if name in expected:
            path = f"{where}.{name}".lstrip(".")
            yield from _shape(known, field, known.within(objects, name), path, why)
        elif not is_open(objects):
            shown = f"{where}.{name if NAME.fullmatch(name) else '*'}".lstrip(".")
            yield shown, "unknown field", f"got {' or '.join(sorted(field.get('types', ())))}", _seen(field), why
        elif rest := known.within(objects):
            yield from _shape(known, field, rest, f"{where}.*".lstrip("."), why)
    # Without `fields`, they were too deep to be looked at.
    whole = shape.get("types", {}).get("object", 0) if "fields" in shape else 0
    for name in sorted(set[str].intersection(*({*branch.get("required", ())} for branch in objects))):
        absent = whole - _seen(fields.get(name, {}))
        if absent > 0:
            yield f"{where}.{name}".lstrip("."), "missing field", f"in {absent} of {whole}", absent, why


def _seen(shape: Shape) -> int:
    return sum(shape.get("types", {}).values())
