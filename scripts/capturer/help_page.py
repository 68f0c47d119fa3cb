"""Reads the REST pages of the iSpring Learn help, saved as text.

Such a page has the method with the path, tables of headers, request fields, response fields and status codes, and a
sample of a request and its response. It has no types: those come from the samples.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .facts import MISSING, Body, Field, Page, PageError, first_of, json_type, with_sample
from .lines import LIST_CUT_OFF, is_cut, not_understood, plain, trimmed

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
_TABLES = ("headers", "fields", "returned", "codes")


@dataclass
class _Row:
    """A row of a table. A cell may continue on further lines, until one ends with a bar."""

    cells: list[str]
    more: list[str]

    @property
    def match(self) -> re.Match[str]:
        """The first cell: a name, with a value, a flag, or neither."""
        match = _FLAGGED.fullmatch(self.cells[0])
        if match is None:
            raise PageError(f"a name of an unknown form: {self.cells[0]!r}")
        return match

    @property
    def announces_values(self) -> bool:
        return self.cells[1].endswith(":")

    def values(self) -> dict[str, Any]:
        """Return the values that a cell lists on further lines; a saved page may have lost the list."""
        found = [match["value"] for line in self.more if (match := _VALUE.fullmatch(line))]
        return {"enum": tuple(found)} if found and self.announces_values else {}

    def unread(self, *, flagged: bool = True, valued: bool = False) -> tuple[str, ...]:
        """Return what is not understood, in a row whose name may have a flag, or a value, or neither."""
        unread = [not_understood(cell) for cell in self.cells[2:]]
        if (self.match["flag"] and not flagged) or (self.match["value"] and not valued):
            unread.append(not_understood(self.cells[0]))
        for line in self.more:
            if is_cut(line):
                unread.append(LIST_CUT_OFF)
            elif not self.announces_values or _VALUE.fullmatch(line) is None:
                unread.append(not_understood(line))
        return tuple(unread)


def is_help_page(lines: list[str]) -> bool:
    """Return whether lines look like such a page, complete or not."""
    return any(_REQUEST_LINE.fullmatch(line) for line in lines) and "Response Codes" in lines


def read_help_page(file: str, content: str) -> Page:
    """Read all facts of a help page."""
    return _Reader(content.splitlines()).page(file)


class _Reader:
    def __init__(self, raw: list[str]) -> None:
        self._lines = [plain(line) for line in raw]
        self._parts = _split(self._lines, self._lines)
        self._exact = _split(self._lines, [trimmed(line) for line in raw])  # white space in samples counts
        self._tables = {part: _read_table(self._parts[part]) for part in _TABLES}

    def page(self, file: str) -> Page:
        request_line = next(match for line in self._lines if (match := _REQUEST_LINE.fullmatch(line)))
        sent, body = self._request(request_line[0])
        sample = _read_json(self._exact["response"], "the sample of the response")
        item = first_of(sample)
        if not isinstance(item, dict):
            raise PageError("the sample of the response has no object")
        media, security, headers = self._headers(sent)
        codes = [row.cells[0] for row in self._tables["codes"]]
        if not all(map(_STATUS.fullmatch, codes)) or "200" not in codes or len(set(codes)) < len(codes):
            raise PageError(f"expected 200 and other codes in the table of codes, got {codes}")
        responses: dict[str, Body | None] = dict.fromkeys(codes)
        responses["200"] = Body(
            media_types=(media["Accept"],),
            types=frozenset({json_type(sample)}),
            fields=with_sample((_field(row, item, request=False) for row in self._tables["returned"]), sample),
            sample=sample,
        )
        return Page(
            file=file,
            method=request_line["method"],
            path=request_line["path"],
            hosts=(sent.get("Host", ""),),
            security=security,
            parameters={"header": headers} if headers else {},
            body=Body(
                media_types=(media["Content-Type"],),
                types=frozenset({"object"}),
                fields=with_sample((_field(row, body, request=True) for row in self._tables["fields"]), body),
                sample=body,
                sample_is_whole=False,
            ),
            responses=responses,
            capture=self._capture(),
            title=next((line for line in self._lines if line), ""),
            unread=self._unread(),
        )

    def _request(self, request_line: str) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the headers and the body of the sample of a request."""
        lines = self._exact["request"]
        if not lines or lines[0] != request_line:
            raise PageError("the sample request is for another operation")
        start = next((index for index, line in enumerate(lines) if line.startswith("{")), len(lines))
        matches = [(line, _HEADER.fullmatch(line)) for line in lines[1:start] if line]
        for line, match in matches:
            if match is None:
                raise PageError(f"expected a header in the sample request, got {line!r}")
        body = _read_json(lines[start:], "the body of the sample request")
        if not isinstance(body, dict):
            raise PageError("the body of the sample request is not an object")
        return {match["name"]: match["value"] for _, match in matches if match}, body

    def _headers(self, sent: dict[str, str]) -> tuple[dict[str, str], frozenset[tuple[str, str, str]], list[Field]]:
        """Return the media types, the credentials, and the headers that are parameters."""
        media = {"Content-Type": "", "Accept": ""}
        security: set[tuple[str, str, str]] = set()
        rows: dict[str, _Row] = {}
        for row in self._tables["headers"]:
            name = row.match["name"]
            if name in rows:
                raise PageError(f"duplicate header {name}")
            rows[name] = row
            if name in media:
                media[name] = row.match["value"] or ""
                if sent.get(name, media[name]) != media[name]:
                    raise PageError(f"the table and the sample differ in {name}")
            elif name == "Authorization":
                security.add(("http", sent.get(name, "").split(" ")[0].lower(), "header"))
        if not all(media.values()):
            raise PageError("the table of headers lacks Content-Type or Accept")
        # A sample may send headers that the table does not list; whether those are required is unknown.
        names = [name for name in {**rows, **sent} if name not in {*media, "Authorization", "Host"}]
        return media, frozenset(security), [_header(name, rows.get(name), sent) for name in names]

    def _capture(self) -> dict[str, str]:
        plans = [match["plan"].capitalize() for line in self._lines if (match := _SUBSCRIPTION.fullmatch(line))]
        below = self._lines.index(_PERMISSIONS) + 1 if _PERMISSIONS in self._lines else len(self._lines)
        return {
            **({"subscription": plans[-1]} if plans else {}),
            **({"permissions": self._lines[below]} if below < len(self._lines) else {}),
        }

    def _below_table(self, part: str) -> list[str]:
        lines = self._parts[part]
        last = max((index for index, line in enumerate(lines) if line.endswith("|")), default=-1)
        return [line for line in lines[last + 1 :] if line]

    def _unread(self) -> dict[str, list[str]]:
        """Return lines that are not understood and belong to no field, by their place."""
        found: dict[str, list[str]] = {}
        for row in self._tables["headers"]:
            if row.match["name"] in {"Authorization", "Content-Type", "Accept"}:
                unread = row.unread(valued=row.match["name"] != "Authorization")
                optional = [] if row.match["flag"] == "required" else [not_understood(row.cells[0])]
                found[f"header {row.match['name']}"] = [*unread, *optional]
        top = [
            line for line in self._lines[: next(i for i, line in enumerate(self._lines) if line in _HEADINGS)] if line
        ]
        known = {0, *(at + 1 for at, line in enumerate(top) if line == _PERMISSIONS)}
        found["above the tables"] = [
            not_understood(line)
            for at, line in enumerate(top)
            if at not in known and line != _PERMISSIONS and not _SUBSCRIPTION.fullmatch(line)
            if not _REQUEST_LINE.fullmatch(line)
        ]
        below = [line for part in _TABLES for line in self._below_table(part)]
        found["tables"] = [not_understood(line) for line in below if not _is_sentence(line)]
        codes = [cell for row in self._tables["codes"] for cell in (*row.cells[3:], *row.more)]
        found["codes"] = [not_understood(cell) for cell in codes]
        ends = [self._parts[part][self._parts[part].index("CODE") + 1 :] for part in ("request", "response")]
        found["samples"] = [not_understood(line) for end in ends for line in end if line]
        return {place: unread for place, unread in found.items() if unread}


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
            open_row.more += [cell] if cell else []
            open_row = None if line.endswith("|") else open_row
        elif " | " in line:
            rows.append(_Row([cell.strip() for cell in line.removesuffix("|").split(" | ")], []))
            open_row = None if line.endswith("|") else rows[-1]
        elif line:
            raise PageError(f"expected a table row, got {line!r}")
    if not rows or any(len(row.cells) < 2 for row in rows):
        raise PageError("a table is empty or lacks a column")
    return rows


