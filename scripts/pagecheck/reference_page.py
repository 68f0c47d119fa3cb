"""Reads the reference pages of developers.smarterservices.com, saved as text.

Such a page has the method, the path in pieces, a cURL sample, a JSON sample of the answer, and
then sections with typed lists.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .facts import MISSING, Body, Field, Page, PageError
from .fieldlists import FieldListReader, is_type, read_types, starts_field

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_BANNER = "Documentation Index"
_PARAMETER_SECTIONS = {"Path Parameters": "path", "Query Parameters": "query", "Headers": "header"}
_SECTIONS = ("Authorizations", *_PARAMETER_SECTIONS, "Cookies", "Body", "Response")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+")
_STATUS = re.compile(r"(?P<status>default|[1-5](?:\d\d|XX))(?: - (?P<media>[\w.+-]+/[\w.+*-]+))?")
_BARE_TYPE = re.compile(r"The response is of type (?P<type>.+)\.")
_SAMPLE_OPTIONS = frozenset({"--request", "--url", "--header", "--data", "--data-raw"})


def is_reference_page(lines: list[str]) -> bool:
    """Whether a text looks like such a page, complete or not."""
    return any(line.startswith("curl ") for line in lines) and any(line in _METHODS for line in lines[:5])


def read_reference_page(file: str, lines: list[str]) -> Page:
    """All facts of a reference page."""
    method, path, index = _read_address(lines)
    title = lines[index] if index < len(lines) else ""
    start = _find(lines, index, lambda line: line.startswith("curl "), "the cURL sample")
    words = sum(1 for line in lines[index + 1 : start] if line)
    curl, index = _read_curl(lines, start)
    sections = _split_sections(lines, index)
    answer_sample = _read_answer_sample(lines, index, min(start for start, _ in sections.values()))
    url = urlsplit(curl["--url"][0])
    if curl["--request"] != [method] or url.path != path:
        raise PageError(f"the cURL sample is for another operation than {method} {path}")

    security = _read_security(sections)
    parameters = {
        place: FieldListReader(sections[title][1], place=title).read()
        for title, place in _PARAMETER_SECTIONS.items()
        if title in sections
    }
    if "Cookies" in sections:
        raise PageError("cookies are not expected on a page of this API")
    _check_curl_headers(curl, security, parameters.get("header", ()), "Body" in sections)
    return Page(
        file=file,
        method=method,
        path=path,
        host=url.netloc,
        security=security,
        parameters=parameters,
        body=_read_body(sections, curl),
        answers=_read_answers(sections, answer_sample),
        title=title,
        secure=url.scheme == "https",
        remarks=_remarks(sections, words),
    )


def _find(lines: list[str], start: int, test: Callable[[str], bool], what: str) -> int:
    for index in range(start, len(lines)):
        if test(lines[index]):
            return index
    raise PageError(f"no sign of {what}")


def _read_address(lines: list[str]) -> tuple[str, str, int]:
    index = _find(lines, 0, lambda line: line in _METHODS, "the method")
    method = lines[index]
    index += 1
    pieces: list[str] = []
    # A slash and a segment take turns; the title comes where a slash would.
    while index + 1 < len(lines) and lines[index] == "/":
        pieces.append(lines[index + 1])
        index += 2
    if not pieces or not all(pieces):
        raise PageError("no sign of the path")
    return method, "/" + "/".join(pieces), index


def _read_curl(lines: list[str], start: int) -> tuple[dict[str, list[str]], int]:
    """The options of the cURL sample, and the index of the line after it."""
    words: list[str] = []
    for end in range(start + 1, len(lines) + 1):
        if lines[end - 1].endswith("\\"):
            continue
        try:
            words = shlex.split("\n".join(lines[start:end]).replace("\\\n", " "))
        except ValueError:  # a quotation is still open
            continue
        break
    else:
        raise PageError("the cURL sample breaks off")
    options: dict[str, list[str]] = {name: [] for name in _SAMPLE_OPTIONS}
    for name, value in zip(words[1::2], words[2::2], strict=False):
        if name not in options:
            raise PageError(f"unknown option {name} in the cURL sample")
        options[name].append(value)
    if len(words) % 2 == 0 or len(options["--request"]) != 1 or len(options["--url"]) != 1:
        raise PageError("the cURL sample lacks its method or address")
    return options, end


def _split_sections(lines: list[str], start: int) -> dict[str, tuple[int, list[str]]]:
    """The lines of each section by title. A title counts only where its section can follow."""
    found: list[tuple[str, int]] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line not in _SECTIONS or any(line == title for title, _ in found):
            continue
        below = _find_text(lines, index + 1)
        if below is None or lines[index - 1]:
            continue
        if line == "Body":
            fits = _MEDIA_TYPE.fullmatch(lines[below]) is not None
        elif line == "Response":
            fits = _STATUS.fullmatch(lines[below]) is not None
        else:
            fits = starts_field(lines, below)
        if fits:
            found.append((line, index))
    titles = [title for title, _ in found]
    if "Response" not in titles or "Authorizations" not in titles:
        raise PageError("the section Authorizations or Response is missing; is the page cut off?")
    ends = [index for _, index in found[1:]] + [len(lines)]
    return {title: (index, lines[index + 1 : end]) for (title, index), end in zip(found, ends, strict=True)}


def _find_text(lines: list[str], start: int) -> int | None:
    return next((index for index in range(start, len(lines)) if lines[index]), None)


def _read_answer_sample(lines: list[str], start: int, end: int) -> Any:
    """The JSON sample between the cURL sample and the sections (before the banner, if any)."""
    block = lines[start:end]
    if _BANNER in block:
        block = block[: block.index(_BANNER)]
    text = "\n".join(block).strip()
    if not text:
        return MISSING
    try:
        return json.loads(text)
    except ValueError:
        raise PageError("the sample of the answer is no JSON text; is it cut off?") from None


def _remarks(sections: dict[str, tuple[int, list[str]]], words: int) -> tuple[str, ...]:
    """Where the page has words that belong to no parameter and no body."""
    found = [f"{words} line{'s' if words > 1 else ''} between the heading and the cURL sample"] if words else []
    credentials = FieldListReader(sections["Authorizations"][1], place="Authorizations").read()
    found += [f"the authorization {item.name}" for item in credentials if item.words]
    status = ""
    for line in sections["Response"][1]:
        head = _STATUS.fullmatch(line)
        if head is not None:
            status = "" if head["media"] else head["status"]
        elif line and status:
            found.append(f"answer {status}, which has no body")
            status = ""
    return tuple(found)


def _read_security(
    sections: dict[str, tuple[int, list[str]]],
) -> frozenset[tuple[str, str, str]]:
    lines = sections["Authorizations"][1]
    credentials: set[tuple[str, str, str]] = set()
    for item in FieldListReader(lines, place="Authorizations").read():
        below = lines.index(item.name) + 2
        places = [line for line in lines[below : below + 2] if line in {"header", "query"}]
        if list(item.types) != ["string"] or not item.required or len(places) != 1:
            raise PageError(f"the authorization {item.name} is of an unknown kind")
        credentials.add(("apiKey", item.name, places[0]))
    return frozenset(credentials)


def _check_curl_headers(
    curl: dict[str, list[str]],
    security: frozenset[tuple[str, str, str]],
    headers: tuple[Field, ...],
    has_body: bool,
) -> None:
    """The page must agree with itself, or it is not known which half to believe."""
    known = {name for _, name, place in security if place == "header"}
    known |= {item.name for item in headers}
    if has_body:
        known.add("Content-Type")
    sent = {header.split(":", 1)[0] for header in curl["--header"]}
    if sent - known:
        raise PageError(f"the cURL sample sends {sorted(sent - known)}, which no section explains")


def _read_body(sections: dict[str, tuple[int, list[str]]], curl: dict[str, list[str]]) -> Body | None:
    data = curl["--data"] + curl["--data-raw"]
    if "Body" not in sections:
        if data:
            raise PageError("the cURL sample sends a body, and there is no section Body")
        return None
    lines = sections["Body"][1]
    first = _find_text(lines, 0)
    assert first is not None  # the section was recognised by this line
    reader = FieldListReader(lines[first + 1 :], place="Body")
    fields = reader.read()
    sample: Any = MISSING
    if data:
        try:
            sample = json.loads(data[0])
        except ValueError:
            raise PageError("the body of the cURL sample is no JSON text") from None
    if not fields:
        raise PageError("the section Body lists no member")
    whole = frozenset({"object"})
    return Body(media_type=lines[first], types=whole, fields=fields, sample=sample, words=reader.words)


def _read_answers(sections: dict[str, tuple[int, list[str]]], sample: Any) -> dict[str, Body | None]:
    lines = sections["Response"][1]
    starts = [
        index
        for index, line in enumerate(lines)
        if _STATUS.fullmatch(line) is not None and (index == 0 or not lines[index - 1])
    ]
    answers: dict[str, Body | None] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        head = _STATUS.fullmatch(lines[start])
        assert head is not None
        # The page shows one sample, that of the answer which it lists first.
        own_sample = sample if start == starts[0] else MISSING
        answers[head["status"]] = _read_answer(head, lines[start + 1 : end], own_sample)
    return answers


def _read_answer(head: re.Match[str], lines: list[str], sample: Any) -> Body | None:
    media_type = head["media"]
    if media_type is None:
        return None
    bare = next((match for line in lines if (match := _BARE_TYPE.fullmatch(line))), None)
    if bare is not None:
        if not is_type(bare["type"]):
            raise PageError(f"unknown type of an answer: {bare['type']!r}")
        types, _, _ = read_types(bare["type"])
        words = " ".join(line for line in lines if line and line != bare[0])
        return Body(media_type=media_type, types=types, sample=sample, words=words)
    reader = FieldListReader(lines, place="Response")
    fields = reader.read()
    if not fields and sample is MISSING:
        raise PageError(f"the answer {head['status']} has neither members nor a sample")
    whole = "object[]" if isinstance(sample, list) else "object"
    types = frozenset({whole})
    return Body(media_type=media_type, types=types, fields=fields, sample=sample, words=reader.words)
