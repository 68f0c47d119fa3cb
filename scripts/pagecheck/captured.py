"""What an operation must say of the page that it was taken from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

EXTENTS = ("full", "partial", "guide")
_MEMBERS = frozenset(
    {"page", "date", "extent", "notes", "unseen", "permissions", "subscription", "beyond-page"},
)


def capture_problems(capture: Mapping[str, Any], *, today: datetime.date | None = None) -> list[str]:
    """What is missing or wrong in an `x-capture`; nothing if it is complete.

    Args:
        capture: the members of `x-capture`.
        today: the day that no transcription can be later than; by default the day that it is anywhere on Earth.
    """
    latest = today or (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=14)).date()
    problems = [f"{name} is no member of x-capture" for name in capture if name not in _MEMBERS]
    page = capture.get("page")
    if not isinstance(page, str) or not _is_address(page):
        problems.append("page must be an https address")
    try:
        date = datetime.date.fromisoformat(str(capture.get("date", "")))
    except ValueError:
        problems.append("date must be a day, as 2026-11-21")
    else:
        if date > latest:
            problems.append(f"date must not be in the future ({date})")
        elif str(capture["date"]) != date.isoformat():
            problems.append("date must be a day, as 2026-11-21")
    extent = capture.get("extent")
    if extent not in EXTENTS:
        problems.append(f"extent must be one of {', '.join(EXTENTS)}")
    notes = capture.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) and note.strip() for note in notes):
        problems.append("notes must be a list of texts")
    if extent in {"partial", "guide"}:
        problems += [
            f"{name} must be there, since extent is {extent}" for name in ("notes", "unseen") if not capture.get(name)
        ]
    elif extent == "full" and "unseen" in capture:
        problems.append("unseen must not be there, since extent is full")
    return problems


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    host = url.hostname or ""
    plain = text.isascii() and text.isprintable() and " " not in text
    return plain and url.scheme == "https" and "." in host.strip(".") and bool(url.path.strip("/")) and not url.username
