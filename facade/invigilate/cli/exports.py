"""`invigilate report --output`: the whole report in a file, with the options of `invigilate.export.export_report`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from invigilate.errors import InvalidArgumentError

from .clients import proctoring
from .exits import ExitCode, Failure, usage
from .fields import option_name
from .options import Given
from .output import note
from .progress import progress

FORMATS = (".csv", ".jsonl", ".parquet")
PANEL = "How it is exported, with --output"
_DATES = ("appointment_date", "close_date")
_LENGTH = re.compile(r"(\d{1,6})(d|h|min)", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}

Nested = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Objects as columns (flatten), structs (struct) or JSON texts (json). By default flatten, for .parquet "
        "struct.",
        rich_help_panel=PANEL,
    ),
]
CsvSafe = Annotated[
    bool,
    typer.Option("--csv-safe", help="Put ' before texts that spreadsheets take for formulas.", rich_help_panel=PANEL),
]
InstallColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of the column of installs; by default installSid.", rich_help_panel=PANEL),
]
WindowBy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Split it by appointment_date or close_date, of which both bounds are given, into parts read in parallel.",
        rich_help_panel=PANEL,
    ),
]
Window = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="Length of a part: 7d, 12h, 30min. By default the number of rows decides.",
        rich_help_panel=PANEL,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=32,
        metavar="N",
        help="Parts and installs that are read at once; by default 4.",
        rich_help_panel=PANEL,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where rows are kept until all are read. By default FILE.checkpoint.",
        rich_help_panel=PANEL,
    ),
]
NoCheckpoint = Annotated[
    bool,
    typer.Option("--no-checkpoint", help="Keep nothing of an export that breaks off.", rich_help_panel=PANEL),
]


def check_output(path: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of an export, as far as the library would speak of something else.

    Args:
        path: the file.
        wanted: the options that were given, by the names that `export_report` has for them; a window as text.

    Returns:
        The options as `export_report` takes them.

    Raises:
        Failure: if one of them is wrong, or an extra is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise usage(f"--output: expected a file that ends in one of {', '.join(FORMATS)}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise Failure(ExitCode.MISSING_EXTRA, 'Parquet needs an extra: pip install "invigilate[export]"')
    options = dict(wanted)
    by, window = options.get("window_by"), options.get("window")
    if by is not None and by not in _DATES:
        raise usage(f"--window-by: expected {' or '.join(_DATES)}")
    if window is not None:
        if by is None:
            raise usage("--window: goes with --window-by only")
        options["window"] = _length(window)
    if options.pop("no_checkpoint", False):
        if "checkpoint" in options:
            raise usage("--no-checkpoint: does not go with --checkpoint")
        options["checkpoint"] = False
    if "csv_safe" in options and suffix != ".csv":
        raise usage("--csv-safe: goes with .csv only")
    return options


def _length(text: str) -> timedelta:
    parts = _LENGTH.fullmatch(text)
    if parts is None:
        raise usage("--window: expected a length such as 7d, 12h or 30min")
    return int(parts[1]) * _UNITS[parts[2]]


def export(given: Given, installs: list[str], path: Path, options: Mapping[str, Any]) -> None:
    """Export the report.

    Args:
        given: the filters.
        installs: the installs that were named.
        path: the file.
        options: of `export_report`, checked.

    Raises:
        Failure: if an option is wrong, or the export cannot be done or trusted.
    """
    from invigilate.export import ExportError, ExportProgress, export_report

    said: tuple[str, ...] = ()
    # The result has the same ones, with what they are about, and those of the run that it goes on with.
    with warnings.catch_warnings(record=True) as caught:
        try:
            with proctoring() as client, progress("rows") as report:

                def moved(state: ExportProgress) -> None:
                    report(state.rows, state.total, "writing" if state.phase == "writing" else "")

                result = export_report(
                    client, path, filters=given.arguments, installs=installs or None, on_progress=moved, **options
                )
            said = result.warnings
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept(path, options)) from None
        except InvalidArgumentError as error:
            raise _as_option(error) from error
        except ExportError as error:
            raise Failure(ExitCode.INCOMPLETE, _in_options(str(error))) from error
        finally:
            others = [text for text in map(_text, caught) if not any(each.endswith(text) for each in said)]
            for text in [*said, *others]:
                note(text)
    earlier = f", {result.resumed_rows:,} of them read by an earlier run" if result.resumed_rows else ""
    note(f"{result.path}: {result.rows:,} row{'' if result.rows == 1 else 's'}{earlier}")
    for field, number in result.misfits.items():
        note(f"{field}: {number:,} values do not fit the column and stand in the column additional")


def _kept(path: Path, options: Mapping[str, Any]) -> str:
    """Say what an export that was broken off has left."""
    given = options.get("checkpoint", True)
    if given is False:
        return "nothing of the export is kept"
    folder = path.with_name(f"{path.name}.checkpoint") if given is True else given
    if not folder.is_dir():
        hint = "" if "window_by" in options else "; with --window-by it is read in parts, which are kept"
        return f"nothing was read to its end, so nothing is kept{hint}"
    return f"what was read is kept in {folder}, and the same command goes on with it"


def _text(warning: warnings.WarningMessage) -> str:
    return str(warning.message)


def _as_option(error: InvalidArgumentError) -> Failure:
    """Tell a wrong argument of the library by the option that it comes from."""
    name, bracket, rest = error.argument.partition("[")
    option = option_name({"path": "output", "installs": "install_sid"}.get(name, name))
    return usage(f"{option}{bracket}{rest}: expected {_in_options(error.expected)}, got {_in_options(error.given)}")


def _in_options(text: str) -> str:
    """Say `--close-date-after` where the library says `close_date_after in filters`, and so on."""
    text = text.replace("overwrite=True", "--overwrite").replace(" in filters", "")
    return _ARGUMENT.sub(lambda found: option_name(found[0]), text)


_ARGUMENT = re.compile(r"\b(?:window_by|install_column|(?:appointment|close)_date_(?:after|before))\b")
