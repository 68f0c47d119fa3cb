"""The columns of tables, and how rows of JSON become columns: DuckDB does it, with a schema that is always the same.

The documented fields of an operation are the columns, and `additional` is the last one. A row with another field, or
with a value that does not fit its column, is rewritten before DuckDB reads it: what has no place goes to `additional`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, cast

from .errors import ExportError
from .raw import to_json

ADDITIONAL = "additional"
"""The last column: a JSON object of everything that has no column, or does not fit its column."""

_DUCKDB = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "json": "JSON"}
# An escape may be half of a surrogate pair: not a character, so no engine accepts it.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# What spreadsheets take for the start of a formula: also after blanks, and in full width.
_FORMULA = r"^([\t\r\n]|[\s\pZ\x00-\x1f\x{feff}]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}])"


def imported(name: str) -> Any:
    """Import a library of the extra.

    Raises:
        ExportError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise ExportError('tables, CSV and Parquet need an extra: pip install "invigilate[export]"') from None


class Columns:
    """The columns of the rows of an operation.

    Args:
        documented: the types of its fields, by name, as in `Pagination.columns`.
        label: the name of the first column, which shows where a row comes from; `None` for no such column.
        times: whether times become timestamps; otherwise they stay strings, as received.

    Attributes:
        misfits: how many values did not fit their column, by field.
    """

    def __init__(self, documented: Iterable[tuple[str, str]], label: str | None = None, *, times: bool = True) -> None:
        fields = ({} if label is None else {label: "string"}) | dict(documented)
        # DuckDB ignores case in names: of two that differ in nothing else, the second has no column of its own.
        first = {name.casefold(): name for name in [*reversed(fields), ADDITIONAL]}
        self._fields = {name: type_ for name, type_ in fields.items() if first[name.casefold()] == name}
        # Nor has one with a character that a decoder cannot have in a name.
        self._fields = {name: type_ for name, type_ in self._fields.items() if not {*name} & {*'"\\'}}
        if not times:
            self._fields = {name: "string" if type_ == "timestamp" else type_ for name, type_ in self._fields.items()}
        self.types: dict[str, str] = {**self._fields, ADDITIONAL: "string"}
        self.label = label
        self.misfits: dict[str, int] = {}

    def fit(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return rows that have only these columns, each with a value that fits; most rows are returned as they are."""
        page = b"[" + b",".join(rows) + b"]"
        if b"\\u" not in page and _decodes(self._strict[1], page):
            return rows
        return [row if self._fits(self._strict[0], row) else self._rewritten(row) for row in map(bytes, rows)]

    def _fits(self, decoder: Any, content: bytes) -> bool:
        return _decodes(decoder, content) and (not _SURROGATE.search(content) or _has_utf8(content))

    def _rewritten(self, row: bytes) -> bytes:
        try:
            msgspec = imported("msgspec")
            fields: dict[str, Any] = msgspec.json.decode(row, type=GenericAlias(dict, (str, msgspec.Raw)))
        except Exception:  # a row that is not an object
            self._count("")
            return to_json({ADDITIONAL: row.decode("utf-8", "replace")})
        kept: list[bytes] = []
        additional: list[bytes] = []
        for name, raw in fields.items():
            value = bytes(raw)
            fits = name in self._decoders and self._fits(self._decoders[name], value)
            if name in self._decoders and not fits:
                self._count(name)
            (kept if fits else additional).append(to_json(name) + b":" + value)
        if additional:
            rest = b"{" + b",".join(additional) + b"}"
            kept.append(to_json(ADDITIONAL) + b":" + to_json(rest.decode()))
        return b"{" + b",".join(kept) + b"}"

    def _count(self, name: str) -> None:
        self.misfits[name] = self.misfits.get(name, 0) + 1

    @cached_property
    def _types(self) -> dict[str, Any]:
        msgspec, constrained = imported("msgspec"), cast("Any", Annotated)
        whole = msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)
        exact = msgspec.Meta(gt=-(1 << 53), lt=1 << 53)  # beyond, a double would change an integer
        known: dict[str, Any] = {
            "string": str | None,
            "boolean": bool | None,
            "integer": constrained[int, whole] | None,
            "number": constrained[float, exact] | None,
            "timestamp": constrained[datetime, msgspec.Meta(tz=True)] | None,
            "json": msgspec.Raw,
        }
        return {name: known[type_] for name, type_ in self._fields.items()}

    @cached_property
    def _strict(self) -> tuple[Any, Any]:
        """The decoders of a row and of a list of rows that have only these columns."""
        msgspec = imported("msgspec")
        names = {f"f{index}": name for index, name in enumerate(self._types)}
        fields = [(key, self._types[name] | msgspec.UnsetType, msgspec.UNSET) for key, name in names.items()]
        row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)
        return msgspec.json.Decoder(row), msgspec.json.Decoder(GenericAlias(list, row))

    @cached_property
    def _decoders(self) -> dict[str, Any]:
        """The decoders of single values."""
        msgspec = imported("msgspec")
        types = {name: Any if type_ is msgspec.Raw else type_ for name, type_ in self._types.items()}
        return {name: msgspec.json.Decoder(type_) for name, type_ in types.items()}

    def schema(self) -> Any:
        """Return the schema of its tables."""
        pa = imported("pyarrow")
        types = {
            "boolean": pa.bool_(),
            "integer": pa.int64(),
            "number": pa.float64(),
            "timestamp": pa.timestamp("us", "UTC"),
        }
        return pa.schema([(name, types.get(type_, pa.string())) for name, type_ in self.types.items()])

    def _select(self, rows: str, *, safe: bool = False) -> str:
        shown = [_shown(_name(name), type_, safe=safe) for name, type_ in self.types.items()]
        return f"SELECT {', '.join(shown)} FROM {rows}"

    @property
    def _structure(self) -> str:
        # Times are strings here: DuckDB must not refuse one in lower case, which RFC 3339 allows.
        return json.dumps({name: _DUCKDB.get(type_, "VARCHAR") for name, type_ in self.types.items()})

    def select_file(self, path: Path, largest: int, *, safe: bool = False) -> str:
        """Return the query for rows in a file of JSON Lines.

        Args:
            path: the file.
            largest: size of its largest row, in bytes.
            safe: put an apostrophe before strings that spreadsheets would take for formulas.
        """
        exact = quoted(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))  # its name is not a pattern
        lines = f"read_ndjson_objects({exact}, maximum_object_size={max(largest + 1, 1 << 24)})"
        return self._select(self._parsed("json", lines), safe=safe)

    def _parsed(self, row: str, rows: str) -> str:
        # Not with the columns of read_json: it fails if a row has a field twice.
        return f"(SELECT unnest(from_json({row}, {quoted(self._structure)})) FROM {rows})"

    @cached_property
    def connection(self) -> Any:
        """A DuckDB in memory, for one thread, which reads and writes nothing but what is passed to it."""
        config = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
        connection = imported("duckdb").connect(config=config)
        connection.execute("SET TimeZone='UTC'")
        return connection

    def table(self, rows: Sequence[bytes]) -> Any:
        """Return rows that fit, as a table."""
        pa = imported("pyarrow")
        found = self.connection.from_arrow(pa.table({"row": pa.array(rows, pa.string())}))
        return found.query("rows", self._select(self._parsed("row", "rows"))).to_arrow_table().cast(self.schema())


def _decodes(decoder: Any, content: bytes) -> bool:
    try:
        decoder.decode(content)
    except Exception:  # of msgspec: malformed, or of another type
        return False
    return True


def _has_utf8(content: bytes) -> bool:
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _shown(name: str, type_: str, *, safe: bool) -> str:
    if type_ == "timestamp":
        return f"CAST(upper({name}) AS TIMESTAMPTZ) AS {name}"
    if not safe or type_ != "string":
        return name
    return f"CASE WHEN regexp_matches({name}, {quoted(_FORMULA)}) THEN '''' || {name} ELSE {name} END AS {name}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """Return a string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
