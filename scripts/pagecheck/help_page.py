"""Reads the REST pages of the iSpring Learn help, saved as text.

Such a page has the method with the path, tables of headers, request members, answer members and
status codes, and a sample of a request and of its answer. It gives no types: those are read off
the samples.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .facts import MISSING, Body, Field, Page, PageError, json_type
from .lines import LIST_CUT_OFF, is_cut, not_understood, plain, trimmed
from .values import as_object, first_of

_ADDRESS = re.compile(r"(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S+)")
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
    "Request Parameters": "members",
    "Parameter | Description |": "members",
    "Response Parameters": "answer",
    "Response Codes": "codes",
    "Sample Request": "request",
    "Sample Response": "response",
}


@dataclass
class _Row:
    """A row of a table. A cell may go on over further lines, until one ends with the bar."""

    cells: list[str]
    more: list[str]


@dataclass
class _Request:
    """The sample of a request."""

    headers: dict[str, str]
    body: dict[str, Any]


def is_help_page(lines: list[str]) -> bool:
    """Whether a text looks like such a page, complete or not."""
    return any(_ADDRESS.fullmatch(line) for line in lines) and "Response Codes" in lines


def read_help_page(file: str, raw: list[str]) -> Page:
    """All facts of a help page, given by its lines."""
    lines = [plain(line) for line in raw]
    address = next((match for line in lines if (match := _ADDRESS.fullmatch(line))), None)
    if address is None:
        raise PageError("no sign of method and path")
    # Within samples each blank counts.
    exact, parts = _split(lines, [trimmed(line) for line in raw]), _split(lines, lines)
    request = _read_request(exact["request"], address)
    answer_sample = _read_json(exact["response"], "the sample of the answer")
    item = as_object(first_of(answer_sample))
    if item is None:
        raise PageError("the sample of the answer holds no object")

    headers_table = _read_table(parts["headers"])
    media, security, headers = _read_headers(headers_table, request)
    fields = tuple(_request_field(row, request.body) for row in _read_table(parts["members"]))
    codes = _read_table(parts["codes"])
    answers = _read_codes(codes)
    answers["200"] = Body(
        media_type=media["Accept"],
        types=frozenset({json_type(answer_sample)}),
        fields=tuple(_answer_field(row, item) for row in _read_table(parts["answer"])),
        sample=answer_sample,
    )
    return Page(
        file=file,
        method=address["method"],
        path=address["path"],
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
        answers=answers,
        capture=_read_capture(lines),
        title=next((line for line in lines if line), ""),
        remarks=_remarks(parts),
        unread=_unread(lines, parts, headers_table, codes),
    )


def _read_headers(
    rows: list[_Row], request: _Request
) -> tuple[dict[str, str], frozenset[tuple[str, str, str]], tuple[Field, ...]]:
    """The media types, the credentials, and the headers that are parameters."""
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
    # A sample may send more than the table lists; of such a header it is not known whether it
    # is required.
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
        raise PageError(f"the table of codes holds {codes}, where 200 and other codes are due")
    return dict.fromkeys(codes)


def _split(lines: list[str], wanted: list[str]) -> dict[str, list[str]]:
    """What is wanted of the lines under each heading; `wanted` has an entry for each line."""
    parts: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line, kept in zip(lines, wanted, strict=True):
        part = _HEADINGS.get(line)
        if part is not None:
            if parts.get(part):
                raise PageError(f"the heading {line!r} stands there twice")
            current = parts.setdefault(part, [])
        elif current is not None:
            current.append(kept)
    missing = set(_HEADINGS.values()) - set(parts)
    if missing:
        raise PageError(f"parts are missing: {', '.join(sorted(missing))}; is the page cut off?")
    return parts


def _read_table(lines: list[str]) -> list[_Row]:
    """The rows of a table. Text after its last bar belongs to the page, not to the table."""
    last = max((index for index, line in enumerate(lines) if line.endswith("|")), default=-1)
    rows: list[_Row] = []
    open_row: _Row | None = None
    for line in lines[: last + 1]:
        if _RULE.fullmatch(line) or (not rows and line in _TITLES):
            continue
        if open_row is not None:
            text = line.removesuffix("|").strip()
            if text:
                open_row.more.append(text)
            if line.endswith("|"):
                open_row = None
        elif " | " in line:
            cells = [cell.strip() for cell in line.removesuffix("|").split(" | ")]
            rows.append(_Row(cells, []))
            open_row = None if line.endswith("|") else rows[-1]
        elif line:
            raise PageError(f"a table row was expected: {line!r}")
    if not rows or any(len(row.cells) < 2 for row in rows):
        raise PageError("a table is empty or lacks a column")
    return rows


def _flagged(row: _Row) -> re.Match[str]:
    match = _FLAGGED.fullmatch(row.cells[0])
    if match is None:
        raise PageError(f"unknown form of a name: {row.cells[0]!r}")
    return match


def _listed_values(row: _Row) -> dict[str, Any]:
    """The values that a cell lists on further lines (a saved page may have lost the list)."""
    if not row.cells[1].endswith(":"):
        return {}
    values = [match["value"] for line in row.more if (match := _VALUE.fullmatch(line))]
    return {"enum": tuple(values)} if values else {}


def _unread_of_row(row: _Row, *, flagged: bool = True, valued: bool = False) -> tuple[str, ...]:
    """What is not understood of a row, whose name may have a flag, or a value, or neither."""
    match = _flagged(row)
    told = [not_understood(cell) for cell in row.cells[2:]]
    if (match["flag"] and not flagged) or (match["value"] and not valued):
        told.append(not_understood(row.cells[0]))
    for line in row.more:
        if is_cut(line):
            told.append(LIST_CUT_OFF)
        elif not row.cells[1].endswith(":") or _VALUE.fullmatch(line) is None:
            told.append(not_understood(line))
    return tuple(told)


def _gaps(row: _Row, *, typed: bool) -> tuple[str, ...]:
    gaps = [] if typed else ["its type: the sample does not show it"]
    if row.cells[1].endswith(":") and not _listed_values(row):
        gaps.append("its values: a list is announced, and the saved page has none")
    return tuple(gaps)


def _request_field(row: _Row, sample: dict[str, Any]) -> Field:
    match = _flagged(row)
    if match["flag"] is None:
        raise PageError(f"{match['name']} is marked neither required nor optional")
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


def _answer_field(row: _Row, sample: dict[str, Any]) -> Field:
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


def _read_request(lines: list[str], address: re.Match[str]) -> _Request:
    if not lines or lines[0] != address[0]:
        raise PageError("the sample request is for another operation")
    headers: dict[str, str] = {}
    start = next((index for index, line in enumerate(lines) if line.startswith("{")), len(lines))
    for line in lines[1:start]:
        match = _HEADER.fullmatch(line)
        if match is not None:
            headers[match["name"]] = match["value"]
        elif line:
            raise PageError(f"a header was expected in the sample request: {line!r}")
    body = as_object(_read_json(lines[start:], "the body of the sample request"))
    if body is None:
        raise PageError("the body of the sample request is no object")
    return _Request(headers, body)


def _read_json(lines: list[str], what: str) -> Any:
    """The JSON value of a sample, which the word CODE closes."""
    if "CODE" not in lines:
        raise PageError(f"{what} breaks off")
    try:
        return json.loads("\n".join(lines[: lines.index("CODE")]))
    except ValueError:
        raise PageError(f"{what} is no JSON text") from None


def _below_table(lines: list[str]) -> list[str]:
    last = max((index for index, line in enumerate(lines) if line.endswith("|")), default=-1)
    return [line for line in lines[last + 1 :] if line]


def _is_sentence(line: str) -> bool:
    """Whether a line below a table is prose; a row that has lost its last bar is not."""
    return " " in line and "|" not in line and line.endswith((".", "!", "?")) and not is_cut(line)


def _remarks(parts: dict[str, list[str]]) -> tuple[str, ...]:
    """Where a text stands below a table."""
    titles = {part: title for title, part in _HEADINGS.items()}
    found: list[str] = []
    for part in ("headers", "members", "answer", "codes"):
        below = len(_below_table(parts[part]))
        if below:
            found.append(f"{below} line{'s' if below > 1 else ''} below the table of {titles[part]!r}")
    return ("the tables of headers and of status codes", *found)


def _unread(
    lines: list[str], parts: dict[str, list[str]], headers: list[_Row], codes: list[_Row]
) -> dict[str, list[str]]:
    """What is not understood and belongs to no member."""
    found: dict[str, list[str]] = {"above the tables": [], "tables": [], "codes": [], "samples": []}
    for row in headers:
        match = _flagged(row)
        if match["name"] in {"Authorization", "Content-Type", "Accept"}:
            found[f"header {match['name']}"] = list(_unread_of_row(row, valued=match["name"] != "Authorization"))
            if match["flag"] != "required":
                found[f"header {match['name']}"].append(not_understood(row.cells[0]))
    found["above the tables"] += map(not_understood, _unknown_at_top(lines))
    for part in ("headers", "members", "answer", "codes"):
        found["tables"] += [not_understood(line) for line in _below_table(parts[part]) if not _is_sentence(line)]
    for row in codes:
        found["codes"] += [not_understood(text) for text in (*row.cells[3:], *row.more)]
    for part in ("request", "response"):
        end = parts[part].index("CODE")
        found["samples"] += [not_understood(line) for line in parts[part][end + 1 :] if line]
    return {place: told for place, told in found.items() if told}


def _unknown_at_top(lines: list[str]) -> list[str]:
    """Lines above the first heading that are not the title, the plan, the address or the permissions."""
    top = [line for line in lines[: next(i for i, line in enumerate(lines) if line in _HEADINGS)] if line]
    known = {0}
    for index, line in enumerate(top):
        if _SUBSCRIPTION.fullmatch(line) or _ADDRESS.fullmatch(line):
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
