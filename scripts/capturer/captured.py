"""Checks `x-capture`, which records the page that an operation was captured from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

EXTENTS = ("full", "partial", "guide", "document")
_FIELDS = frozenset(
    {"page", "date", "extent", "notes", "unseen", "permissions", "subscription"},
)


def capture_problems(capture: Mapping[str, Any], *, today: datetime.date | None = None) -> list[str]:
    """Return what is missing or wrong in an `x-capture`; empty if it is complete.

    Args:
        capture: the fields of `x-capture`.
        today: the latest day allowed; by default the latest day anywhere on Earth.
    """
    latest = today or (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=14)).date()
    problems = [f"{name} is not a field of x-capture" for name in capture if name not in _FIELDS]
    page = capture.get("page")
    if not isinstance(page, str) or not _is_page_url(page):
        problems.append("page must be an https URL")
    try:
        date = datetime.date.fromisoformat(str(capture.get("date", "")))
    except ValueError:
        problems.append("date must be a day, such as 2026-11-21")
    else:
        if date > latest:
            problems.append(f"date must not be in the future ({date})")
        elif str(capture["date"]) != date.isoformat():
            problems.append("date must be a day, such as 2026-11-21")
    extent = capture.get("extent")
    if extent not in EXTENTS:
        problems.append(f"extent must be one of {', '.join(EXTENTS)}")
    notes = capture.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) and note.strip() for note in notes):
        problems.append("notes must be a list of strings")
    required = {"partial": ("notes", "unseen"), "guide": ("notes", "unseen"), "document": ("notes",)}.get(
        str(extent), ()
    )
    problems += [f"{name} is required if extent is {extent}" for name in required if not capture.get(name)]
    if extent == "full" and "unseen" in capture:
        problems.append("unseen is not allowed if extent is full")
    return problems


def _is_page_url(value: str) -> bool:
    try:
        url = urlsplit(value)
    except ValueError:
        return False
    host = url.hostname or ""
    plain = value.isascii() and value.isprintable() and " " not in value
    return plain and url.scheme == "https" and "." in host.strip(".") and bool(url.path.strip("/")) and not url.username
