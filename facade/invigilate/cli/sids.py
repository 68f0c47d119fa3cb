"""`invigilate sid check`: tells what an identifier is, and what is wrong with one. It sends nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from invigilate.errors import InvalidSidError
from invigilate.sids import kind_name, parse_sid

from .exits import ExitCode
from .options import AsJson, add
from .output import for_people, say, to_json

Texts = Annotated[list[str], typer.Argument(metavar="TEXT...", help="Identifiers to check.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Identifiers of SmarterProctoring.", no_args_is_help=True)
    app.add_typer(group, name="sid")
    add(
        group,
        "check",
        _check,
        help="Say which kind an identifier is of, or what is wrong with it. Nothing is sent.\n\n"
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
            wrong, problem = True, f"expected {error.expected}, got {error.given}{_prefix(text)}"
        # What has no shape of a SID may be anybody's secret, and is not repeated.
        shown = text if kind else None
        called = shown or (f"argument {number}" if len(texts) > 1 else "?")
        if json:
            print(
                to_json({"argument": number, "sid": shown, "kind": kind, "valid": kind is not None, "problem": problem})
            )
        else:
            said = kind_name(kind) if kind else problem
            say(*([f"{called}  {said}"] if for_people() else [called, str(said)]))
    if wrong:
        raise typer.Exit(ExitCode.USAGE)


def _prefix(text: str) -> str:
    try:
        parse_sid(text[:2].upper() + text[2:])
    except InvalidSidError:
        return ""
    return " whose first two letters are not in upper case"
