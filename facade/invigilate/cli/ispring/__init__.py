"""Commands for iSpring Learn."""

from __future__ import annotations

import typer

from . import training


def register(app: typer.Typer) -> None:
    """Add the commands."""
    training.register(app)
