"""Reads the reference pages of developers.smarterservices.com, saved as text.

Such a page has the method, the path in pieces, a cURL sample, a JSON sample of the response, and then sections with
typed lists.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .facts import MISSING, Body, Field, Page, PageError
from .fieldlists import FieldListReader, is_type, read_types, starts_field
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


def is_reference_page(lines: list[str]) -> bool:
    """Return whether lines look like such a page, complete or not."""
    return any(line.startswith("curl ") for line in lines) and any(line in _METHODS for line in lines[:5])


def read_reference_page(file: str, raw: list[str]) -> Page:
    """Read all facts of a reference page, from its lines with indentation."""
    lines = [plain(line) for line in raw]
    unread: dict[str, list[str]] = {}
    method, path, index = _read_request_line(lines, unread)
    title = lines[index] if index < len(lines) else ""
    start = _find(lines, index, lambda line: line.startswith("curl "), "the cURL sample")
    prose = [line for line in lines[index + 1 : start] if line]
    # Prose of the operation follows a blank line.
    close = lines[index + 1 : start] if prose and lines[index + 1] else []
    close = close[: close.index("")] if "" in close else close
    odd = [line for line in [title, *prose] if looks_like_fact(line) and line not in close]
    _note(unread, "heading", [*close, *odd])
    # White space in samples counts.
    exact = [trimmed(line) for line in raw]
    curl, index = _read_curl(exact, start)
    sections = _split_sections(lines, raw, index)
    sample = _read_response_sample(exact, index, min(start for start, _ in sections.values()), unread)
    url = urlsplit(curl["--url"][0])
    if curl["--request"] != [method] or url.path != path:
        raise PageError(f"the cURL sample is for another operation than {method} {path}")

    security = _read_security(sections, unread)
    parameters = {
        place: _read_parameters(sections[title][1], place, unread)
        for title, place in _PARAMETER_SECTIONS.items()
        if title in sections
    }
    if "Cookies" in sections:
        raise PageError("cookies are not supported")
    _check_placeholders(path, parameters.get("path", ()))
    _check_curl(curl, security, parameters, "Body" in sections)
    return Page(
        file=file,
        method=method,
        path=path,
        host=url.netloc,
        security=security,
        parameters=parameters,
        body=_read_body(sections, curl),
        responses=_read_responses(sections, sample, unread),
        title=title,
        secure=url.scheme == "https",
        remarks=_remarks(sections, len(prose)),
        unread=unread,
    )


def _note(unread: dict[str, list[str]], place: str, lines: Iterable[str]) -> None:
    found = [not_understood(line) for line in lines]
    if found:
        unread.setdefault(place, []).extend(found)


def _find(lines: list[str], start: int, test: Callable[[str], bool], what: str) -> int:
    for index in range(start, len(lines)):
        if test(lines[index]):
            return index
    raise PageError(f"{what} not found")


def _read_request_line(lines: list[str], unread: dict[str, list[str]]) -> tuple[str, str, int]:
    index = _find(lines, 0, lambda line: line in _METHODS, "the method")
    _note(unread, "above the method", [line for line in lines[:index] if line and line != _SKIP_LINK])
    method = lines[index]
    index += 1
    pieces: list[str] = []
    # Slashes and segments alternate, until the title.
    while index + 1 < len(lines) and lines[index] == "/":
        pieces.append(lines[index + 1])
        index += 2
    if not pieces or not all(pieces):
        raise PageError("the path not found")
    return method, "/" + "/".join(pieces), index


def _read_curl(lines: list[str], start: int) -> tuple[dict[str, list[str]], int]:
    """Read the options of the cURL sample, and return the index of the line after it."""
    words: list[str] = []
    for end in range(start + 1, len(lines) + 1):
        if lines[end - 1].endswith("\\"):
            continue
        try:
            words = shlex.split("\n".join(lines[start:end]).replace("\\\n", " "))
        except ValueError:  # a quote is still open
            continue
        break
    else:
        raise PageError("the cURL sample is cut off")
    options: dict[str, list[str]] = {name: [] for name in _SAMPLE_OPTIONS}
    for name, value in zip(words[1::2], words[2::2], strict=False):
        if name not in options:
            raise PageError(f"unknown option {name} in the cURL sample")
        options[name].append(value)
    if len(words) % 2 == 0 or len(options["--request"]) != 1 or len(options["--url"]) != 1:
        raise PageError("the cURL sample lacks its method or URL")
    return options, end


def _split_sections(lines: list[str], raw: list[str], start: int) -> dict[str, tuple[int, list[str]]]:
    """Return the raw lines of each section by title. A title counts only if its section can follow."""
    found: list[tuple[str, int]] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line.casefold() not in _FOLDED_TITLES:
            continue
        due = _SECTIONS[_SECTIONS.index(found[-1][0]) + 1 :] if found else _SECTIONS
        if line in due and not lines[index - 1] and _section_fits(lines, index):
            found.append((line, index))
        elif not _may_be_something_else(lines, index):
            raise PageError(f"{line!r} is not a section of a known form")
    titles = [title for title, _ in found]
    if "Response" not in titles or "Authorizations" not in titles:
        raise PageError("the section Authorizations or Response is missing; is the page cut off?")
    ends = [index for _, index in found[1:]] + [len(lines)]
    return {title: (index, raw[index + 1 : end]) for (title, index), end in zip(found, ends, strict=True)}


def _section_fits(lines: list[str], index: int) -> bool:
    below = _find_line(lines, index + 1)
    if below is None:
        return False
    if lines[index] == "Body":
        return _MEDIA_TYPE.fullmatch(lines[below]) is not None
    if lines[index] == "Response":
        return _STATUS.fullmatch(lines[below]) is not None
    return starts_field(lines, below)


def _may_be_something_else(lines: list[str], index: int) -> bool:
    """Return whether a title can be the name of a field, a listed value, or a description of one word below a type."""
    above = lines[index - 1] or lines[index - 2]
    if starts_field(lines, index) or above == "Available options:" or lines[index - 1].endswith(","):
        return True
    attributes = index - 2
    while lines[attributes] in {"required", "deprecated"} or lines[attributes].startswith("default:"):
        attributes -= 1
    return " " not in lines[index] and not lines[index - 1] and is_type(lines[attributes])


def _find_line(lines: list[str], start: int) -> int | None:
    return next((index for index in range(start, len(lines)) if lines[index]), None)


def _read_response_sample(lines: list[str], start: int, end: int, unread: dict[str, list[str]]) -> Any:
    """Read the JSON sample between the cURL sample and the sections (before the banner, if any)."""
    block = lines[start:end]
    if _BANNER in block:
        below = block[block.index(_BANNER) + 1 :]
        _note(
            unread, "above the sections", [line for line in below if line and not _BANNER_LINES.fullmatch(plain(line))]
        )
        block = block[: block.index(_BANNER)]
    content = "\n".join(block).strip()
    if not content:
        return MISSING
    try:
        return json.loads(content)
    except ValueError:
        raise PageError("the sample of the response is not JSON; is it cut off?") from None


def _remarks(sections: dict[str, tuple[int, list[str]]], words: int) -> tuple[str, ...]:
    """Return where the page has prose that belongs to no parameter and no body."""
    found = [f"{words} line{'s' if words > 1 else ''} between the heading and the cURL sample"] if words else []
    credentials = FieldListReader(sections["Authorizations"][1], place="Authorizations", credentials=True).read()
    found += [f"the authorization {item.name}" for item in credentials if item.words]
    status = ""
    for line in map(plain, sections["Response"][1]):
        head = _STATUS.fullmatch(line)
        if head is not None:
            status = "" if head["media"] else head["status"]
        elif line and status:
            found.append(f"response {status}, which has no body")
            status = ""
    return tuple(found)


def _read_security(
    sections: dict[str, tuple[int, list[str]]], unread: dict[str, list[str]]
) -> frozenset[tuple[str, str, str]]:
    reader = FieldListReader(sections["Authorizations"][1], place="Authorizations", credentials=True)
    credentials: set[tuple[str, str, str]] = set()
    for item in reader.read():
        location = reader.locations.get(item.name)
        if list(item.types) != ["string"] or not item.required or location not in {"header", "query"}:
            raise PageError(f"the authorization {item.name} is not supported")
        credentials.add(("apiKey", item.name, location))
        lines = [*item.unread, *(f"its {name}" for name in item.facets), *(["its example"] if item.examples else [])]
        if item.nullable or lines:
            unread[f"authorization {item.name}"] = [*(["that it may be null"] if item.nullable else []), *lines]
    _note_preface(unread, "Authorizations", reader)
    return frozenset(credentials)


def _read_parameters(lines: list[str], place: str, unread: dict[str, list[str]]) -> tuple[Field, ...]:
    reader = FieldListReader(lines, place=place)
    fields = reader.read()
    _note_preface(unread, f"{place} parameters", reader)
    return fields


def _note_preface(unread: dict[str, list[str]], place: str, reader: FieldListReader) -> None:
    """Report lines between the title of such a section and its first field."""
    if reader.words or reader.unread:
        unread[place] = [*reader.unread, *([not_understood(reader.words)] if reader.words else [])]


def _check_placeholders(path: str, parameters: Sequence[Field]) -> None:
    """Check that no section was missed, whose fields would be in the one above it."""
    named, listed = set(_PLACEHOLDER.findall(path)), {item.name for item in parameters}
    if named != listed:
        raise PageError(f"the path names {sorted(named)}, and the section Path Parameters lists {sorted(listed)}")


def _check_curl(
    curl: dict[str, list[str]],
    security: frozenset[tuple[str, str, str]],
    parameters: Mapping[str, Sequence[Field]],
    has_body: bool,
) -> None:
    """Check that the page does not contradict itself."""
    known = {name.casefold() for _, name, place in security if place == "header"}
    known |= {item.name.casefold() for item in parameters.get("header", ())}
    if has_body:
        known.add("content-type")
    sent = {header.split(":", 1)[0].strip().casefold() for header in curl["--header"]}
    if sent - known:
        raise PageError(f"the cURL sample sends {sorted(sent - known)}, which no section explains")
    asked = {name for name, _ in parse_qsl(urlsplit(curl["--url"][0]).query, keep_blank_values=True)}
    listed = {name for _, name, place in security if place == "query"}
    listed |= {item.name for item in parameters.get("query", ())}
    if asked - listed:
        raise PageError(f"the cURL sample asks for {sorted(asked - listed)}, which no section explains")
    if len(curl["--data"] + curl["--data-raw"]) > 1:
        raise PageError("the cURL sample sends several bodies")


def _read_body(sections: dict[str, tuple[int, list[str]]], curl: dict[str, list[str]]) -> Body | None:
    data = curl["--data"] + curl["--data-raw"]
    if "Body" not in sections:
        if data:
            raise PageError("the cURL sample sends a body, but there is no section Body")
        return None
    lines = sections["Body"][1]
    first = _find_line([plain(line) for line in lines], 0)
    assert first is not None  # the section was recognized by this line
    reader = FieldListReader(lines[first + 1 :], place="Body")
    fields = reader.read()
    sample: Any = MISSING
    if data:
        try:
            sample = json.loads(data[0])
        except ValueError:
            raise PageError("the body of the cURL sample is not JSON") from None
    if not fields:
        raise PageError("the section Body lists no field")
    return Body(
        media_type=plain(lines[first]),
        types=frozenset({"object"}),
        fields=fields,
        sample=sample,
        words=reader.words,
        unread=tuple(reader.unread),
    )


def _read_responses(
    sections: dict[str, tuple[int, list[str]]], sample: Any, unread: dict[str, list[str]]
) -> dict[str, Body | None]:
    raw = sections["Response"][1]
    lines = [plain(line) for line in raw]
    starts = [
        (index, head)
        for index, line in enumerate(lines)
        if (head := _STATUS.fullmatch(line)) is not None and (index == 0 or not lines[index - 1])
    ]
    responses: dict[str, Body | None] = {}
    ends = [*(index for index, _ in starts[1:]), len(lines)]
    for (start, head), end in zip(starts, ends, strict=True):
        if head["status"] in responses:
            raise PageError(f"duplicate response {head['status']}")
        # The only sample is that of the response listed first.
        own_sample = sample if not responses else MISSING
        responses[head["status"]] = _read_response(head, raw[start + 1 : end], own_sample, unread)
    return responses


def _read_response(head: re.Match[str], lines: list[str], sample: Any, unread: dict[str, list[str]]) -> Body | None:
    place = f"response {head['status']}"
    bare = [match for line in lines if (match := _BARE_TYPE.fullmatch(plain(line)))]
    if head["media"] is None or bare:
        # Such a response has prose and no fields.
        rest = [line for line in lines if _BARE_TYPE.fullmatch(plain(line)) is None]
        reader = FieldListReader(rest, place=place)
        unread_lines = [*(f"its field {item.name}" for item in reader.read()), *reader.unread]
        if head["media"] is None:
            unread_lines += [not_understood(match[0]) for match in bare]
            unread |= {place: unread_lines} if unread_lines else {}
            return None
        if len(bare) > 1 or not is_type(bare[0]["type"]):
            raise PageError(f"unknown type of a response: {bare[-1]['type']!r}")
        types, nullable, facets = read_types(bare[0]["type"])
        unread_lines += [not_understood(bare[0][0])] if nullable or facets or len(types) != 1 else []
        return Body(
            media_type=head["media"], types=types, sample=sample, words=reader.words, unread=tuple(unread_lines)
        )
    reader = FieldListReader(lines, place=place)
    fields = reader.read()
    if not fields and sample is MISSING:
        raise PageError(f"the {place} has neither fields nor a sample")
    whole = "object[]" if isinstance(sample, list) else "object"
    return Body(
        media_type=head["media"],
        types=frozenset({whole}),
        fields=fields,
        sample=sample,
        words=reader.words,
        unread=tuple(reader.unread),
    )
