"""`invigilate sid check`: which kind an identifier is of, or what is wrong with it. It sends nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from invigilate._identifiers import kind_name
from invigilate.cli.exits import ExitCode
from invigilate.cli.options import AsJson, add, new_group
from invigilate.cli.output import for_people, say, to_json
from invigilate.errors import InvalidSidError
from invigilate.smarterproctoring.sids import parse_sid

Texts = Annotated[list[str], typer.Argument(metavar="TEXT...", help="Identifiers to check.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_group(app, "sid", "Identifiers of SmarterProctoring.")
    add(
        group,
        "check",
        _check,
        help="Print which kind an identifier is of, or what is wrong with it. Sends nothing.\n\n"
        "Exits with 2 if any of them is wrong.",
        examples=["invigilate sid check EX1234567890abcdef1234567890abcdef"],
    )


def _check(texts: Texts, json: AsJson = False) -> None:
    wrong = False
    for number, text in enumerate(texts, 1):
        kind = problem = None
        try:
            kind = type(parse_sid(text)).__name__
        except InvalidSidError as error:
            wrong, problem = True, f"expected {error.expected}, got {error.passed}"
        # Anything else may be a secret, and is not shown.
        shown = text if kind else None
        called = shown or (f"argument {number}" if len(texts) > 1 else "?")
        if json:
            print(
                to_json({"argument": number, "sid": shown, "kind": kind, "valid": kind is not None, "problem": problem})
            )
        else:
            result = kind_name(kind) if kind else problem
            say(*([f"{called}  {result}"] if for_people() else [called, str(result)]))
    if wrong:
        raise typer.Exit(ExitCode.USAGE)
