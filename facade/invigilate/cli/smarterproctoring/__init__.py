"""Commands for SmarterProctoring."""

from __future__ import annotations

import typer

from . import demo, guards, report, sessions, sids

__all__ = ["guards", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for part in (report, sessions, sids, demo):
        part.register(app)