def _header(name: str, row: _Row | None, sent: dict[str, str]) -> Field:
    examples = (sent[name],) if name in sent else ()
    if row is None:
        return Field(name=name, examples=examples)
    required = row.match["flag"] == "required"
    return Field(name=name, required=required, examples=examples, words=row.cells[1], unread=row.unread(valued=True))


def _field(row: _Row, sample: dict[str, Any], *, request: bool) -> Field:
    name, flag = row.match["name"], row.match["flag"]
    if request and flag is None:
        raise PageError(f"{name} is neither marked as required nor as optional")
    value = sample.get(name, MISSING)
    shown = value is not MISSING and (request or value is not None)
    types = {json_type(value)} if shown else set[str]()
    several = None
    if request:
        several = _SEVERAL.search(row.cells[1]) is not None or any(item.endswith("[]") for item in types)
        if several and not any(item.endswith("[]") for item in types):
            types |= {f"{item}[]" for item in types} or {"any[]"}
    gaps = [] if shown else ["its type: the sample does not show it"]
    if row.announces_values and not row.values():
        gaps.append("its values: a list is announced, and the saved page has none")
    return Field(
        name=name,
        types=frozenset(types),
        nullable=False if request else value is None,
        required=flag == "required" if request else None,
        facets=row.values(),
        loose_numbers=True,
        several=several,
        words=row.cells[1],
        gaps=tuple(gaps),
        unread=row.unread(flagged=request),
    )


def _read_json(lines: list[str], what: str) -> Any:
    """Read the JSON of a sample, which ends at the word CODE."""
    if "CODE" not in lines:
        raise PageError(f"{what} is cut off")
    try:
        return json.loads("\n".join(lines[: lines.index("CODE")]))
    except ValueError:
        raise PageError(f"{what} is not JSON") from None


def _is_sentence(line: str) -> bool:
    """Return whether a line below a table is prose, and not a row that lost its last bar."""
    return " " in line and "|" not in line and line.endswith((".", "!", "?")) and not is_cut(line)
