"""`invigilate demo`: a short tour, run by the commands themselves against a sandbox."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated

import typer

from invigilate.cli.options import add
from invigilate.cli.output import console, for_people
from invigilate.cli.sandbox import check_installed

Seed = Annotated[int, typer.Option(metavar="N", help="The seed of all data.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(
        app,
        "demo",
        _demo,
        help="Schedule an exam session and count a report, against a sandbox on this machine. Needs no credentials.",
        examples=["invigilate demo"],
    )


def _demo(seed: Seed = 7) -> None:
    check_installed()
    from invigilate.sandbox import Sandbox

    with Sandbox(seed=seed) as sandbox:
        session = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
        booking = f"sessions schedule {session} --type automated --amount 25 --currency USD --secret card_token"
        time = "--appointment-date-time 2026-12-01T09:00 --timezone Europe/Berlin"
        before = dict(os.environ)
        os.environ.update(sandbox.environment, INVIGILATE_CARD_TOKEN="tok_of_the_demo")
        try:
            _title("An enrolled person has an exam session that is not scheduled yet:")
            _run(
                f"sessions list --enrollment-sid {sandbox.enrollment_sid} --exam-sid {sandbox.exam_sid} "
                "--include-active true"
            )
            _title("The request that would schedule it, with sensitive values masked. Nothing is sent:")
            _run(f"{booking} {time} --dry-run")
            _title("Scheduled, and the card is charged:")
            _run(f"{booking} {time} --yes")
            _title(f"Charges in the sandbox: {', '.join(f'{c.amount} {c.currency}' for c in sandbox.ledger)}")
            _title("All sessions of the install, counted:")
            _run("report --bars")
        finally:
            os.environ.clear()
            os.environ.update(before)


def _title(text: str) -> None:
    print()
    if for_people():
        console().print(text, style="bold")
    else:
        print(text)


def _run(line: str) -> None:
    from invigilate.cli.app import run

    print(f"$ invigilate {line}", flush=True)
    code = run(shlex.split(line))
    sys.stdout.flush()
    if code:
        raise typer.Exit(code)
