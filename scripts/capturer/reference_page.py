"""Reads the reference pages of developers.smarterservices.com, saved as text.

Such a page has the method, the path in pieces, a cURL sample, a JSON sample of the response, and then sections with
typed lists.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .facts import MISSING, Body, Field, Page, PageError, with_sample
from .fieldlists import FieldList, is_type, read_types, starts_field
from .lines import looks_like_fact, not_understood, plain, trimmed

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_SKIP_LINK = "Skip to main content"
_BANNER = "Documentation Index"
_BANNER_LINES = re.compile(
    r"Fetch the complete documentation index at: \S+|Use this file to discover .+ exploring further\."
)
_PARAMETER_SECTIONS = {"Path Parameters": "path", "Query Parameters": "query", "Headers": "header"}
# In the order of the page, which distinguishes the title "Headers" from a description of one word.
_SECTIONS = ("Authorizations", "Headers", "Path Parameters", "Query Parameters", "Cookies", "Body", "Response")
_FOLDED_TITLES = frozenset(title.casefold() for title in _SECTIONS)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+")
_STATUS = re.compile(r"(?P<status>default|[1-5](?:\d\d|XX))(?: - (?P<media>[\w.+-]+/[\w.+*-]+))?")
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_BARE_TYPE = re.compile(r"The response is of type (?P<type>.+)\.")
_SAMPLE_OPTIONS = frozenset({"--request", "--url", "--header", "--data", "--data-raw"})

_Curl = dict[str, list[str]]


def is_reference_page(lines: list[str]) -> bool:
    """Return whether lines look like such a page, complete or not."""
    return any(line.startswith("curl ") for line in lines) and any(line in _METHODS for line in lines[:5])


def read_reference_page(file: str, content: str) -> Page:
    """Read all facts of a reference page."""
    return _Reader(content.splitlines()).page(file)


class _Reader:
    def __init__(self, raw: list[str]) -> None:
        self._raw = raw
        self._lines = [plain(line) for line in raw]
        self._exact = [trimmed(line) for line in raw]  # white space in samples counts
        self._unread: dict[str, list[str]] = {}

    def page(self, file: str) -> Page:
        method, path, index = self._request_line()
        title = self._lines[index] if index < len(self._lines) else ""
        start = next((at for at in range(index, len(self._lines)) if self._lines[at].startswith("curl ")), None)
        if start is None:
            raise PageError("the cURL sample not found")
        self._read_heading(title, self._lines[index + 1 : start])
        curl, index = self._curl(start)
        sections = self._split(index)
        sample = self._response_sample(index, min(start for start, _ in sections.values()))
        url = urlsplit(curl["--url"][0])
        if curl["--request"] != [method] or url.path != path:
            raise PageError(f"the cURL sample is for another operation than {method} {path}")
        if "Cookies" in sections:
            raise PageError("cookies are not supported")
        security = self._security(sections["Authorizations"][1])
        parameters = {
            place: self._fields(sections[section][1], f"{place} parameters").fields
            for section, place in _PARAMETER_SECTIONS.items()
            if section in sections
        }
        # A section that was missed would leave its fields in the one above it.
        named, listed = set(_PLACEHOLDER.findall(path)), {item.name for item in parameters.get("path", ())}
        if named != listed:
            raise PageError(f"the path names {sorted(named)}, and the section Path Parameters lists {sorted(listed)}")
        body = sections["Body"][1] if "Body" in sections else None
        _check_curl(curl, security, parameters, has_body=body is not None)
        return Page(
            file=file,
            method=method,
            path=path,
            hosts=(url.netloc,),
            security=security,
            parameters=parameters,
            body=None if body is None else self._body(body, curl["--data"] + curl["--data-raw"]),
            responses=self._responses(sections["Response"][1], sample),
            title=title,
            secure=url.scheme == "https",
            unread=self._unread,
        )

    def _note(self, place: str, lines: Iterable[str]) -> None:
        found = [not_understood(line) for line in lines if line]
        if found:
            self._unread.setdefault(place, []).extend(found)

    def _request_line(self) -> tuple[str, str, int]:
        lines = self._lines
        index = next(index for index, line in enumerate(lines) if line in _METHODS)
        self._note("above the method", (line for line in lines[:index] if line != _SKIP_LINK))
        method, pieces = lines[index], list[str]()
        index += 1
        while index + 1 < len(lines) and lines[index] == "/":  # slashes and segments alternate, until the title
            pieces.append(lines[index + 1])
            index += 2
        if not pieces or not all(pieces):
            raise PageError("the path not found")
        return method, "/" + "/".join(pieces), index

    def _read_heading(self, title: str, below: list[str]) -> None:
        """Read what is above the cURL sample: prose of the operation, which follows a blank line."""
        prose = [line for line in below if line]
        close = below if below and below[0] else []
        close = close[: close.index("")] if "" in close else close
        self._note(
            "heading", [*close, *(line for line in [title, *prose] if looks_like_fact(line) and line not in close)]
        )

    def _curl(self, start: int) -> tuple[_Curl, int]:
        """Read the options of the cURL sample, and return the index of the line after it."""
        words: list[str] = []
        for end in range(start + 1, len(self._exact) + 1):
            if self._exact[end - 1].endswith("\\"):
                continue
            try:
                words = shlex.split("\n".join(self._exact[start:end]).replace("\\\n", " "))
            except ValueError:  # a quote is still open
                continue
            break
        else:
            raise PageError("the cURL sample is cut off")
        options: _Curl = {name: [] for name in _SAMPLE_OPTIONS}
        for name, value in zip(words[1::2], words[2::2], strict=False):
            if name not in options:
                raise PageError(f"unknown option {name} in the cURL sample")
            options[name].append(value)
        if len(words) % 2 == 0 or len(options["--request"]) != 1 or len(options["--url"]) != 1:
            raise PageError("the cURL sample lacks its method or URL")
        return options, end

    def _split(self, start: int) -> dict[str, tuple[int, list[str]]]:
        """Return the raw lines of each section by title. A title counts only if its section can follow."""
        lines, found = self._lines, list[tuple[str, int]]()
        for index in range(start, len(lines)):
            line = lines[index]
            if line.casefold() not in _FOLDED_TITLES:
                continue
            due = _SECTIONS[_SECTIONS.index(found[-1][0]) + 1 :] if found else _SECTIONS
            if line in due and not lines[index - 1] and _section_fits(lines, index):
                found.append((line, index))
            elif not _may_be_something_else(lines, index):
                raise PageError(f"{line!r} is not a section of a known form")
        if not {"Response", "Authorizations"} <= {title for title, _ in found}:
            raise PageError("the section Authorizations or Response is missing; is the page cut off?")
        ends = [index for _, index in found[1:]] + [len(lines)]
        return {title: (index, self._raw[index + 1 : end]) for (title, index), end in zip(found, ends, strict=True)}

    def _response_sample(self, start: int, end: int) -> Any:
        """Read the JSON sample between the cURL sample and the sections (before the banner, if any)."""
        block = self._exact[start:end]
        if _BANNER in block:
            below = block[block.index(_BANNER) + 1 :]
            self._note("above the sections", (line for line in below if not _BANNER_LINES.fullmatch(plain(line))))
            block = block[: block.index(_BANNER)]
        content = "\n".join(block).strip()
        return _json(content, "the sample of the response") if content else MISSING

    def _fields(self, lines: list[str], place: str, *, credentials: bool = False) -> FieldList:
        """Read a section that has nothing above its first field."""
        found = FieldList(lines, place=place, credentials=credentials)
        self._note(place, [found.words])
        if found.unread:
            self._unread[place] = [*found.unread, *self._unread.get(place, ())]
        return found

    def _security(self, lines: list[str]) -> frozenset[tuple[str, str, str]]:
        found = self._fields(lines, "Authorizations", credentials=True)
        credentials: set[tuple[str, str, str]] = set()
        for item in found.fields:
            location = found.locations.get(item.name)
            if item.types != {"string"} or not item.required or location not in {"header", "query"}:
                raise PageError(f"the authorization {item.name} is not supported")
            credentials.add(("apiKey", item.name, location))
            more = [*item.unread, *(f"its {name}" for name in item.facets), *(["its example"] if item.examples else [])]
            if item.nullable or more:
                self._unread[f"authorization {item.name}"] = ["that it may be null"] * bool(item.nullable) + more
        return frozenset(credentials)

    def _body(self, lines: list[str], data: list[str]) -> Body:
        first = next(index for index, line in enumerate(lines) if plain(line))
        found = FieldList(lines[first + 1 :], place="Body")
        if not found.fields:
            raise PageError("the section Body lists no field")
        sample = _json(data[0], "the body of the cURL sample") if data else MISSING
        return _body_of(found, plain(lines[first]), frozenset({"object"}), sample, found.unread)

    def _responses(self, lines: list[str], sample: Any) -> dict[str, Body | None]:
        flat = [plain(line) for line in lines]
        heads = [(at, _STATUS.fullmatch(line)) for at, line in enumerate(flat) if at == 0 or not flat[at - 1]]
        starts = [(at, head) for at, head in heads if head is not None]
        responses: dict[str, Body | None] = {}
        for (start, head), end in zip(starts, [*(at for at, _ in starts[1:]), len(lines)], strict=True):
            if head["status"] in responses:
                raise PageError(f"duplicate response {head['status']}")
            # The only sample is that of the response listed first.
            own = MISSING if responses else sample
            responses[head["status"]] = self._response(head, lines[start + 1 : end], own)
        return responses

    def _response(self, head: re.Match[str], lines: list[str], sample: Any) -> Body | None:
        place, media = f"response {head['status']}", head["media"]
        bare = [match for line in lines if (match := _BARE_TYPE.fullmatch(plain(line)))]
        if media is not None and not bare:
            found = FieldList(lines, place=place)
            if not found.fields and sample is MISSING:
                raise PageError(f"the {place} has neither fields nor a sample")
            whole = "object[]" if isinstance(sample, list | tuple) else "object"
            return _body_of(found, media, frozenset({whole}), sample, found.unread)
        # Such a response has prose and no fields.
        found = FieldList([line for line in lines if _BARE_TYPE.fullmatch(plain(line)) is None], place=place)
        unread = [*(f"its field {item.name}" for item in found.fields), *found.unread]
        if media is None:
            unread += [not_understood(match[0]) for match in bare]
            self._unread |= {place: unread} if unread else {}
            return None
        if len(bare) > 1 or not is_type(bare[0]["type"]):
            raise PageError(f"unknown type of a response: {bare[-1]['type']!r}")
        types, nullable, facets = read_types(bare[0]["type"])
        unread += [not_understood(bare[0][0])] if nullable or facets or len(types) != 1 else []
        return _body_of(found, media, types, sample, unread, listed=False)


def _body_of(
    found: FieldList, media: str, types: frozenset[str], sample: Any, unread: Sequence[str], *, listed: bool = True
) -> Body:
    return Body(
        media_types=(media,),
        types=types,
        fields=with_sample(found.fields if listed else (), sample),
        sample=sample,
        unread=tuple(unread),
    )


def _json(content: str, what: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise PageError(f"{what} is not JSON; is it cut off?") from None


def _section_fits(lines: list[str], index: int) -> bool:
    below = next((at for at in range(index + 1, len(lines)) if lines[at]), index)
    form = {"Body": _MEDIA_TYPE, "Response": _STATUS}.get(lines[index])
    return starts_field(lines, below) if form is None else form.fullmatch(lines[below]) is not None


def _may_be_something_else(lines: list[str], index: int) -> bool:
    """Return whether a title can be the name of a field, a listed value, or a description of one word below a type."""
    above = lines[index - 1] or lines[index - 2]
    if starts_field(lines, index) or above == "Available options:" or lines[index - 1].endswith(","):
        return True
    attributes = index - 2
    while lines[attributes] in {"required", "deprecated"} or lines[attributes].startswith("default:"):
        attributes -= 1
    return " " not in lines[index] and not lines[index - 1] and is_type(lines[attributes])


def _check_curl(
    curl: _Curl,
    security: frozenset[tuple[str, str, str]],
    parameters: Mapping[str, Iterable[Field]],
    *,
    has_body: bool,
) -> None:
    """Check that the page does not contradict itself."""
    asked = {name for name, _ in parse_qsl(urlsplit(curl["--url"][0]).query, keep_blank_values=True)}
    headers = {header.split(":", 1)[0].strip().casefold() for header in curl["--header"]}
    for where, sent in (("header", headers), ("query", asked)):
        known = {name for _, name, place in security if place == where}
        known |= {item.name for item in parameters.get(where, ())}
        if where == "header":
            known = {name.casefold() for name in known} | ({"content-type"} if has_body else set())
        if sent - known:
            raise PageError(f"the cURL sample sends {sorted(sent - known)}, which no section explains")
    bodies = curl["--data"] + curl["--data-raw"]
    if len(bodies) > 1 or (bodies and not has_body):
        raise PageError("the cURL sample sends several bodies, or one that no section explains")
