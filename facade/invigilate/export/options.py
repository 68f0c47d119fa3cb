"""The arguments of an export, checked before anything is sent and any file is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from invigilate import SmarterProctoring, parse_timestamp
from invigilate._identifiers import describe_value
from invigilate._shapes import is_list, is_object
from smarterproctoring_client.api.reports import get_service_distribution

from .columns import ADDITIONAL, FIELDS, Nested
from .errors import ExportArgumentError, missing_pyarrow
from .windows import DATES, DESCENDING, MAX_WINDOWS, WindowBy, to_milliseconds

Format = Literal["csv", "jsonl", "parquet"]

FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
_NESTED: dict[Format, tuple[Nested, ...]] = {
    "csv": ("flatten", "struct", "json"),
    "jsonl": ("struct", "json"),
    "parquet": ("struct", "flatten", "json"),
}
_MAX_THREADS = 32
_MAX_PAGES = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to export, how, and where to."""

    client: SmarterProctoring
    path: Path
    format: Format
    filters: Mapping[str, Any]
    installs: tuple[str, ...] | None
    install_column: str
    nested: Nested
    page_size: int | None
    prefetch: int
    by: WindowBy | None
    width: timedelta | None
    bounds: tuple[datetime, datetime] | None
    descending: bool
    parallel: int
    folder: Path | None
    overwrite: bool
    csv_safe: bool

    def clients(self) -> list[tuple[str | None, SmarterProctoring]]:
        """Return a client for each install, with the value of the column of installs."""
        if self.installs is None:
            return [(None, self.client)]
        return [(install, self.client.for_install(install)) for install in self.installs]

    def plan(self) -> dict[str, Any]:
        """Return what decides the content of the file, by the names that an error shows."""
        plan: dict[str, Any] = {
            "columns": [field.name for field in FIELDS],
            "format": self.format,
            "nested": self.nested,
            "csv_safe": self.csv_safe,
            "window_by": self.by,
            "window": None if self.width is None else str(self.width),
            "installs": self.installs,
            "install_column": self.installs and self.install_column,
        }
        urls: list[str] = []
        for _, client in self.clients():
            target = urlsplit(_target(client, self.filters))
            urls.append(client.base_url + target.path)
            for name, value in parse_qsl(target.query, keep_blank_values=True):
                plan.setdefault(f"filter {name}", []).append(value)
        plan["base URL or install"] = urls
        return plan


def _target(client: SmarterProctoring, filters: Mapping[str, Any]) -> str:
    """Return path and query of the request for the report, as they are sent; this checks the filters."""
    call = get_service_distribution.describe(**filters)
    return client._prepare(call).request.target  # pyright: ignore[reportPrivateUsage]


def check(
    client: object,
    path: object,
    *,
    format: object,
    filters: object,
    installs: object,
    install_column: object,
    nested: object,
    page_size: object,
    prefetch: object,
    window_by: object,
    window: object,
    parallel: object,
    checkpoint: object,
    overwrite: object,
    csv_safe: object,
    on_progress: object,
) -> Options:
    """Check the arguments of `export_report`.

    Raises:
        InvalidArgumentError: naming the argument.
        ExportError: if a library is missing.
    """
    if not isinstance(client, SmarterProctoring):
        hint = "In asyncio, call export_report in a thread with a synchronous client"
        raise ExportArgumentError("client", "a SmarterProctoring client", describe_value(client), hint)
    target, form = _path_and_format(path, format)
    if on_progress is not None and not callable(on_progress):
        raise ExportArgumentError("on_progress", "a function", describe_value(on_progress))
    for name, value in (("overwrite", overwrite), ("csv_safe", csv_safe)):
        if not isinstance(value, bool):
            raise ExportArgumentError(name, "True or False", describe_value(value))
    if csv_safe and form != "csv":
        raise ExportArgumentError("csv_safe", f"False for {form}", "True")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise missing_pyarrow()
    checked = _filters(filters, installs)
    by, width, bounds = _windows(checked, window_by, window)
    options = Options(
        client=client,
        path=target,
        format=form,
        filters=checked,
        installs=_installs(installs),
        install_column=_install_column(install_column),
        nested=_nested(nested, form),
        page_size=None if page_size is None else _number("page_size", page_size, None),
        prefetch=_number("prefetch", prefetch, _MAX_PAGES),
        by=by,
        width=width,
        bounds=bounds,
        descending=by is not None and _is_descending(checked, by),
        parallel=_number("parallel", parallel, _MAX_THREADS),
        folder=_folder(checkpoint, target),
        overwrite=bool(overwrite),
        csv_safe=bool(csv_safe),
    )
    for _, each in options.clients():
        each.reports.service_distribution(**checked)
    if os.path.lexists(target) and not overwrite and not (options.folder and (options.folder / "state.json").exists()):
        raise file_exists(target)
    return options


