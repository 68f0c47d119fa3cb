"""`invigilate apis` and `invigilate call`: all operations of all registered APIs."""

from __future__ import annotations

import copy
from itertools import islice
from typing import Annotated, Any

import typer

from invigilate import _apis
from invigilate._apis import API

from .checks import meaningful
from .confirm import confirm
from .exits import ExitCode
from .fields import Describe, operation_of, summary
from .interrupts import maybe_sent, signals_as_ctrl_c
from .options import COMMANDS, AsJson, DryRun, Group, Passed, Yes, add, bind, new_group
from .output import list_all, listing, named, show_result
from .plans import plan, show_plans
from .printing import printed
from .registry import client_of, operations

_COLUMNS = ("api", "operation", "idempotent", "command", "documentation")

MaxRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many rows.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(
        app,
        "apis",
        _apis_command,
        help="List the operations of all APIs: whether they are idempotent, their command, and their page.\n\n"
        "Sends nothing.",
        examples=["invigilate apis", "invigilate apis --json"],
    )
    group = new_group(app, "call", "Call any operation of an API. `invigilate apis` lists them.")
    for api in _apis.APIS:
        kind = type("_OperationsOfOneAPI", (_Operations,), {"api": api})
        group.add_typer(typer.Typer(name=api.key, cls=kind, help=f"Operations of {api.title}.", no_args_is_help=True))


def _apis_command(json: AsJson = False) -> None:
    rows = [_row(api, name, describe) for api in _apis.APIS for name, describe in operations(api).items()]
    listing(rows, [named(name) for name in _COLUMNS], as_json=json)


def _row(api: API, name: str, describe: Describe) -> dict[str, Any]:
    operation = operation_of(describe)
    return {
        "api": api.key,
        "operation": name,
        "idempotent": operation.idempotent,
        "command": COMMANDS.get(describe),
        "method": operation.method,
        "path": operation.path,
        "documentation": operation.documentation,
    }


class _Operations(Group):
    """The operations of an API; each becomes a command when it is used."""

    api: API

    def list_commands(self, ctx: Any) -> list[str]:
        return list(operations(self.api))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        name = cmd_name.replace("-", "_")
        describe = operations(self.api).get(name)
        if describe is None:
            return None
        if describe in COMMANDS:
            # An operation with a command of its own is that command: it knows more of what can go wrong.
            found: Any = ctx.find_root().command
            for part in COMMANDS[describe].split():
                found = found.commands[part]
            found = copy.copy(found)
            found.name = name
            return found
        app = typer.Typer(add_completion=False)
        _bind(app, name, describe)
        return typer.main.get_command(app)


def _bind(app: typer.Typer, name: str, describe: Describe) -> None:
    operation = operation_of(describe)
    only_reads = operation.idempotent and operation.method in {"GET", "POST"}
    idempotent = "Idempotent." if operation.idempotent else "Not idempotent: it is sent once, and not retried."
    help = f"{summary(describe)}\n\n{operation.method} {operation.path}. {idempotent}"
    function = _rows if operation.pagination is not None else _read if only_reads else meaningful(_change)
    bind(app, name, describe, help=help, shows_times=True, in_call=True)(function)


def _read(passed: Passed, json: AsJson = False, dry_run: DryRun = False) -> None:
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=json)
        return
    with client_of(passed.describe) as client:
        found = client.execute(item.call)
    show_result(found, as_json=json, place=passed.place)


def _rows(passed: Passed, json: AsJson = False, dry_run: DryRun = False, max_rows: MaxRows = None) -> None:
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=json)
        return
    call: Any = item.call
    with client_of(passed.describe) as client:
        list_all(islice(client.pages(call), max_rows), as_json=json, place=passed.place)


def _change(passed: Passed, json: AsJson = False, dry_run: DryRun = False, yes: Yes = False) -> None:
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=json)
        return
    with signals_as_ctrl_c(), client_of(passed.describe) as client:
        confirm([str(item)], "Send it", yes=yes)
        try:
            found = client.execute(item.call)
        except KeyboardInterrupt:
            raise maybe_sent(item) from None
        code = printed(
            lambda: show_result(found, as_json=json, place=passed.place), "the request succeeded, but its response"
        )
    if code is not ExitCode.OK:
        raise typer.Exit(code)
