"""The Spark data source for the service distribution report of many installs."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, ClassVar, NamedTuple, cast

from invigilate import SmarterProctoring, parse_timestamp
from invigilate.errors import InvalidArgumentError, InvigilateError
from invigilate.export import ExportError, record_batches, windows
from invigilate_runtime import Field

from .source import InputPartition, Reader, Source, text

_DATES = {
    "appointmentDate": ("appointment_date_after", "appointment_date_before"),
    "dateClosed": ("close_date_after", "close_date_before"),
}
_CHOICES = {"status": "statuses", "serviceType": "service_types"}
_MILLISECOND = timedelta(milliseconds=1)
_INSTALL = Field("", "", "", "string", pattern="^AI[a-f0-9]{32}$", sid="InstallSid")
_WINDOWS = 4  # for each reader, since a few cannot be dealt out evenly


class Part(NamedTuple):
    """A window of an install: the arguments that bound it, and the rows that were announced when it was planned."""

    install: str
    bounds: Mapping[str, datetime]
    total: int

    def __str__(self) -> str:
        times = [time.isoformat(timespec="milliseconds") for time in self.bounds.values()]
        return f"install {self.install}" + (f", {' to '.join(times)}" if times else "")


class SmarterProctoringReader(Reader):
    """Plans the windows of all installs, deals them out to readers, and reads them."""

    def __init__(self, source: Any, schema: Any) -> None:
        super().__init__(source, schema)
        self.installs: list[str] = source.installs
        self.arguments: dict[str, Any] = dict(source.arguments)

    def pushFilters(self, filters: Sequence[Any]) -> Iterator[Any]:  # noqa: N802  # Spark's name
        """Narrow what is requested, and return what Spark checks again, since the server may compare otherwise."""
        for each in filters:
            kind, value = type(each).__name__, cast("Any", getattr(each, "value", None))
            name = ".".join(getattr(each, "attribute", ()))
            values: list[Any] = list(value) if kind == "In" else [value] if kind == "EqualTo" else []
            if name == self.source.label and values:
                self.installs = [install for install in self.installs if install in values]
                continue
            if name in _CHOICES and values:
                self._choose(_CHOICES[name], values)
            elif name in _DATES and isinstance(value, datetime) and value.tzinfo:
                self._narrow(*_DATES[name], kind, value)
            yield each

    def _choose(self, argument: str, values: list[Any]) -> None:
        documented = next(each.items.enum for each in self.source.described.fields if each.name == argument)
        # Rows may have values that the argument does not take.
        if set(values) <= set(documented):
            self.arguments[argument] = [each for each in self.arguments.get(argument, values) if each in values]

    def _narrow(self, after: str, before: str, kind: str, time: datetime) -> None:
        """Narrow the bounds of a date, in milliseconds; the lower one is inclusive, the upper one exclusive."""
        floor = time - timedelta(microseconds=time.microsecond % 1000)
        if time.year == datetime.max.year:
            return  # a millisecond later there are no more times
        if kind in {"GreaterThan", "GreaterThanOrEqual", "EqualTo"}:
            self.arguments[after] = max(floor, self.arguments.get(after, floor))
        if kind in {"LessThan", "LessThanOrEqual", "EqualTo"}:
            ceiling = floor if kind == "LessThan" and floor == time else floor + _MILLISECOND
            self.arguments[before] = min(ceiling, self.arguments.get(before, ceiling))

    def partitions(self) -> list[InputPartition]:
        """See `DataSourceReader.partitions`: `maxConcurrent` at most, with about as many requests each.

        Raises:
            ExportError: if the report of an install cannot be planned; it names the install.
        """
        if _is_empty(self.arguments) or not all(self.arguments.get(name, [True]) for name in _CHOICES.values()):
            return []  # no row satisfies all filters
        readers, page = self.source.values.get("maxConcurrent", 4), self.arguments.get("limit", 1000)
        with self.source.connect() as client, ThreadPoolExecutor(readers) as pool:
            whole = list(pool.map(partial(self._plan, client, rows=2**62), self.installs))
            rows = max(page, sum(part.total for parts in whole for part in parts) // (readers * _WINDOWS))
            rows = min(rows, self.source.values.get("rowsPerWindow", 50_000))
            small = [part for parts in whole for part in parts if part.total <= rows]
            large = [part.install for parts in whole for part in parts if part.total > rows]
            split = pool.map(partial(self._plan, client, rows=rows), large)
            return [InputPartition(hand) for hand in deal([*small, *chain.from_iterable(split)], readers, page)]

    def _plan(self, client: Any, install: str, rows: int) -> list[Part]:
        """Split the report of an install into windows of so many rows at most, if a date has both bounds."""
        try:
            for after, before in _DATES.values():
                if self.arguments.keys() >= {after, before}:
                    found = windows(self._pager(client, install, {}), after=after, before=before, rows=rows)
                    return [Part(install, {after: each.after, before: each.before}, each.total) for each in found]
            pager = self._pager(client, install, {"limit": 1})
            next(pager.pages(), None)
            return [Part(install, {}, pager.total or 0)]
        except InvigilateError as error:
            raise ExportError(f"install {install}: {error}") from None

    def _pager(self, client: Any, install: str, more: Mapping[str, Any]) -> Any:
        return client.for_install(install).reports.service_distribution(**{**self.arguments, **more})

    def read(self, partition: InputPartition) -> Iterator[Any]:
        """See `DataSourceReader.read`. One request is on the wire at a time.

        Raises:
            ExportError: if a window cannot be read, or has fewer rows than planned; it names the install.
        """
        with self.source.connect() as client:
            for part in partition.value or ():
                received, pager = 0, self._pager(client, part.install, part.bounds).prefetch(1)
                try:
                    for batch in record_batches({part.install: pager}, label=self.source.label):
                        received += batch.num_rows
                        yield batch
                except InvigilateError as error:
                    raise ExportError(f"{part}: {error}") from None
                if received < part.total and not self.source.values.get("allowChanges"):
                    missing = f"received {received} rows, but {part.total} were planned"
                    raise ExportError(f"{part}: {missing}. The report changed: load it again, or set allowChanges")


class SmarterProctoringSource(Source):
    """Format `smarterproctoring`: the reports of several installs, which the column `installSid` names.

    Options: `installs` (required); `after` and `before`, the bounds of the appointment date; the other filters of the
    report, as `statuses` or `examSid`; `maxConcurrent`, how many readers may send requests at once (4);
    `rowsPerWindow`, the most rows of a window (50,000); `pageSize` (1,000); `allowChanges`, whether a window may have
    fewer rows than planned (false); `environment`, `baseUrl`, `maxRetries`; `tokenFile` or `tokenVariable`.
    """

    format = "smarterproctoring"
    client = SmarterProctoring
    path = "reports.service_distribution"
    label = "installSid"
    secrets: ClassVar = {"token": "token"}
    connection = (*Source.connection, text("environment"))
    own = (
        Field("installs", "", "", "array", required=True, items=_INSTALL),
        Field("maxConcurrent", "", "", "integer", minimum=1),
        Field("rowsPerWindow", "", "", "integer", minimum=1),
        Field("allowChanges", "", "", "boolean"),
    )
    renamed: ClassVar = {
        **dict.fromkeys(("install_sid", "sort_keys", "sort_order"), ""),
        "appointment_date_after": "after",
        "appointment_date_before": "before",
    }
    reads = SmarterProctoringReader

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self.installs: list[str] = self.values["installs"]
        if len(set(self.installs)) < len(self.installs):
            raise InvalidArgumentError("installs", "each install once", "one of them twice")
        for name in chain(*_DATES.values()):
            if name in self.arguments:
                self.arguments[name] = parse_timestamp(self.arguments[name])
        if _is_empty(self.arguments):
            raise InvalidArgumentError("before", "a time after the lower bound", "an earlier or equal time")


def deal(parts: Sequence[Part], readers: int, page: int) -> list[list[Part]]:
    """Deal windows out to readers: the largest first, each to the reader with the fewest requests so far."""
    hands: list[tuple[int, int, list[Part]]] = [(0, number, []) for number in range(min(readers, len(parts)))]
    for part in sorted(parts, key=lambda part: -part.total):
        requests, number, hand = hands[0]
        heapq.heapreplace(hands, (requests + 1 + part.total // page, number, [*hand, part]))
    return [hand for _, _, hand in sorted(hands)]


def _is_empty(arguments: Mapping[str, Any]) -> bool:
    return any({*names} <= arguments.keys() and arguments[names[0]] >= arguments[names[1]] for names in _DATES.values())
