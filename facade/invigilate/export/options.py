"""The arguments of an export, checked before anything is sent and any file is touched."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from invigilate import SmarterProctoring, parse_timestamp
from invigilate._shapes import is_list, is_object
from smarterproctoring_client.api.reports import get_service_distribution

from .columns import ADDITIONAL, FIELDS, Nested
from .errors import ExportArgumentError, missing_pyarrow
from .windows import MOST_WINDOWS, SORT_KEYS, WindowBy, to_milliseconds

Format = Literal["csv", "jsonl", "parquet"]

FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
_NESTED: dict[Format, tuple[Nested, ...]] = {
    "csv": ("flatten", "struct", "json"),
    "jsonl": ("struct", "json"),
    "parquet": ("struct", "flatten", "json"),
}
_MOST_THREADS = 32
_MOST_PAGES = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is to be exported, how, and where to."""

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
        """A client of each install, with the name that rows get."""
        if self.installs is None:
            return [(None, self.client)]
        return [(install, self.client.for_install(install)) for install in self.installs]

    def plan(self) -> dict[str, Any]:
        """What decides the content of the file, by the names that an error shows."""
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
        addresses: list[str] = []
        for _, client in self.clients():
            base, target = _written(client, self.filters)
            parts = urlsplit(target)
            addresses.append(base + parts.path)
            for name, value in parse_qsl(parts.query, keep_blank_values=True):
                plan.setdefault(f"filter {name}", []).append(value)
        plan["base URL or install"] = addresses
        return plan


