"""Lines of a saved page: their form without differences of blanks, and whether one looks like a fact.

A page states facts in lines of a few known forms, and has prose in a few known places. A line that is neither must not
be taken for prose only because nothing else is known of it, so prose that looks like a fact is not understood either.
"""

from __future__ import annotations

import re

LIST_CUT_OFF = "list of values cut off"

# A few words and a colon, such as `Format: uuid`; an address (`https://...`) is none.
_LABELLED = re.compile(r"[^\W\d_][\w/()\[\]' -]{0,39}:(?!//).*")
_COMPARED = re.compile(r"[<>]=?|[\u2264\u2265\u2260]|=>")
# One lower-case word alone: what the pages write badges in (`required`, `read-only`).
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
    """A line without blanks and invisible characters at its ends; what is within stays as it is."""
    previous = ""
    while line != previous:
        previous, line = line, line.strip().strip(_INVISIBLE)
    return line


def plain(line: str) -> str:
    """A line with single blanks in place of tabs, non-breaking spaces and runs of blanks."""
    return " ".join(trimmed(line).split())


def indent_of(line: str) -> int:
    """How many characters of blanks a line begins with."""
    return len(line) - len(line.lstrip())


def looks_like_fact(line: str) -> bool:
    """Whether a plain line says something in the form of a fact, so that it must not pass for prose."""
    return is_cut(line) or any(
        form.fullmatch(line) for form in (_LABELLED, _BADGE, _BADGES, _FOLDED, _MEDIA_TYPE, _STATUS)
    ) or _COMPARED.search(line) is not None  # fmt: skip


def is_cut(line: str) -> bool:
    """Whether a line ends in dots, or says how much more there would be."""
    return _CUT.fullmatch(line) is not None


def not_understood(line: str) -> str:
    """How a line is told that nothing is known of."""
    shown = plain(line)
    return f"the line {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + ' [...]'!r}"
