"""Reads the REST pages of the iSpring Learn help, saved as text.

Such a page has the method with the path, tables of headers, request fields, response fields and status codes, and a
sample of a request and its response. It has no types: those come from the samples.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .facts import MISSING, Body, Field, Page, PageError, json_type
from .lines import LIST_CUT_OFF, is_cut, not_understood, plain, trimmed
from .values import as_object, first_of

_REQUEST_LINE = re.compile(r"(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S+)")
_SUBSCRIPTION = re.compile(r"AVAILABLE WITH (?P<plan>.+) SUBSCRIPTION")
_RULE = re.compile(r"(?:---\|)+")
_TITLES = frozenset({"Header | Description |", "Parameter | Description |", "Code | Text | Description |"})
_PERMISSIONS = "Permissions to Run the Request"
_STATUS = re.compile(r"[1-5]\d\d")
_FLAGGED = re.compile(r"(?P<name>[\w-]+)(?:: (?P<value>[^()]+?))?(?: \((?P<flag>required|optional)\))?")
_VALUE = re.compile(r"(?:[-*\u2022] *)?(?P<value>[A-Z][A-Z0-9_]+)(?: ?[:(\u2013\u2014-].*|[,;.])?")
_HEADER = re.compile(r"(?P<name>[\w-]+): (?P<value>.+)")
_SEVERAL = re.compile(r"\b(?:can|may) be more than one\b", re.IGNORECASE)
_HEADINGS = {
    "Request Headers": "headers",
    "Request Parameters": "fields",
    "Parameter | Description |": "fields",
    "Response Parameters": "returned",
    "Response Codes": "codes",
    "Sample Request": "request",
    "Sample Response": "response",
}


@dataclass
class _Row:
    """A row of a table. A cell may continue on further lines, until one ends with a bar."""

    cells: list[str]
    more: list[str]


@dataclass
class _Request:
    """The sample of a request."""

    headers: dict[str, str]
    body: dict[str, Any]


def is_help_page(lines: list[str]) -> bool:
    """Return whether lines look like such a page, complete or not."""
    return any(_REQUEST_LINE.fullmatch(line) for line in lines) and "Response Codes" in lines


def read_help_page(file: str, raw: list[str]) -> Page:
    """Read all facts of a help page."""
    lines = [plain(line) for line in raw]
    request_line = next((match for line in lines if (match := _REQUEST_LINE.fullmatch(line))), None)
    if request_line is None:
        raise PageError("no method and path found")
    # White space in samples counts.
    exact, parts = _split(lines, [trimmed(line) for line in raw]), _split(lines, lines)
    request = _read_request(exact["request"], request_line)
    sample = _read_json(exact["response"], "the sample of the response")
    item = as_object(first_of(sample))
    if item is None:
        raise PageError("the sample of the response has no object")

    headers_table = _read_table(parts["headers"])
    media, security, headers = _read_headers(headers_table, request)
    fields = tuple(_request_field(row, request.body) for row in _read_table(parts["fields"]))
    codes = _read_table(parts["codes"])
    responses = _read_codes(codes)
    responses["200"] = Body(
        media_type=media["Accept"],
        types=frozenset({json_type(sample)}),
        fields=tuple(_response_field(row, item) for row in _read_table(parts["returned"])),
        sample=sample,
    )
    return Page(
        file=file,
        method=request_line["method"],
        path=request_line["path"],
        host=request.headers.get("Host", ""),
        security=security,
        parameters={"header": headers} if headers else {},
        body=Body(
            media_type=media["Content-Type"],
            types=frozenset({"object"}),
            fields=fields,
            sample=request.body,
            sample_is_whole=False,
        ),
        responses=responses,
        capture=_read_capture(lines),
        title=next((line for line in lines if line), ""),
        remarks=_remarks(parts),
        unread=_unread(lines, parts, headers_table, codes),
    )


def _read_headers(
    rows: list[_Row], request: _Request
) -> tuple[dict[str, str], frozenset[tuple[str, str, str]], tuple[Field, ...]]:
    """Read the media types, the credentials, and the headers that are parameters."""
    media = {"Content-Type": "", "Accept": ""}
    security: set[tuple[str, str, str]] = set()
    headers: dict[str, Field] = {}
    for row in rows:
        match = _flagged(row)
        name = match["name"]
        if name in media:
            media[name] = match["value"] or ""
        elif name == "Authorization":
            security.add(("http", request.headers.get(name, "").split(" ")[0].lower(), "header"))
        else:
            headers[name] = Field(
                name=name,
                required=match["flag"] == "required",
                words=row.cells[1],
                unread=_unread_of_row(row, valued=True),
            )
    if not all(media.values()):
        raise PageError("the table of headers lacks Content-Type or Accept")
    # A sample may send headers that the table does not list; whether those are required is unknown.
    for name, value in request.headers.items():
        if name in media and value != media[name]:
            raise PageError(f"the table and the sample differ in {name}")
        if name not in {*media, "Authorization", "Host"}:
            listed = headers.get(name, Field(name=name))
            headers[name] = Field(
                name=name, required=listed.required, examples=(value,), words=listed.words, unread=listed.unread
            )
    return media, frozenset(security), tuple(headers.values())


def _read_codes(rows: list[_Row]) -> dict[str, Body | None]:
    codes = [row.cells[0] for row in rows]
    unknown = [code for code in codes if _STATUS.fullmatch(code) is None]
    if unknown or "200" not in codes:
        raise PageError(f"expected 200 and other codes in the table of codes, got {codes}")
    return dict.fromkeys(codes)


def _split(lines: list[str], wanted: list[str]) -> dict[str, list[str]]:
    """Return the entries of `wanted` below each heading; it has one for each line."""
    parts: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line, kept in zip(lines, wanted, strict=True):
        part = _HEADINGS.get(line)
        if part is not None:
            if parts.get(part):
                raise PageError(f"duplicate heading {line!r}")
            current = parts.setdefault(part, [])
        elif current is not None:
            current.append(kept)
    missing = set(_HEADINGS.values()) - set(parts)
    if missing:
        raise PageError(f"parts are missing: {', '.join(sorted(missing))}; is the page cut off?")
    return parts


def _read_table(lines: list[str]) -> list[_Row]:
    """Read the rows of a table. Lines after its last bar are not part of it."""
    last = max((index for index, line in enumerate(lines) if line.endswith("|")), default=-1)
    rows: list[_Row] = []
    open_row: _Row | None = None
    for line in lines[: last + 1]:
        if _RULE.fullmatch(line) or (not rows and line in _TITLES):
            continue
        if open_row is not None:
            cell = line.removesuffix("|").strip()
            if cell:
                open_row.more.append(cell)
            if line.endswith("|"):
                open_row = None
        elif " | " in line:
            cells = [cell.strip() for cell in line.removesuffix("|").split(" | ")]
            rows.append(_Row(cells, []))
            open_row = None if line.endswith("|") else rows[-1]
        elif line:
            raise PageError(f"expected a table row, got {line!r}")
    if not rows or any(len(row.cells) < 2 for row in rows):
        raise PageError("a table is empty or lacks a column")
    return rows


def _flagged(row: _Row) -> re.Match[str]:
    match = _FLAGGED.fullmatch(row.cells[0])
    if match is None:
        raise PageError(f"a name of an unknown form: {row.cells[0]!r}")
    return match


def _listed_values(row: _Row) -> dict[str, Any]:
    """Return the values that a cell lists on further lines; a saved page may have lost the list."""
    if not row.cells[1].endswith(":"):
        return {}
    values = [match["value"] for line in row.more if (match := _VALUE.fullmatch(line))]
    return {"enum": tuple(values)} if values else {}


def _unread_of_row(row: _Row, *, flagged: bool = True, valued: bool = False) -> tuple[str, ...]:
    """Return what is not understood in a row, whose name may have a flag, or a value, or neither."""
    match = _flagged(row)
    unread = [not_understood(cell) for cell in row.cells[2:]]
    if (match["flag"] and not flagged) or (match["value"] and not valued):
        unread.append(not_understood(row.cells[0]))
    for line in row.more:
        if is_cut(line):
            unread.append(LIST_CUT_OFF)
        elif not row.cells[1].endswith(":") or _VALUE.fullmatch(line) is None:
            unread.append(not_understood(line))
    return tuple(unread)


def _gaps(row: _Row, *, typed: bool) -> tuple[str, ...]:
    gaps = [] if typed else ["its type: the sample does not show it"]
    if row.cells[1].endswith(":") and not _listed_values(row):
        gaps.append("its values: a list is announced, and the saved page has none")
    return tuple(gaps)


def _request_field(row: _Row, sample: dict[str, Any]) -> Field:
    match = _flagged(row)
    if match["flag"] is None:
        raise PageError(f"{match['name']} is neither marked as required nor as optional")
    types: set[str] = set()
    if match["name"] in sample:
        types.add(json_type(sample[match["name"]]))
    if _SEVERAL.search(row.cells[1]) and not any(item.endswith("[]") for item in types):
        types |= {f"{item}[]" for item in types} or {"any[]"}
    return Field(
        name=match["name"],
        types=frozenset(types),
        nullable=False,
        required=match["flag"] == "required",
        facets=_listed_values(row),
        loose_numbers=True,
        words=row.cells[1],
        gaps=_gaps(row, typed=match["name"] in sample),
        unread=_unread_of_row(row),
    )


def _response_field(row: _Row, sample: dict[str, Any]) -> Field:
    name = _flagged(row)["name"]
    value = sample.get(name, MISSING)
    known = value is not MISSING and value is not None
    return Field(
        name=name,
        types=frozenset({json_type(value)}) if known else frozenset(),
        nullable=value is None,
        required=None,
        facets=_listed_values(row),
        loose_numbers=True,
        words=row.cells[1],
        gaps=_gaps(row, typed=known),
        unread=_unread_of_row(row, flagged=False),
    )


def _read_request(lines: list[str], request_line: re.Match[str]) -> _Request:
    if not lines or lines[0] != request_line[0]:
        raise PageError("the sample request is for another operation")
    headers: dict[str, str] = {}
    start = next((index for index, line in enumerate(lines) if line.startswith("{")), len(lines))
    for line in lines[1:start]:
        match = _HEADER.fullmatch(line)
        if match is not None:
            headers[match["name"]] = match["value"]
        elif line:
            raise PageError(f"expected a header in the sample request, got {line!r}")
    body = as_object(_read_json(lines[start:], "the body of the sample request"))
    if body is None:
        raise PageError("the body of the sample request is not an object")
    return _Request(headers, body)


def _read_json(lines: list[str], what: str) -> Any:
    """Read the JSON of a sample, which ends at the word CODE."""
    if "CODE" not in lines:
        raise PageError(f"{what} is cut off")
    try:
        return json.loads("\n".join(lines[: lines.index("CODE")]))
    except ValueError:
        raise PageError(f"{what} is not JSON") from None


def _below_table(lines: list[str]) -> list[str]:
    last = max((index for index, line in enumerate(lines) if line.endswith("|")), default=-1)
    return [line for line in lines[last + 1 :] if line]


def _is_sentence(line: str) -> bool:
    """Return whether a line below a table is prose, and not a row that lost its last bar."""
    return " " in line and "|" not in line and line.endswith((".", "!", "?")) and not is_cut(line)


def _remarks(parts: dict[str, list[str]]) -> tuple[str, ...]:
    """Return where the page has prose below tables."""
    titles = {part: title for title, part in _HEADINGS.items()}
    found: list[str] = []
    for part in ("headers", "fields", "returned", "codes"):
        below = len(_below_table(parts[part]))
        if below:
            found.append(f"{below} line{'s' if below > 1 else ''} below the table of {titles[part]!r}")
    return ("the tables of headers and of status codes", *found)


def _unread(
    lines: list[str], parts: dict[str, list[str]], headers: list[_Row], codes: list[_Row]
) -> dict[str, list[str]]:
    """Return lines that are not understood and belong to no field, by their place."""
    found: dict[str, list[str]] = {"above the tables": [], "tables": [], "codes": [], "samples": []}
    for row in headers:
        match = _flagged(row)
        if match["name"] in {"Authorization", "Content-Type", "Accept"}:
            found[f"header {match['name']}"] = list(_unread_of_row(row, valued=match["name"] != "Authorization"))
            if match["flag"] != "required":
                found[f"header {match['name']}"].append(not_understood(row.cells[0]))
    found["above the tables"] += map(not_understood, _unknown_at_top(lines))
    for part in ("headers", "fields", "returned", "codes"):
        found["tables"] += [not_understood(line) for line in _below_table(parts[part]) if not _is_sentence(line)]
    for row in codes:
        found["codes"] += [not_understood(cell) for cell in (*row.cells[3:], *row.more)]
    for part in ("request", "response"):
        end = parts[part].index("CODE")
        found["samples"] += [not_understood(line) for line in parts[part][end + 1 :] if line]
    return {place: unread for place, unread in found.items() if unread}


def _unknown_at_top(lines: list[str]) -> list[str]:
    """Return lines above the first heading other than title, plan, request line and permissions."""
    top = [line for line in lines[: next(i for i, line in enumerate(lines) if line in _HEADINGS)] if line]
    known = {0}
    for index, line in enumerate(top):
        if _SUBSCRIPTION.fullmatch(line) or _REQUEST_LINE.fullmatch(line):
            known.add(index)
        elif line == _PERMISSIONS:
            known |= {index, index + 1}
    return [line for index, line in enumerate(top) if index not in known]


def _read_capture(lines: list[str]) -> dict[str, str]:
    capture: dict[str, str] = {}
    for index, line in enumerate(lines):
        plan = _SUBSCRIPTION.fullmatch(line)
        if plan is not None:
            capture["subscription"] = plan["plan"].capitalize()
        elif line == _PERMISSIONS and index + 1 < len(lines):
            capture["permissions"] = lines[index + 1]
    return capture
