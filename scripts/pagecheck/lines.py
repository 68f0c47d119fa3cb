"""Lines of a saved page: normalizes white space, and recognizes lines that look like facts.

Facts are in lines of a few known forms, and prose in a few known places. An unknown line must not pass for prose, so
prose that looks like a fact counts as not understood.
"""

from __future__ import annotations

import re

LIST_CUT_OFF = "list of values cut off"

# A few words and a colon, such as `Format: uuid`, but not a URL.
_LABELLED = re.compile(r"[^\W\d_][\w/()\[\]' -]{0,39}:(?!//).*")
_COMPARED = re.compile(r"[<>]=?|[\u2264\u2265\u2260]|=>")
# A single lower-case word, as in badges (`required`, `read-only`).
_BADGE = re.compile(r"[a-z]+(?:-[a-z]+)*")
_BADGES = re.compile(
    r"(?:required|optional|deprecated|nullable|read[- ]?only|write[- ]?only|unique|default|beta|preview|experimental)",
    re.IGNORECASE,
)
_FOLDED = re.compile(
    r"(?:(?:show|hide|view|expand|collapse)\b.*)?\b(?:attributes|properties|fields|options|more|less|all)",
    re.IGNORECASE,
)
_MEDIA_TYPE = re.compile(r"(?:[-\u2013\u2014] *)?(?:application|audio|image|multipart|text|video)/\S+")
_STATUS = re.compile(r"(?:default|[1-5](?:\d\d|XX|xx))(?: ?[-\u2013\u2014:].*| [A-Z].*)?")
_CUT = re.compile(r".*(?:\.\.\.|\u2026)[\"',\])]*|(?:show |and )?\+? ?\d+ more\b.*", re.IGNORECASE)
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_LONGEST = 60


def trimmed(line: str) -> str:
    """Remove white space and invisible characters at both ends of a line."""
    previous = ""
    while line != previous:
        previous, line = line, line.strip().strip(_INVISIBLE)
    return line


def plain(line: str) -> str:
    """Replace tabs, non-breaking spaces and runs of white space in a line by single spaces."""
    return " ".join(trimmed(line).split())


def indent_of(line: str) -> int:
    """Return how many characters a line is indented."""
    return len(line) - len(line.lstrip())


def looks_like_fact(line: str) -> bool:
    """Return whether a plain line looks like a fact, so that it must not pass for prose."""
    return is_cut(line) or any(
        form.fullmatch(line) for form in (_LABELLED, _BADGE, _BADGES, _FOLDED, _MEDIA_TYPE, _STATUS)
    ) or _COMPARED.search(line) is not None  # fmt: skip


def is_cut(line: str) -> bool:
    """Return whether a line ends in dots, or announces more."""
    return _CUT.fullmatch(line) is not None


def not_understood(line: str) -> str:
    """Describe a line that is not understood."""
    shown = plain(line)
    return f"the line {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + ' [...]'!r}"
