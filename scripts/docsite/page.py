"""A page of the documentation site, before it is built."""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """A page in Markdown and its place on the site."""

    path: str
    """Where it stands, such as `reference/smarterproctoring/exam_sessions/schedule.md`."""
    title: str
    section: tuple[str, ...]
    """The headings above it in the navigation, outermost first."""
    text: str
    """Markdown; its links are relative to the page."""
    summary: str
    """One line, for llms.txt."""
