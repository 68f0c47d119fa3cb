"""Chooses one of the media types that a specification lists for a body or a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_ANY = frozenset({"*/*", "application/*"})


def choose(content: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the media type to use, without parameters, and its schema: JSON if possible, else fields, else text."""
    found = {_plain(media): (node or {}).get("schema", {}) for media, node in content.items()}
    # A range with a schema other than of a file means JSON: frameworks write it where nobody declared a type.
    found = {JSON if name in _ANY and _is_json(schema) else name: schema for name, schema in found.items()}
    media = min(found, key=_rank)
    return media, found[media]


def is_json(media: str) -> bool:
    """Return whether a media type is JSON, such as `application/problem+json`."""
    return media == JSON or media.endswith(("+json", "/json"))


def has_fields(media: str) -> bool:
    """Return whether a body of a media type is encoded field by field."""
    return is_json(media) or media in {FORM, MULTIPART}


def kind(media: str) -> str:
    """Return how a response of a media type is read: as `json`, `text` or `bytes`."""
    return "json" if is_json(media) else "text" if media.startswith("text/") else "bytes"


def for_generator(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content as the generator knows it: always JSON; of any type where it is not encoded field by field."""
    media, schema = choose(content)
    return {JSON: {"schema": schema if has_fields(media) else {}}}


def _plain(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def _is_json(schema: Any) -> bool:
    return bool(schema) and "format" not in schema and schema.get("contentMediaType", JSON) == JSON


def _rank(media: str) -> int:
    order = (media == JSON, is_json(media), media == FORM, media == MULTIPART, media.startswith("text/"), True)
    return order.index(True)
