"""Masks sensitive values in messages and logs."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from invigilate_runtime import Field, dump

from ._readings import Unreadable, fold, folded, readings
from ._shapes import is_list, is_object

MASK = "***"
_LONGEST = 300
_LONGEST_READ = 8_192

_PERSONAL = re.compile(
    # An e-mail address. Anchored, to avoid quadratic backtracking.
    r"(?<![\w.!#$&*+/=?^`{|}~%'-])[\w.!#$&*+/=?^`{|}~%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"
    r"|\beyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?"  # a JSON web token
    r"|\b(?:tok|card|pm|src|sk|pk|rk)_[A-Za-z0-9_]{6,}"  # a token of the payment service
    r"|(?<![\w-])\+?\(?\d(?:[ ().-]{0,3}\d){8,18}(?![\w-])"  # a card or phone number
)
_SHOWABLE_SEGMENT = re.compile(
    r"[A-Z]{2}[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # a SID, a UUID
    r"|[A-Za-z][A-Za-z_-]{0,39}|v\d{1,3}|\{\w{1,40}\}"
)


class Masker:
    """Masks the sensitive values of one request wherever they appear, however they are encoded.

    Args:
        secrets: the values of sensitive arguments, and credentials.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        needles = {fold(secret) for secret in secrets} - {""}
        self._long = [needle for needle in needles if len(needle) >= 4]
        # Short values are masked as whole words only; otherwise any message would become unreadable.
        short = "|".join(re.escape(needle) for needle in needles.difference(self._long))
        self._short = re.compile(rf"(?<!\w)(?:{short})(?!\w)") if short else None

    def __repr__(self) -> str:
        return "<Masker>"

    def mask(self, text: str) -> str:
        """Mask the sensitive values, and what looks like personal data."""
        parts: list[str] = []
        shown = 0
        try:
            for start, end in sorted(self._found(text)):
                if start > shown or not parts:
                    parts += text[shown:start], MASK
                shown = max(shown, end)
        except Unreadable:
            return MASK
        return "".join(parts) + text[shown:]

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        for reading in readings(text):
            for match in _PERSONAL.finditer(reading.text):
                quotes = len(match[0]) - len(match[0].lstrip("'"))  # quotes around an e-mail address are not part of it
                yield reading.spans[match.start() + quotes][0], reading.spans[match.end() - 1][1]
            plain = folded(reading)
            for needle in self._long:
                at = plain.text.find(needle)
                while at >= 0:
                    yield plain.spans[at][0], plain.spans[at + len(needle) - 1][1]
                    at = plain.text.find(needle, at + 1)
            for match in self._short.finditer(plain.text) if self._short else ():
                yield plain.spans[match.start()][0], plain.spans[match.end() - 1][1]

    def line(self, text: str) -> str:
        """Return a string as one short line, masked."""
        masked = self.mask(text[:_LONGEST_READ])
        # Masked again: line breaks may have split a number.
        flat = self.mask(" ".join("".join(c if c.isprintable() else " " for c in masked).split()))
        if len(flat) <= _LONGEST:
            return flat if len(text) <= _LONGEST_READ else MASK  # otherwise it might end with half a secret
        return flat[: _LONGEST - 3] + "..."

    def mask_chain(self, error: BaseException | None) -> None:
        """Mask the messages of an error and its causes: some quote the response."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = tuple(self.mask(arg) if isinstance(arg, str) else arg for arg in error.args)
            if isinstance(error, OSError) and isinstance(error.strerror, str):
                error.strerror = self.mask(error.strerror)  # its message is built from this
            error = error.__cause__ or error.__context__


def sensitive_values(fields: Iterable[Any], arguments: Mapping[str, Any], names: Container[str] = ()) -> list[str]:
    """Return the values of sensitive arguments as strings, nested ones included.

    Args:
        fields: what the specification says of the arguments.
        arguments: by Python name.
        names: the names of sensitive fields in lower case, for objects that nothing else describes.
    """
    return [
        value
        for field in fields
        for value in _collect(field, dump(arguments.get(field.name or field.wire_name)), names)
    ]


_UNDESCRIBED = Field("", "", "", "any")
_SENSITIVE = _UNDESCRIBED._replace(sensitive=True)


def _collect(field: Field, value: Any, names: Container[str]) -> Iterator[str]:
    if field.sensitive:
        yield from strings_within(value)
    elif field.type == "union":
        for option in field.fields:
            yield from _collect(option, value, names)
    elif is_object(value):
        known = {inner.wire_name: inner for inner in field.fields}
        more = field.additional if isinstance(field.additional, Field) else _UNDESCRIBED
        for key, item in value.items():
            named = more is _UNDESCRIBED and str(key).casefold() in names
            yield from _collect(known.get(key) or (_SENSITIVE if named else more), item, names)
    elif is_list(value):
        for item in value:
            yield from _collect(field.items or _UNDESCRIBED, item, names)


def strings_within(value: Any) -> Iterator[str]:
    """Iterate over all strings and numbers in a value, as they are sent."""
    value = dump(value)
    if is_object(value) or is_list(value):
        for item in value.values() if is_object(value) else value:
            yield from strings_within(item)
    elif value is not None and not isinstance(value, bool):
        yield value[:_LONGEST_READ].decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def shown_path(path: str, secrets: Container[str] = ()) -> str:
    """Return a path without its query; secrets, and all but words, SIDs and UUIDs, become `...`."""
    segments = path.split("?")[0].split("/")
    return "/".join(
        part if not part or (_SHOWABLE_SEGMENT.fullmatch(part) and part not in secrets) else "..." for part in segments
    )
