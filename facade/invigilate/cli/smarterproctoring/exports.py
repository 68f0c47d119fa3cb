"""`invigilate report --output`: exports the report, with the options of `invigilate.export.export_report`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.fields import as_usage, option_name
from invigilate.cli.options import Passed
from invigilate.cli.output import note
from invigilate.cli.progress import progress
from invigilate.cli.registry import client_of
from invigilate.errors import InvalidArgumentError

if TYPE_CHECKING:
    from invigilate import SmarterProctoring

PANEL = "Export, with --output"
_LENGTH = re.compile(r"(\d{1,6})(d|h|min)", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}


def _option(kind: Any, metavar: str | None, help: str, *names: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(*names, metavar=metavar, help=help, rich_help_panel=PANEL, **more)]


OPTIONS: dict[str, Any] = {
    "nested": _option(
        str | None,
        "NAME",
        "Write objects as columns (flatten), structs (struct) or JSON strings (json). Defaults to flatten, or to "
        "struct for .parquet.",
    ),
    "csv_safe": _option(bool | None, None, "Put ' before strings that spreadsheets run as formulas.", "--csv-safe"),
    "window_by": _option(
        str | None,
        "NAME",
        "Split the report by appointment_date or close_date into windows, read in parallel; needs both bounds of that "
        "date.",
    ),
    "window": _option(
        str | None, "LENGTH", "Length of a window: 7d, 12h, 30min. By default, the number of rows decides."
    ),
    "parallel": _option(int | None, "N", "Windows and installs read at once; defaults to 4.", min=1, max=32),
    "checkpoint": _option(
        Path | None, "FOLDER", "Where rows are kept until all are read. Defaults to FILE.checkpoint."
    ),
}
"""The options of an export, by their names in `export_report`."""


def check_output(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as `export_report` takes and checks them."""
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'Parquet needs an extra: pip install "invigilate[export]"')
    if "window" not in wanted:
        return dict(wanted)
    if "window_by" not in wanted:
        raise usage("--window: needs --window-by")
    return {**wanted, "window": _length(wanted["window"])}


def _length(text: str) -> timedelta:
    parts = _LENGTH.fullmatch(text)
    if parts is None:
        raise usage("--window: expected a length such as 7d, 12h or 30min")
    return int(parts[1]) * _UNITS[parts[2]]


def export(passed: Passed, installs: list[str], path: Path, options: Mapping[str, Any]) -> None:
    """Export the report."""
    from invigilate.export import ExportError, ExportProgress, export_report

    reported: tuple[str, ...] = ()
    # The result has the same warnings with more detail, and those of the run that it continues.
    with warnings.catch_warnings(record=True) as caught:
        try:
            with cast("SmarterProctoring", client_of(passed.describe)) as client, progress("rows") as report:

                def moved(state: ExportProgress) -> None:
                    report(state.rows, state.total, "writing" if state.phase == "writing" else "")

                result = export_report(
                    client, path, filters=passed.arguments, installs=installs or None, on_progress=moved, **options
                )
            reported = result.warnings
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept(path, options)) from None
        except InvalidArgumentError as error:
            raise _as_option(error) from error
        except ExportError as error:
            raise Failure(ExitCode.INCOMPLETE, _in_options(str(error))) from error
        finally:
            texts = [str(each.message) for each in caught]
            for text in [*reported, *(text for text in texts if not any(each.endswith(text) for each in reported))]:
                note(text)
    earlier = f", {result.resumed_rows:,} of them read by an earlier run" if result.resumed_rows else ""
    note(f"{result.path}: {result.rows:,} row{'' if result.rows == 1 else 's'}{earlier}")
    for field, number in result.misfits.items():
        note(f"{field}: {number:,} values do not fit the column; they are in the column additional")


def _kept(path: Path, options: Mapping[str, Any]) -> str:
    """Return what an interrupted export has left."""
    folder = options.get("checkpoint") or path.with_name(f"{path.name}.checkpoint")
    if not folder.is_dir():
        hint = "" if "window_by" in options else "; with --window-by, windows that were read completely are kept"
        return f"nothing was read completely, so nothing is kept{hint}"
    return f"what was read is kept in {folder}, and the same command continues from it"


def _as_option(error: InvalidArgumentError) -> Failure:
    """Return the usage failure for a wrong argument of the library."""
    name = {"path": "output", "installs": "install_sid"}.get(error.argument, error.argument)
    return as_usage(InvalidArgumentError(name, _in_options(error.expected), _in_options(error.passed)))


def _in_options(text: str) -> str:
    """Replace names of the library by options: `close_date_after in filters` by `--close-date-after`, and so on."""
    text = text.replace("overwrite=True", "--overwrite").replace(" in filters", "").replace(", or format=", "")
    return _ARGUMENT.sub(lambda found: option_name(found[0]), text)


_ARGUMENT = re.compile(r"\b(?:window_by|(?:appointment|close)_date_(?:after|before))\b")
