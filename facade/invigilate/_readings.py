"""The readings of a string: what it decodes to, each with the positions in the original string.

A server may echo a value escaped for a URL, JSON, HTML or SQL, several times and in any order. Each decoder is applied
to the string and to every result, until nothing new appears; values are then searched in each reading.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

_BUDGET = 200_000
"""The number of characters that may be decoded for one string, to bound the time."""


class Unreadable(Exception):
    """The string has too many readings."""


class Reading(NamedTuple):
    """A decoded string.

    Attributes:
        text: the string.
        spans: where the encoded form of each character starts and ends in the original string.
    """

    text: str
    spans: list[tuple[int, int]]


Decode = Callable[[re.Match[str]], str | None]


def readings(text: str) -> Iterator[Reading]:
    """Iterate over all readings of a string, itself first.

    Raises:
        Unreadable: if there are too many.
    """
    waiting = [Reading(text, [(at, at + 1) for at in range(len(text))])]
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
    """Return a reading without case, composition of characters and width of spaces."""
    plain = _replaced(reading, _NOT_ASCII, lambda match: _fold(match[0]))
    spaced = _replaced(plain, _SPACES, lambda _: " ")
    return spaced._replace(text=spaced.text.lower())  # only ASCII is left


def fold(text: str) -> str:
    """Return the folded form of a string; see `folded`."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return folded(Reading(text, [(0, 0)] * len(text))).text.strip()


def _replaced(reading: Reading, pattern: re.Pattern[str], decode: Decode) -> Reading:
    text, spans = reading
    parts: list[str] = []
    new_spans: list[tuple[int, int]] = []
    at = 0
    for match in pattern.finditer(text):
        new = decode(match)
        if new is None:
            continue
        begin, end = match.span()
        parts += text[at:begin], new
        new_spans += spans[at:begin]
        whole = spans[begin][0], spans[end - 1][1]
        new_spans += [whole] * len(new)
        if not new and new_spans:
            new_spans[-1] = new_spans[-1][0], whole[1]  # a mark belongs to the character before it
        at = end
    return Reading("".join(parts) + text[at:], new_spans + spans[at:]) if parts else reading


def _character(number: int) -> str | None:
    return chr(number) if number <= 0x10FFFF else None


def _hex(match: re.Match[str]) -> str | None:
    return _character(int(match[match.lastindex or 0], 16))


def _entity(match: re.Match[str]) -> str | None:
    if match[1] or match[2]:
        return _character(int(match[1]) if match[1] else int(match[2], 16))
    from html import unescape  # late: only errors need it

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
    return None if _CONTROL.search(decoded) else decoded  # with control characters, it was not base64


@lru_cache(1000)
def _fold(character: str) -> str:
    # Twice: folding the case of a composed character may leave a mark.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = (each for each in text if unicodedata.category(each) not in {"Mn", "Mc", "Me", "Cf"})
    return "".join(kept).casefold().replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]{2,}|[^\S ]|[\x00-\x1f\x7f]")

_CP1252 = {bytes([byte]).decode("cp1252"): byte for byte in range(0x80, 0xA0) if byte not in b"\x81\x8d\x8f\x90\x9d"}
_MORE = f"[\x80-\xbf{''.join(_CP1252)}]"

_DECODERS: tuple[tuple[re.Pattern[str], Decode], ...] = (
    # Forms and URLs. Bytes beyond ASCII are joined below.
    (re.compile(r"\+"), lambda _: " "),
    (re.compile(r"%(?:u([0-9a-f]{4})|([0-9a-f]{2}))", re.IGNORECASE), _hex),
    # HTML.
    (re.compile(r"&(?:#0*(\d{1,7})(?!\d)|#x0*([0-9a-f]{1,6})(?![0-9a-f])|[a-z]\w{1,31});?", re.IGNORECASE), _entity),
    # JSON, JavaScript, and Python's repr(), of bytes too.
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
    # UTF-8 that was decoded as Latin-1 or cp1252.
    (re.compile(f"[\xc2-\xdf]{_MORE}|[\xe0-\xef]{_MORE}{{2}}|[\xf0-\xf4]{_MORE}{{3}}"), _joined),
    (re.compile(r"([A-Za-z0-9+/]{6,})={0,2}"), _base64),
    (re.compile(r"(?<![A-Za-z0-9_-])([A-Za-z0-9]*[_-][A-Za-z0-9_-]*)={0,2}"), _base64),
)
