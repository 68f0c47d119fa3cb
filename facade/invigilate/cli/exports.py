"""`invigilate export`: writes the rows of any operation that pages to a file, with the options of that operation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .api import Resources, add_apis
from .exits import ExitCode, Failure, usage
from .fields import Describe, operation_of, option_name, summary
from .options import AsJson, Passed, bind
from .output import note, to_json
from .plans import complete
from .progress import progress
from .registry import Resource, client_of

if TYPE_CHECKING:
    from invigilate._clients import SyncClient

_HELP = "Export the rows of an operation to a file: `invigilate export API RESOURCE [OPERATION] --output FILE`."
Output = Annotated[Path, typer.Option(metavar="FILE", help="The file, which ends in .csv, .jsonl or .parquet.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]
CsvSafe = Annotated[
    bool, typer.Option("--csv-safe", help="In CSV, put ' before strings that spreadsheets run as formulas.")
]
Checkpoint = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where rows are kept until all are read, not FILE.checkpoint.")
]
Prefetch = Annotated[int, typer.Option(min=1, max=100, metavar="N", help="Pages fetched ahead.")]
_ROWS = (
    "Split the export by date into parts of at most N rows; if interrupted, it continues after the last complete one."
)
RowsPerPart = Annotated[int | None, typer.Option(min=1, metavar="N", help=_ROWS)]
_OWN = {"path": "--output", "checkpoint": "--checkpoint", "csv_safe": "--csv-safe", "rows": "--rows-per-part"}
_OF_PYTHON = re.compile(r", or format=|True, False or ")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add_apis(app, "export", _HELP, _PagedResources)


class _PagedResources(Resources):
    """The resources of an API that page. The operation may be left out if it is the only one, or called `list`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, resource in self.words.items() if _paged(resource)]

    def resource(self, name: str) -> Resource | None:
        resource = super().resource(name)
        return resource and Resource(f"{resource.help} Without an operation: list.", _paged(resource))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, group, rest = super().resolve_command(ctx, args)
        if group is None:
            return name, group, rest
        known, paged = self.words[name].operations, group.words
        word = rest[0].replace("_", "-") if rest else "--"
        if not paged or (word in known and word not in paged):
            where = f"{self.api.key} {name} {word}" if word in known else f"{self.api.key} {name}"
            raise usage(f"export {where}: it does not page, so it has no rows to export; see invigilate api {where}")
        default = next(iter(paged)) if len(paged) == 1 else "list"
        if default not in paged or word[0] != "-" or (word in {"-h", "--help"} and len(paged) > 1):
            return name, group, rest
        return f"{name} {default}", self.command(default, paged[default].describe), rest

    @staticmethod
    def command(name: str, describe: Describe) -> Any:
        operation = operation_of(describe)
        app = typer.Typer(add_completion=False)
        bind(
            app,
            name,
            describe,
            help=f"Export to a file. {summary(describe)}\n\n{operation.method} {operation.path}.",
            leave_out=[operation.pagination.parameter] if operation.pagination else (),
            repeated=[field.name for field in operation.fields if field.client_default is not None],
        )(export)
        return typer.main.get_command(app)


def _paged(resource: Resource) -> dict[str, Any]:
    found = resource.operations.items()
    return {name: bound for name, bound in found if operation_of(bound.describe).pagination is not None}


def export(
    passed: Passed,
    output: Output,
    overwrite: Overwrite = False,
    csv_safe: CsvSafe = False,
    checkpoint: Checkpoint = None,
    prefetch: Prefetch = 8,
    rows_per_part: RowsPerPart = None,
    json: AsJson = False,
) -> None:
    """Export all rows, and print what came of it."""
    from invigilate.export import ExportArgumentError, ExportError, ExportProgress, windows
    from invigilate.export import export as write

    reported: Sequence[str] | None = None
    # The result has the same warnings with their labels, and those of the run that it continues.
    with warnings.catch_warnings(record=True) as caught:
        try:
            with client_of(passed.describe) as client, progress("rows") as report:
                label, source = pagers(client, passed, prefetch)
                if rows_per_part is not None:
                    after, before = _bounds(passed)
                    for key, pager in source.items():
                        source[key] = windows(pager, after=after, before=before, rows=rows_per_part)

                def moved(state: ExportProgress) -> None:
                    parts = f", {state.parts_done} of {state.parts} parts" if state.parts > 1 else ""
                    report(state.rows, state.total, state.phase, f", {state.pages:,} pages{parts}")

                result = write(
                    source.get(None, source),
                    output,
                    label=label,
                    checkpoint=checkpoint or True,
                    overwrite=overwrite,
                    csv_safe=csv_safe,
                    on_progress=moved,
                )
                reported = result.warnings
        except KeyboardInterrupt:
            folder = checkpoint or output.with_name(f"{output.name}.checkpoint")
            kept = f"what was read is kept in {folder}, and the same command continues from it"
            none = "no part was read completely, so nothing is kept"
            raise KeyboardInterrupt(kept if folder.is_dir() else none) from None
        except ExportArgumentError as error:
            expected = _OF_PYTHON.sub("", error.expected.replace("overwrite=True", "--overwrite"))
            name = _OWN.get(error.argument) or option_name(error.argument)
            raise usage(f"{name}: expected {expected}, got {error.passed}") from error
        except ExportError as error:
            missing = isinstance(error.__context__, ImportError)
            raise Failure(ExitCode.MISSING_EXTRA if missing else ExitCode.INCOMPLETE, str(error)) from error
        finally:
            for text in [str(each.message) for each in caught] if reported is None else reported:
                note(text)
    if json:
        print(to_json(asdict(result) | {"path": str(result.path), "read_since": result.read_since.isoformat()}))
        return
    earlier = f", {result.resumed_rows:,} of them read by an earlier run" if result.resumed_rows else ""
    note(f"{result.path}: {result.rows:,} row{'' if result.rows == 1 else 's'}{earlier}")
    for field, number in result.misfits.items():
        note(f"{field}: {number:,} values do not fit the column; they are in the column additional")


def pagers(client: SyncClient, passed: Passed, ahead: int) -> tuple[str, dict[str | None, Any]]:
    """Return the pagers of an operation: one for each value of an argument that a client has a default of.

    Returns:
        The documented name of that argument, and the pagers by its values; `None` if it was not passed.
    """
    field = next((each for each in operation_of(passed.describe).fields if each.client_default is not None), None)
    name = field.name if field else ""
    values: list[str] = passed.arguments.get(name, [])
    if len(set(values)) < len(values):
        raise usage(f"{option_name(name)}: the same value is passed twice")
    found: dict[str | None, Any] = {}
    for value in values or (None,):
        own = {} if value is None else {name: value}
        call = passed.describe(**complete(passed.describe, passed.arguments | own))
        found[value] = client.pages(call).prefetch(ahead)
    return field.wire_name if field else "label", found


def _bounds(passed: Passed) -> tuple[str, str]:
    """Return the arguments for the first and the last time, of which both were passed."""
    names = [name.removesuffix("after") for name in passed.arguments if name.endswith("_after")]
    found = next((name for name in names if f"{name}before" in passed.arguments), None)
    if found is None:
        raise usage("--rows-per-part: needs both bounds of a time, as in --appointment-date-after and -before")
    return f"{found}after", f"{found}before"
