"""`invigilate report --output`: exports the report, with the options of `invigilate.export.export_report`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from invigilate.cli.exits import ExitCode, Failure, usage
from invigilate.cli.fields import option_name
from invigilate.cli.options import Passed
from invigilate.cli.output import note
from invigilate.cli.progress import progress
from invigilate.errors import InvalidArgumentError

from .clients import proctoring

FORMATS = (".csv", ".jsonl", ".parquet")
PANEL = "Export, with --output"
_DATES = ("appointment_date", "close_date")
_LENGTH = re.compile(r"(\d{1,6})(d|h|min)", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}

Nested = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write objects as columns (flatten), structs (struct) or JSON strings (json). Defaults to flatten, or to "
        "struct for .parquet.",
        rich_help_panel=PANEL,
    ),
]
CsvSafe = Annotated[
    bool,
    typer.Option("--csv-safe", help="Put ' before strings that spreadsheets run as formulas.", rich_help_panel=PANEL),
]
InstallColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of the column of installs; defaults to installSid.", rich_help_panel=PANEL),
]
WindowBy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Split the report by appointment_date or close_date into windows, read in parallel; needs both bounds of "
        "that date.",
        rich_help_panel=PANEL,
    ),
]
Window = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="Length of a window: 7d, 12h, 30min. By default, the number of rows decides.",
        rich_help_panel=PANEL,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=32,
        metavar="N",
        help="Windows and installs read at once; defaults to 4.",
        rich_help_panel=PANEL,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where rows are kept until all are read. Defaults to FILE.checkpoint.",
        rich_help_panel=PANEL,
    ),
]
NoCheckpoint = Annotated[
    bool,
    typer.Option("--no-checkpoint", help="Keep nothing of an interrupted export.", rich_help_panel=PANEL),
]


def check_output(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of an export, where an error of the library would name something else.

    Args:
        path: the file.
        wanted: the options that were passed, by their names in `export_report`; a window as a string.

    Returns:
        The options as `export_report` takes them.

    Raises:
        Failure: if one of them is wrong, or an extra is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise usage(f"--output: expected a file name ending in one of {', '.join(FORMATS)}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'Parquet needs an extra: pip install "invigilate[export]"')
    options = dict(wanted)
    by, window = options.get("window_by"), options.get("window")
    if by is not None and by not in _DATES:
        raise usage(f"--window-by: expected {' or '.join(_DATES)}")
    if window is not None:
        if by is None:
            raise usage("--window: needs --window-by")
        options["window"] = _length(window)
    if options.pop("no_checkpoint", False):
        if "checkpoint" in options:
            raise usage("--no-checkpoint: contradicts --checkpoint")
        options["checkpoint"] = False
    if "csv_safe" in options and suffix != ".csv":
        raise usage("--csv-safe: only for .csv")
    return options


def _length(text: str) -> timedelta:
    parts = _LENGTH.fullmatch(text)
    if parts is None:
        raise usage("--window: expected a length such as 7d, 12h or 30min")
    return int(parts[1]) * _UNITS[parts[2]]


def export(passed: Passed, installs: list[str], path: Path, options: Mapping[str, Any]) -> None:
    """Export the report.

    Args:
        passed: the filters.
        installs: the installs that were passed.
        path: the file.
        options: the checked options of `export_report`.

    Raises:
        Failure: if an option is wrong, or the export failed or cannot be trusted.
    """
    from invigilate.export import ExportError, ExportProgress, export_report

    reported: tuple[str, ...] = ()
    # The result has the same warnings with more detail, and those of the run that it continues.
    with warnings.catch_warnings(record=True) as caught:
        try:
            with proctoring() as client, progress("rows") as report:

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
            others = [text for text in map(_text, caught) if not any(each.endswith(text) for each in reported)]
            for text in [*reported, *others]:
                note(text)
    earlier = f", {result.resumed_rows:,} of them read by an earlier run" if result.resumed_rows else ""
    note(f"{result.path}: {result.rows:,} row{'' if result.rows == 1 else 's'}{earlier}")
    for field, number in result.misfits.items():
        note(f"{field}: {number:,} values do not fit the column; they are in the column additional")


def _kept(path: Path, options: Mapping[str, Any]) -> str:
    """Return what an interrupted export has left."""
    passed = options.get("checkpoint", True)
    if passed is False:
        return "nothing of the export is kept"
    folder = path.with_name(f"{path.name}.checkpoint") if passed is True else passed
    if not folder.is_dir():
        hint = "" if "window_by" in options else "; with --window-by, windows that were read completely are kept"
        return f"nothing was read completely, so nothing is kept{hint}"
    return f"what was read is kept in {folder}, and the same command continues from it"


def _text(warning: warnings.WarningMessage) -> str:
    return str(warning.message)


def _as_option(error: InvalidArgumentError) -> Failure:
    """Return the usage failure for a wrong argument of the library."""
    name, bracket, rest = error.argument.partition("[")
    option = option_name({"path": "output", "installs": "install_sid"}.get(name, name))
    return usage(f"{option}{bracket}{rest}: expected {_in_options(error.expected)}, got {_in_options(error.passed)}")


def _in_options(text: str) -> str:
    """Replace names of the library by options: `close_date_after in filters` by `--close-date-after`, and so on."""
    text = text.replace("overwrite=True", "--overwrite").replace(" in filters", "")
    return _ARGUMENT.sub(lambda found: option_name(found[0]), text)


_ARGUMENT = re.compile(r"\b(?:window_by|install_column|(?:appointment|close)_date_(?:after|before))\b")
