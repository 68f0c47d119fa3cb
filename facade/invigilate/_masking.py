"""Keeps what is sensitive out of texts that people see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from ._shapes import is_list, is_object

MASK = "***"
_LONGEST = 300

_PERSONAL = re.compile(
    # An e-mail address. It begins where such a text begins: tried from each letter, a long text would take minutes.
    r"(?<![\w.!#$&*+/=?^`{|}~%'-])[\w.!#$&*+/=?^`{|}~%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"
    r"|\beyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?"  # a JSON web token
    r"|\b(?:tok|card|pm|src|sk|pk|rk)_[A-Za-z0-9_]{6,}"  # a token of the payment service
    r"|(?<![\w-])\+?\(?\d(?:[ ().-]{0,3}\d){8,18}(?![\w-])"  # a card or phone number
)
_SHOWABLE_SEGMENT = re.compile(r"[A-Z]{2}[0-9a-f]{32}|[A-Za-z][A-Za-z-]{0,39}|v\d{1,3}|\{\w{1,40}\}")


class Masker:
    """Masks the sensitive values of one call wherever they appear.

    Args:
        secrets: what the caller sent in sensitive fields, and credentials.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret.strip() for form in _forms(secret)}
        # The longest first, so that a secret that contains another is masked as a whole. A short one is masked
        # only where it stands alone: within words it would tear any message apart.
        parts = [
            re.escape(form) if len(form) >= 4 else rf"(?<!\w){re.escape(form)}(?!\w)"
            for form in sorted(forms, key=len, reverse=True)
        ]
        self._secrets = re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def __repr__(self) -> str:
        return "<Masker>"

    def mask(self, text: str) -> str:
        """Mask the sensitive values, and whatever looks like a person's data, in a text."""
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        return _PERSONAL.sub(MASK, text)

    def line(self, text: str) -> str:
        """Make one short line of a text, masked."""
        # Once before, and once after, since a secret may come broken by line breaks.
        flat = self.mask(" ".join("".join(c if c.isprintable() else " " for c in self.mask(text)).split()))
        return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 3] + "..."

    def mask_chain(self, error: BaseException | None) -> None:
        """Mask the texts of an error and its causes: some quote the bytes that came."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = tuple(self.mask(arg) if isinstance(arg, str) else arg for arg in error.args)
            if isinstance(error, OSError) and isinstance(error.strerror, str):
                error.strerror = self.mask(error.strerror)  # this is what its text is made of
            error = error.__cause__ or error.__context__


def _forms(secret: str) -> set[str]:
    """The ways in which a server may write a text back."""
    from html import escape  # late: it is needed for errors alone

    escaped = json.dumps(secret)[1:-1]
    return {
        secret,
        " ".join(secret.split()),
        secret.strip(),
        escaped,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        escaped.replace("/", "\\/"),
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(escaped)[1:-1],
        escape(secret),
        escape(secret).replace("&#x27;", "&#39;"),
        escape(secret).replace("&#x27;", "'"),
        # How Python quotes what it could not read, in the texts of broken HTTP.
        repr(secret)[1:-1],
        repr(secret.encode("utf-8", "surrogatepass"))[2:-1],
    }


def sensitive_values(fields: Iterable[Any], arguments: Mapping[str, Any]) -> list[str]:
    """Collect the texts that were given in sensitive fields, nested ones included."""
    return [text for field in fields for text in _collect(field, arguments.get(field.name or field.wire))]


def _collect(field: Any, value: Any) -> Iterator[str]:
    if field.sensitive:
        yield from texts_within(value)
    elif field.kind == "union":
        for option in field.fields:
            yield from _collect(option, value)
    elif field.kind == "object" and is_object(value):
        yield from sensitive_values(field.fields, value)
    elif field.kind == "array" and is_list(value) and field.items is not None:
        for item in value:
            yield from _collect(field.items, item)


def texts_within(value: Any) -> Iterator[str]:
    """All texts and numbers in a JSON value, as texts."""
    if is_object(value):
        for item in value.values():
            yield from texts_within(item)
    elif is_list(value):
        for item in value:
            yield from texts_within(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def shown_path(path: str) -> str:
    """Give a path without its query, and without segments that look like neither words nor SIDs."""
    segments = path.split("?", 1)[0].split("/")
    return "/".join(part if not part or _SHOWABLE_SEGMENT.fullmatch(part) else "..." for part in segments)