def file_exists(path: Path) -> ExportArgumentError:
    """Create the error for a file that would be lost."""
    found = "is a symbolic link" if path.is_symlink() else "exists"
    return ExportArgumentError("path", "a file that does not exist, or overwrite=True", f"{path.name}, which {found}")


def _number(name: str, value: object, maximum: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (maximum is not None and value > maximum):
        expected = "an integer of at least 1" if maximum is None else f"an integer from 1 to {maximum}"
        raise ExportArgumentError(name, expected, describe_value(value))
    return value


def _path_and_format(path: object, format: object) -> tuple[Path, Format]:
    target = _path("path", "the path of a file", path)
    by_suffix = {f".{each}": each for each in FORMATS}
    form = by_suffix.get(target.suffix.lower()) if format is None else format
    if form not in FORMATS:
        if format is None:
            passed = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
            raise ExportArgumentError("path", "a path ending in .csv, .jsonl or .parquet, or format=", passed)
        raise ExportArgumentError("format", "'csv', 'jsonl' or 'parquet'", _word(format))
    if target.exists() and not target.is_file():
        found = "a folder" if target.is_dir() else "a device or a pipe"
        raise ExportArgumentError("path", "the path of a file", found)
    if not target.absolute().parent.is_dir():
        raise ExportArgumentError("path", "a file in a folder that exists", "one in a folder that does not")
    return target, form


def _path(name: str, expected: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ExportArgumentError(name, expected, describe_value(value))
    string = os.fsdecode(cast("str | os.PathLike[str]", value))
    if not string or "\0" in string:
        raise ExportArgumentError(name, expected, "a string with a NUL character" if string else "an empty string")
    return Path(string)


def _word(value: object) -> str:
    """Show a string that is not one of a few allowed words."""
    return repr(value)[:40] if isinstance(value, str) else describe_value(value)


def _folder(checkpoint: object, target: Path) -> Path | None:
    if checkpoint is False:
        return None
    if checkpoint is True:
        return target.with_name(target.name + ".checkpoint")
    folder = _path("checkpoint", "True, False or the path of a folder", checkpoint)
    if not folder.absolute().parent.is_dir():
        raise ExportArgumentError("checkpoint", "a folder in a folder that exists", "one in a folder that does not")
    return folder


def _filters(filters: object, installs: object) -> dict[str, Any]:
    if filters is None:
        return {}
    if not is_object(filters):
        raise ExportArgumentError("filters", "a mapping of filters", describe_value(filters))
    operation = get_service_distribution.OPERATION
    known = {field.name: field for field in operation.fields}
    for name in filters:
        if name not in known:
            passed = repr(name) if str(name).isidentifier() else "another name"
            raise ExportArgumentError("filters", "keyword arguments of client.reports.service_distribution", passed)
        if installs is not None and known[name].client_default is not None:
            raise ExportArgumentError("filters", f"no {name} besides installs", "both")
    paging = get_service_distribution.describe(limit=1, offset=0).arguments.keys()
    if taken := sorted(paging & filters.keys()):
        hint = "An export reads the whole report; page_size= sets the size of its pages"
        raise ExportArgumentError("filters", f"no {' or '.join(sorted(paging))}", " and ".join(taken), hint)
    return dict(filters)


def _installs(installs: object) -> tuple[str, ...] | None:
    if installs is None:
        return None
    if not is_list(installs):
        raise ExportArgumentError("installs", "a list of install SIDs", describe_value(installs))
    found = tuple(installs)
    if not found:
        raise ExportArgumentError("installs", "at least one install SID", "an empty list")
    for index, each in enumerate(found):
        if not isinstance(each, str):
            raise ExportArgumentError(f"installs[{index}]", "an install SID", describe_value(each))
        if each in found[:index]:
            raise ExportArgumentError(f"installs[{index}]", "each install once", "a duplicate")
    return found


def _install_column(name: object) -> str:
    if not isinstance(name, str) or not name or not name.isprintable() or "." in name:
        raise ExportArgumentError("install_column", "a printable name without dots", describe_value(name))
    if name == ADDITIONAL or name in {field.name for field in FIELDS}:
        raise ExportArgumentError("install_column", "a name that no other column has", repr(name))
    return name


def _nested(nested: object, form: Format) -> Nested:
    allowed = _NESTED[form]
    if nested is None:
        return allowed[0]
    if nested not in allowed:
        expected = f"{' or '.join(repr(each) for each in allowed)} for {form}"
        raise ExportArgumentError("nested", expected, _word(nested))
    # CSV has no structs, and JSON Lines nothing else.
    return "json" if form == "csv" and nested == "struct" else "struct" if form == "jsonl" else nested


def _windows(
    filters: Mapping[str, Any], window_by: object, window: object
) -> tuple[WindowBy | None, timedelta | None, tuple[datetime, datetime] | None]:
    automatic = isinstance(window, str) and window == "auto"
    if not automatic and not isinstance(window, timedelta):
        raise ExportArgumentError("window", "a timedelta, or 'auto'", describe_value(window))
    if window_by is None:
        if not automatic:
            raise ExportArgumentError("window", "'auto' without window_by", "a timedelta")
        return None, None, None
    if not isinstance(window_by, str) or window_by not in DATES:
        raise ExportArgumentError("window_by", "'appointment_date' or 'close_date'", _word(window_by))
    by: WindowBy = window_by
    names = DATES[by].bounds
    missing = [name for name in names if name not in filters]
    if missing:
        raise ExportArgumentError(
            "window_by", f"{names[0]} and {names[1]} in filters", f"no {' and no '.join(missing)}"
        )
    after, before = (_moment(filters[name]) for name in names)
    if after is None or before is None:
        return by, None, None  # the check of the filters raises
    if to_milliseconds(after) >= to_milliseconds(before):
        raise ExportArgumentError(names[0], f"a time before {names[1]}", "a later or equal time")
    _check_order(filters, by)
    width = None if automatic else cast("timedelta", window)
    if width is not None and (width < timedelta(milliseconds=1) or (before - after) / width > MAX_WINDOWS):
        expected = f"at least a millisecond, and at most {MAX_WINDOWS} windows between the bounds"
        raise ExportArgumentError("window", expected, str(width))
    return by, width, (after, before)


def _check_order(filters: Mapping[str, Any], by: WindowBy) -> None:
    ((name, expected),) = DATES[by].ordered.arguments.items()
    keys = filters.get(name)
    if is_list(keys) and keys and keys[0] != expected[0]:
        hint = "Rows are written window after window"
        raise ExportArgumentError(name, f"{expected[0]!r} as the first key", "another one", hint)


def _is_descending(filters: Mapping[str, Any], by: WindowBy) -> bool:
    ordered = DATES[by].ordered.arguments.keys() <= filters.keys()
    return ordered and DESCENDING.arguments.items() <= filters.items()


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.utcoffset() is not None else None
    try:
        return parse_timestamp(cast("str", value))
    except ValueError:
        return None
