"""`invigilate api` and `invigilate apis`: all operations of all registered APIs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand

from invigilate import _apis
from invigilate._apis import API
from invigilate.errors import APIError

from .changes import change
from .fields import Describe, operation_of, option_name, plain_name, summary
from .options import AsJson, Columns, DryRun, Group, MaxRows, Passed, add, bind, column_names, new_group
from .output import list_all, listing, note, show_result
from .plans import plan, show_plans
from .registry import Resource, client_of, only_reads, operations, resources

_COLUMNS = ("operation", "idempotent", "method", "path", "documentation")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(
        app,
        "apis",
        _apis_command,
        help="List the operations of all APIs: whether they are idempotent, what they send, and their page.\n\n"
        "Sends nothing.",
        examples=["invigilate apis", "invigilate apis --json"],
    )
    add_apis(app, "api", "Run any operation of an API: `invigilate api API RESOURCE OPERATION`.", Resources)


def add_apis(app: typer.Typer, name: str, help: str, resources: type[Resources]) -> None:
    """Add a group with the resources of each API."""
    group = new_group(app, name, help)
    for api in _apis.APIS:
        kind = type("_ResourcesOfOneAPI", (resources,), {"api": api})
        group.add_typer(typer.Typer(name=api.key, cls=kind, help=f"Operations of {api.title}.", no_args_is_help=True))


def _apis_command(json: AsJson = False) -> None:
    rows = [
        {"operation": f"{api.key} {name}", **{key: getattr(operation_of(describe), key) for key in _COLUMNS[1:]}}
        for api in _apis.APIS
        for name, describe in operations(api).items()
    ]
    listing(rows, _COLUMNS, as_json=json)


class _Words(Group):
    """A group whose commands are created when they are used: to list resources imports no operation.

    Attributes:
        words: what the commands are created from, by name.
    """

    words: Any

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.words)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Names may also be written as in Python.
        return super().resolve_command(ctx, [plain_name(args[0]).replace("_", "-"), *args[1:]])


class Resources(_Words):
    """The resources of an API, and the commands that their operations become."""

    api: API

    @cached_property
    def words(self) -> dict[str, Resource]:
        """See `_Words`."""
        return resources(self.api)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the group of a resource."""
        resource = self.resource(cmd_name)
        if resource is None:
            return None
        found = _Operations(name=cmd_name, help=resource.help, no_args_is_help=True)
        found.words, found.command = resource.operations, self.command
        return found

    def resource(self, name: str) -> Resource | None:
        """Return a resource, with the operations that are commands."""
        return self.words.get(name)

    @staticmethod
    def command(name: str, describe: Describe) -> Any:
        """Return the command that runs an operation."""
        operation = operation_of(describe)
        idempotent = "Idempotent." if operation.idempotent else "Not idempotent: it is sent once, and not retried."
        help = f"{summary(describe)}\n\n{operation.method} {operation.path}. {idempotent}"
        function: Callable[..., None] = change
        if operation.pagination is not None:
            function = rows
        elif only_reads(name, operation):
            function = read
        app = typer.Typer(add_completion=False)
        bind(app, name, describe, help=help, shows_times=True)(function)
        return typer.main.get_command(app)


class _Operations(_Words):
    """The operations of a resource.

    Attributes:
        command: creates the command of one.
    """

    command: Callable[[str, Describe], Any]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what help and completion show; only the command that is run has options."""
        bound = self.words.get(cmd_name)
        return None if bound is None else TyperCommand(cmd_name, help=summary(bound.describe).partition("\n")[0])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and self.command(name, self.words[name].describe), rest


def read(passed: Passed, json: AsJson = False, columns: Columns = None, dry_run: DryRun = False) -> None:
    """Print what an operation returns that only reads."""
    rows(passed, json, columns, dry_run)


def rows(
    passed: Passed, json: AsJson = False, columns: Columns = None, dry_run: DryRun = False, max_rows: MaxRows = None
) -> None:
    """Print the rows of an operation that pages."""
    names = column_names(columns, as_json=json)
    item = plan(passed.describe, passed.arguments)
    if dry_run:
        show_plans([item], as_json=json)
        return
    call: Any = item.call
    with client_of(passed.describe) as client:
        if call.operation.pagination is None:
            show_result(client.execute(call), as_json=json, place=passed.place, names=names)
        else:
            list_all(_read(client.pages(call), passed, call, max_rows), as_json=json, place=passed.place, names=names)


def _read(pager: Any, passed: Passed, call: Any, most: int | None) -> Iterator[Any]:
    """Yield rows; if this ends before the last one, report that, and which option continues."""
    here, left = passed.arguments.get(call.pagination.parameter), most
    try:
        for page in pager.pages():
            for number, row in enumerate(page, 1):
                yield row
                left = None if left is None else left - 1
                if left == 0:
                    _stopped(here if number < len(page) else pager.cursor, call, most, within=number < len(page))
                    return
            here = pager.cursor
    except (APIError, KeyboardInterrupt):
        if here:
            note(f"to continue: {_option(here, call)}")
        raise


def _stopped(cursor: str | int | None, call: Any, most: int | None, *, within: bool) -> None:
    if not within and cursor is None:
        return
    note(f"stopped at --max-rows {most}: more rows may follow")
    size = call.pagination.limit
    advances = f"; a {option_name(size)} of at most {most} advances" if within and size else ""
    if cursor:
        again = f"; the rows of that page come again{advances}" if within else ""
        note(f"to continue: {_option(cursor, call)}{again}")
    elif advances:
        note(f"with a {option_name(size)} of at most {most}, the option that continues is shown here")


def _option(cursor: str | int, call: Any) -> str:
    return f"{option_name(call.pagination.parameter)} {shlex.quote(str(cursor))}"
