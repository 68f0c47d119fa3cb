"""Commands for SmarterProctoring."""

from __future__ import annotations

import typer

from . import demo, offerings, report, sessions, sids


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for part in (report, sessions, offerings, sids, demo):
        part.register(app)
