"""Lines of a saved page: normalizes white space, and recognizes lines that look like facts.

Facts are in lines of a few known forms, and prose in a few known places. An unknown line must not pass for prose, so
prose that looks like a fact counts as not understood.
"""

from __future__ import annotations

import re

LIST_CUT_OFF = "list of values cut off"

_FACT_LIKE = (
    # A few words and a colon, such as `Format: uuid`, but not a URL.
    r"[^\W\d_][\w/()\[\]' -]{0,39}:(?!//).*",
    # A single lower-case word, as in badges (`required`, `read-only`).
    r"[a-z]+(?:-[a-z]+)*",
    r"(?i:required|optional|deprecated|nullable|read[- ]?only|write[- ]?only|unique|default|beta|preview|experimental)",
    # What folds and unfolds fields.
    r"(?i:(?:(?:show|hide|view|expand|collapse)\b.*)?\b(?:attributes|properties|fields|options|more|less|all))",
    r"(?:[-\u2013\u2014] *)?(?:application|audio|image|multipart|text|video)/\S+",
    r"(?:default|[1-5](?:\d\d|XX|xx))(?: ?[-\u2013\u2014:].*| [A-Z].*)?",
    r".*(?:[<>]=?|[\u2264\u2265\u2260]|=>).*",
)
_LOOKS_LIKE_FACT = re.compile("|".join(f"(?:{form})" for form in _FACT_LIKE))
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


def looks_like_fact(line: str) -> bool:
    """Return whether a plain line looks like a fact, so that it must not pass for prose."""
    return is_cut(line) or _LOOKS_LIKE_FACT.fullmatch(line) is not None


def is_cut(line: str) -> bool:
    """Return whether a line ends in dots, or announces more."""
    return _CUT.fullmatch(line) is not None


def not_understood(line: str) -> str:
    """Describe a line that is not understood."""
    shown = plain(line)
    return f"the line {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + ' [...]'!r}"
