"""The readings of a string: what a person or a program may decode it to, each with the way back to the string.

A server may echo a value escaped for a URL, for JSON, for HTML, for SQL, several times over, and in any order. Instead
of listing the forms of a value, each decoder is applied to the string, and to what comes of it, until nothing new
comes; the value is then searched in each reading.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

_BUDGET = 200_000
"""Characters that may be decoded for one string, so that the time is bounded."""


class Unreadable(Exception):
    """The string has more readings than there is time for."""


class Reading(NamedTuple):
    """A decoded string.

    Attributes:
        text: the string.
        starts: where the encoded form of each character begins in the original.
        ends: where it ends.
    """

    text: str
    starts: list[int]
    ends: list[int]


Decode = Callable[[re.Match[str]], str | None]


def readings(text: str) -> Iterator[Reading]:
    """All readings of a string, itself first.

    Raises:
        Unreadable: if there are too many.
    """
    waiting = [Reading(text, list(range(len(text))), list(range(1, len(text) + 1)))]
    seen = {text}
    left = _BUDGET
    for reading in waiting:
        yield reading
        left -= len(reading.text)
        for pattern, decode in _DECODERS:
            decoded = _replaced(reading, pattern, decode)
            if decoded.text not in seen:
                if left <= 0:
                    raise Unreadable
                seen.add(decoded.text)
                waiting.append(decoded)


def folded(reading: Reading) -> Reading:
    """The reading without regard to case, to how characters are composed, and to the width of spaces."""
    plain = _replaced(reading, _NOT_ASCII, lambda match: _fold(match[0]))
    spaced = _replaced(plain, _SPACES, lambda _: " ")
    return spaced._replace(text=spaced.text.lower())  # ASCII, for the rest is folded


def fold(text: str) -> str:
    """The folded form of a string; see `folded`."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return folded(Reading(text, [0] * len(text), [0] * len(text))).text.strip()


def _replaced(reading: Reading, pattern: re.Pattern[str], decode: Decode) -> Reading:
    text, starts, ends = reading
    parts: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    at = 0
    for match in pattern.finditer(text):
        new = decode(match)
        if new is None:
            continue
        begin, end = match.span()
        parts += text[at:begin], new
        new_starts += starts[at:begin]
        new_starts += [starts[begin]] * len(new)
        new_ends += ends[at:begin]
        new_ends += [ends[end - 1]] * len(new)
        if not new and new_ends:
            new_ends[-1] = ends[end - 1]  # a mark belongs to what it stands on
        at = end
    if not parts:
        return reading
    return Reading("".join(parts) + text[at:], new_starts + starts[at:], new_ends + ends[at:])


def _character(number: int) -> str | None:
    return chr(number) if number <= 0x10FFFF else None


def _hex(match: re.Match[str]) -> str | None:
    return _character(int(match[match.lastindex or 0], 16))


def _entity(match: re.Match[str]) -> str | None:
    if match[1] or match[2]:
        return _character(int(match[1]) if match[1] else int(match[2], 16))
    from html import unescape  # late: it is needed for errors alone

    name = match[0]
    return next((text for text in (unescape(name), unescape(name.lower())) if text not in {name, name.lower()}), None)


_CONTROLS = dict(zip("abefnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))


def _escape(match: re.Match[str]) -> str | None:
    if match[1]:
        return _CONTROLS.get(match[1].lower(), match[1])
    return chr(int(match[2], 8)) if match[2] else _hex(match)


def _joined(match: re.Match[str]) -> str | None:
    raw = bytes(ord(character) if character <= "\xff" else _CP1252[character] for character in match[0])
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _base64(match: re.Match[str]) -> str | None:
    text = match[1].translate({ord("-"): "+", ord("_"): "/"})
    try:
        decoded = b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
    return None if _CONTROL.search(decoded) else decoded  # with controls, it is a word that was no base64


@lru_cache(1000)
def _fold(character: str) -> str:
    # Twice, since folding the case of a composed character may leave a mark, and so does composing.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = (each for each in text if unicodedata.category(each) not in {"Mn", "Mc", "Me", "Cf"})
    return "".join(kept).casefold().replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]{2,}|[^\S ]|[\x00-\x1f\x7f]")

_CP1252 = {bytes([byte]).decode("cp1252"): byte for byte in range(0x80, 0xA0) if byte not in b"\x81\x8d\x8f\x90\x9d"}
_MORE = f"[\x80-\xbf{''.join(_CP1252)}]"

_DECODERS: tuple[tuple[re.Pattern[str], Decode], ...] = (
    # A form, and a URL. What is not ASCII comes as bytes, which are joined below.
    (re.compile(r"\+"), lambda _: " "),
    (re.compile(r"%(?:u([0-9a-f]{4})|([0-9a-f]{2}))", re.IGNORECASE), _hex),
    # HTML.
    (re.compile(r"&(?:#0*(\d{1,7})(?!\d)|#x0*([0-9a-f]{1,6})(?![0-9a-f])|[a-z]\w{1,31});?", re.IGNORECASE), _entity),
    # JSON, JavaScript, and what Python's repr() writes, of bytes too.
    (
        re.compile(
            r"\\(?:([^0-7ux])|([0-7]{1,3})|u\{([0-9a-f]{1,6})\}|(?-i:U)(00(?:0[0-9a-f]|10)[0-9a-f]{4})"
            r"|u([0-9a-f]{4})|x([0-9a-f]{2}))",
            re.IGNORECASE | re.DOTALL,
        ),
        _escape,
    ),
    # SQL and CSV.
    (re.compile(r"(['\"`])\1"), lambda match: match[1]),
    (
        re.compile("[\ud800-\udbff][\udc00-\udfff]"),
        lambda match: match[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"),
    ),
    # UTF-8 that was read as Latin-1 or cp1252.
    (re.compile(f"[\xc2-\xdf]{_MORE}|[\xe0-\xef]{_MORE}{{2}}|[\xf0-\xf4]{_MORE}{{3}}"), _joined),
    (re.compile(r"([A-Za-z0-9+/]{6,})={0,2}"), _base64),
    (re.compile(r"(?<![A-Za-z0-9_-])([A-Za-z0-9]*[_-][A-Za-z0-9_-]*)={0,2}"), _base64),
)