def _written(client: SmarterProctoring, filters: Mapping[str, Any]) -> tuple[str, str]:
    """Where a request for the report goes, as it is sent; this checks the filters."""
    call = get_service_distribution.describe(**filters)
    prepared = client._prepare(call)  # pyright: ignore[reportPrivateUsage]
    return client._base_url, prepared.request.target  # pyright: ignore[reportPrivateUsage]


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
    """Check the arguments of `export_report`; see there.

    Raises:
        InvalidArgumentError: naming the argument.
        ExportError: if a library is missing.
    """
    if not isinstance(client, SmarterProctoring):
        raise ExportArgumentError(
            "client",
            "a SmarterProctoring client (in asyncio, call export_report in a thread with one)",
            _type(client),
        )
    target, form = _target(path, format)
    if on_progress is not None and not callable(on_progress):
        raise ExportArgumentError("on_progress", "a function", _type(on_progress))
    for name, value in (("overwrite", overwrite), ("csv_safe", csv_safe)):
        if not isinstance(value, bool):
            raise ExportArgumentError(name, "True or False", _type(value))
    if csv_safe and form != "csv":
        raise ExportArgumentError("csv_safe", "False but for CSV", f"True for {form}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise missing_pyarrow()
    wanted = _filters(client, filters, installs)
    by, width, bounds = _windows(wanted, window_by, window)
    options = Options(
        client=client,
        path=target,
        format=form,
        filters=wanted,
        installs=_installs(installs),
        install_column=_column(install_column),
        nested=_nested(nested, form),
        page_size=None if page_size is None else _number("page_size", page_size, None),
        prefetch=_number("prefetch", prefetch, _MOST_PAGES),
        by=by,
        width=width,
        bounds=bounds,
        descending=by is not None and wanted.get("sort_order") == "DESC" and "sort_keys" in wanted,
        parallel=_number("parallel", parallel, _MOST_THREADS),
        folder=_folder(checkpoint, target),
        overwrite=bool(overwrite),
        csv_safe=bool(csv_safe),
    )
    for _, each in options.clients():
        each.reports.service_distribution(**wanted)
    if os.path.lexists(target) and not overwrite and not (options.folder and (options.folder / "state.json").exists()):
        raise exists_already(target)
    return options


def exists_already(path: Path) -> ExportArgumentError:
    """The error for a file that would be lost."""
    expected = "a file that does not exist yet, or overwrite=True"
    if path.is_symlink():
        return ExportArgumentError("path", expected, f"{path.name}, which is a symbolic link")
    return ExportArgumentError("path", expected, f"{path.name}, which does")


def _type(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _number(name: str, value: object, most: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        expected = "an integer of at least 1" if most is None else f"an integer from 1 to {most}"
        given = str(value) if isinstance(value, int) else _type(value)
        raise ExportArgumentError(name, expected, given)
    return value


def _target(path: object, format: object) -> tuple[Path, Format]:
    target = _path("path", "the path of a file", path)
    by_suffix = {f".{each}": each for each in FORMATS}
    form = by_suffix.get(target.suffix.lower()) if format is None else format
    if form not in FORMATS:
        if format is None:
            given = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
            raise ExportArgumentError("path", "one that ends in .csv, .jsonl or .parquet, or format=", given)
        given = repr(format)[:40] if isinstance(format, str) else _type(format)
        raise ExportArgumentError("format", "'csv', 'jsonl' or 'parquet'", given)
    if target.exists() and not target.is_file():
        raise ExportArgumentError("path", "the path of a file", "a folder" if target.is_dir() else "a device or a pipe")
    if not target.absolute().parent.is_dir():
        raise ExportArgumentError("path", "a file in a folder that exists", "one in a folder that does not")
    return target, form


def _path(name: str, expected: str, given: Any) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise ExportArgumentError(name, expected, _type(given))
    text = os.fsdecode(cast("str | os.PathLike[str]", given))
    if not text or "\0" in text:
        raise ExportArgumentError(name, expected, "an empty text" if not text else "a text with a NUL in it")
    return Path(text)


def _folder(checkpoint: object, target: Path) -> Path | None:
    if checkpoint is False:
        return None
    if checkpoint is True:
        return target.with_name(target.name + ".checkpoint")
    folder = _path("checkpoint", "True, False or the path of a folder", checkpoint)
    if not folder.absolute().parent.is_dir():
        raise ExportArgumentError("checkpoint", "a folder in a folder that exists", "one in a folder that does not")
    return folder


def _filters(client: SmarterProctoring, filters: object, installs: object) -> dict[str, Any]:
    if filters is None:
        return {}
    if not is_object(filters):
        raise ExportArgumentError("filters", "a mapping of filters", _type(filters))
    given = dict(filters)
    known = inspect.signature(client.reports.service_distribution).parameters
    for name in given:
        if name not in known:
            described = repr(name) if str(name).isidentifier() else "another name"
            raise ExportArgumentError("filters", "keyword arguments of client.reports.service_distribution", described)
    for name, instead in (("limit", "page_size"), ("offset", "no offset, since an export is of a whole report")):
        if name in given:
            raise ExportArgumentError("filters", instead, name)
    if installs is not None and "install_sid" in given:
        raise ExportArgumentError("filters", "no install_sid beside installs", "both")
    return given


def _installs(installs: object) -> tuple[str, ...] | None:
    if installs is None:
        return None
    if not is_list(installs):
        raise ExportArgumentError("installs", "a list of install SIDs", _type(installs))
    found = tuple(installs)
    if not found:
        raise ExportArgumentError("installs", "at least one install SID", "an empty list")
    for index, each in enumerate(found):
        if not isinstance(each, str):
            raise ExportArgumentError(f"installs[{index}]", "an install SID", _type(each))
        if each in found[:index]:
            raise ExportArgumentError(f"installs[{index}]", "each install once", "one that came before")
    return found


def _column(name: object) -> str:
    if not isinstance(name, str) or not name or not name.isprintable() or "." in name:
        raise ExportArgumentError("install_column", "a name without dots", "another one")
    if name == ADDITIONAL or name in {field.name for field in FIELDS}:
        raise ExportArgumentError("install_column", "a name that no other column has", repr(name))
    return name


def _nested(nested: object, form: Format) -> Nested:
    allowed = _NESTED[form]
    if nested is None:
        return allowed[0]
    if nested not in allowed:
        given = repr(nested)[:40] if isinstance(nested, str) else _type(nested)
        raise ExportArgumentError("nested", f"for {form}, {' or '.join(repr(each) for each in allowed)}", given)
    # CSV has no structs, and JSON Lines nothing else.
    return "json" if form == "csv" and nested == "struct" else "struct" if form == "jsonl" else nested


def _windows(
    filters: Mapping[str, Any], window_by: object, window: object
) -> tuple[WindowBy | None, timedelta | None, tuple[datetime, datetime] | None]:
    automatic = isinstance(window, str) and window == "auto"
    if not automatic and not isinstance(window, timedelta):
        raise ExportArgumentError("window", "a timedelta, or 'auto'", _type(window))
    if window_by is None:
        if not automatic:
            raise ExportArgumentError("window", "'auto' without window_by", "a timedelta")
        return None, None, None
    if window_by not in SORT_KEYS:
        given = repr(window_by)[:40] if isinstance(window_by, str) else _type(window_by)
        raise ExportArgumentError("window_by", "'appointment_date' or 'close_date'", given)
    by: WindowBy = window_by
    names = (f"{by}_after", f"{by}_before")
    missing = [name for name in names if name not in filters]
    if missing:
        raise ExportArgumentError(
            "window_by", f"{names[0]} and {names[1]} in filters", f"no {' and no '.join(missing)}"
        )
    after, before = (_moment(filters[name]) for name in names)
    if after is None or before is None:
        return by, None, None  # the check of filters says what is wrong
    if to_milliseconds(after) >= to_milliseconds(before):
        raise ExportArgumentError(names[0], f"a time before {names[1]}", "one that is not")
    _check_order(filters, by)
    width = None if automatic else cast("timedelta", window)
    if width is not None and (width < timedelta(milliseconds=1) or (before - after) / width > MOST_WINDOWS):
        expected = f"at least a millisecond, and at most {MOST_WINDOWS} windows between the bounds"
        raise ExportArgumentError("window", expected, str(width))
    return by, width, (after, before)


def _check_order(filters: Mapping[str, Any], by: WindowBy) -> None:
    keys = filters.get("sort_keys")
    if is_list(keys) and keys and keys[0] != SORT_KEYS[by]:
        raise ExportArgumentError(
            "sort_keys", f"{SORT_KEYS[by]!r} first, since rows come window after window", "another one first"
        )


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.utcoffset() is not None else None
    try:
        return parse_timestamp(cast("str", value))
    except ValueError:
        return None
