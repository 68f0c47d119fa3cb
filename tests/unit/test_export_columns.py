"""Columns: the schema is fixed, and no value is lost, whatever a row has."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import msgspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from invigilate import Pagination, parse_timestamp
from invigilate.export import arrow_schema, export, record_batches
from smarterproctoring_client.api.reports import get_service_distribution
from tests.support.exporting import csv_rows, json_lines
from tests.support.fakes import Reply, Script, proctoring

TYPES = {
    "text": "string", "flag": "boolean", "count": "integer", "points": "number", "time": "timestamp", "any": "json"
}  # fmt: skip
PAGINATION = Pagination("offset", rows="results", parameter="offset", total="total", columns=tuple(TYPES.items()))
ARROW = {
    "text": pa.string(), "flag": pa.bool_(), "count": pa.int64(), "points": pa.float64(),
    "time": pa.timestamp("us", "UTC"), "any": pa.string(), "additional": pa.string(),
}  # fmt: skip
ROW = {"text": "a", "flag": True, "count": 1, "points": 0.5, "time": "2026-03-04T15:30:00.000Z", "any": {"a": [1]}}


def page_of(rows: list[bytes]) -> Script:
    """A server of one page with rows that are JSON already."""
    content = b'{"total": %d, "results": [%s]}' % (len(rows), b",".join(rows))
    return Script(Reply(200, content))


def dumped(rows: list[Any]) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


def table_of(rows: list[bytes], **options: Any) -> Any:
    """The table of rows of JSON, and that of the Parquet file, which must be equal."""
    # Properties try hundreds of files, which need not survive a power failure.
    with (
        proctoring(page_of(rows)) as client,
        tempfile.TemporaryDirectory() as folder,
        patch("os.fsync", lambda descriptor: None),
    ):
        pager = client.paginate("/v1/x", pagination=PAGINATION)
        table = record_batches(pager, **options).read_all()
        result = export(pager, Path(folder) / "r.parquet", **options)
        found = pq.read_table(Path(folder) / "r.parquet")
        assert found.num_rows == result.rows == table.num_rows == len(rows)
        assert found.cast(table.schema).equals(table)
    return table


def exported(rows: list[bytes], folder: Path, form: str, **options: Any) -> Any:
    """The result of an export of rows of JSON."""
    with proctoring(page_of(rows)) as client:
        return export(client.paginate("/v1/x", pagination=PAGINATION), folder / f"r.{form}", **options)


def restored(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a row that are not null, from its columns and `additional`."""
    found = {name: value for name, value in line.items() if value is not None and name != "additional"}
    if "any" in found:
        found["any"] = json.loads(found["any"])
    return {**found, **json.loads(line["additional"] or "{}")}


def test_the_schema_is_fixed_and_nothing_is_sent_for_it(tmp_path: Path) -> None:
    script = page_of(dumped([ROW, {"new": 1}]))
    with proctoring(script) as client:
        pager = client.paginate("/v1/x", pagination=PAGINATION)
        schema = arrow_schema(pager)
        assert dict(zip(schema.names, schema.types, strict=True)) == ARROW
        assert arrow_schema(pager, label="from").names == ["from", *ARROW]
        assert script.sent == []
        assert record_batches(pager).schema == record_batches(pager).read_all().schema == schema
        assert pager.to_arrow().schema == schema
        report = client.reports.service_distribution()
        assert arrow_schema(report) == arrow_schema(get_service_distribution.describe)
        assert arrow_schema(report).names == [*dict(report.call.pagination.columns), "additional"]
    for rows in ([], dumped([{}]), dumped([ROW])):
        assert table_of(rows).schema == schema


def test_values_have_the_types_of_their_columns() -> None:
    (line,) = table_of(dumped([ROW])).to_pylist()
    time = dt.datetime(2026, 3, 4, 15, 30, tzinfo=dt.UTC)
    assert line == {**ROW, "time": time, "any": '{"a":[1]}', "additional": None} | {"any": line["any"]}
    assert json.loads(line["any"]) == {"a": [1]}


OTHERS: dict[str, list[Any]] = {
    "text": [3, 2.5, True, ["x"], {"a": 1}],
    "flag": [0, 1, "true", "", [], {}],
    "count": ["1", 1.5, True, 2**63, -(2**63) - 1, 10**40, []],
    "points": ["1.5", True, 2**53 + 1, 10**40, {}],
    "time": ["", "soon", "2026-03-04", "2026-03-04T15:30:00", "2026-02-30T00:00:00Z", "2026-W10-4T15:30:00.000Z",
             "2016-12-31T23:59:60Z", 1772638200, True, {"at": 1}],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_value_of_another_type_is_additional(tmp_path: Path, name: str) -> None:
    rows = dumped([*({**ROW, name: value} for value in OTHERS[name]), ROW, {**ROW, name: None}])
    lines = table_of(rows).to_pylist()
    expected = [*({name: value} for value in OTHERS[name]), None, None]
    assert [line["additional"] and json.loads(line["additional"]) for line in lines] == expected
    assert [line[name] for line in lines[:-2]] == [None] * len(OTHERS[name])
    assert lines[-1][name] is None
    assert lines[-2][name] is not None
    result = exported(rows, tmp_path, "parquet")
    assert result.misfits == {name: len(OTHERS[name])}


@pytest.mark.parametrize(
    ("string", "moment"),
    [
        ("2026-01-01t10:00:00z", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T10:00:00.25Z", "2026-01-01T10:00:00.250000+00:00"),
        ("2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123456+00:00"),
        ("2026-01-01T10:00:00+05:30", "2026-01-01T04:30:00+00:00"),
        ("2026-01-01T10:00:00-00:00", "2026-01-01T10:00:00+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_times(string: str, moment: str) -> None:
    (line,) = table_of(dumped([{"time": string}])).to_pylist()
    assert line["time"] == dt.datetime.fromisoformat(moment)
    assert line["additional"] is None


@pytest.mark.parametrize(
    "string",
    [
        "2026-01-01T10:00:00.123456789Z",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "2026-01-01T24:00:00Z",
    ],
)
def test_a_time_at_the_limits_is_kept(tmp_path: Path, string: str) -> None:
    """Rounded to microseconds, a time outside of the years 1 to 9999, or a day that ends at 24:00: no value is lost."""
    lines = table_of(dumped([{"time": string}, {"time": string, "text": "b"}]))
    for index, line in enumerate(lines.slice(0, 2).select(["text", "additional"]).to_pylist()):
        assert line["text"] == (None, "b")[index]
    exported(dumped([{"time": string}]), tmp_path, "csv")
    assert string in (tmp_path / "r.csv").read_text()


ODD_ROWS = [
    b'{"additional": 3, "TEXT": "upper", "text": "lower", "Any": 1, "ADDITIONAL": {"a": 1}}',
    b'{"text": "a \\"b\\", c\\nd\\re\\u0000f\\u2028g", "any": "\\u0000", "new\\n\\u0000\\"\'": "\\u0000"}',
    '{"text": "Größe 😀", "größe": ["ß"]}'.encode(),
    b'{"text": "\\ud800", "any": {"\\udfff": ["\\ud800x"]}, "\\ud800": 1}',
    b'{"text": "\\ud83d\\ude00", "any": "\\\\ud800"}',
    b'{"count": 12345678901234567890123, "any": 12345678901234567890123.5, "points": 1e300}',
    b'{"text": "same", "any": {"a": 1, "a": 2}, "text": "same"}',
    b'{"any": ' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"any": null, "text": null, "new": null}',
    b"{}",
    b"[]", b"null", b"3", b'"row"', b'[{"text": "a"}]',
    b' { "text" : "a" , "count" : 1 } ',
    b'{"": 1, "text": "", "points": -0.0, "count": -0}',
    b'{"points": 1E2, "count": 1e2}',
]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_odd_rows_are_kept_in_every_format(tmp_path: Path, form: str) -> None:
    for number, row in enumerate([*ODD_ROWS, b"{}"]):
        path = tmp_path / f"{number}.{form}"
        with proctoring(page_of([row, b'{"text": "next"}'])) as client:
            assert export(client.paginate("/v1/x", pagination=PAGINATION), path).rows == 2, row
        expected = json.loads(row)
        if form == "jsonl":
            assert json_lines(path)[0] == expected
            continue
        lines: list[Any] = csv_rows(path) if form == "csv" else pq.read_table(path).to_pylist()
        assert lines[1]["text"] == "next"
        if form == "parquet" and isinstance(expected, dict):
            assert restored(lines[0]) == {
                name: value for name, value in expected.items() if value is not None or name not in TYPES
            }, row
        elif not isinstance(expected, dict):
            assert json.loads(lines[0]["additional"]) == expected


def test_a_field_that_a_row_has_twice(tmp_path: Path) -> None:
    """JSON Lines keep both; a table has one of them, and the rest of the row."""
    row = b'{"text":"a","text":"b","any":{"c":1,"c":2},"count":1,"new":1,"new":2}'
    exported([row], tmp_path, "jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == row + b"\n"
    for each in (row, row.replace(b',"new":1,"new":2', b"")):
        (line,) = table_of([each]).to_pylist()
        assert line["text"] in {"a", "b"}
        assert (line["any"], line["count"]) == ('{"c":1,"c":2}', 1)
        exported([each], tmp_path, "csv", overwrite=True)
        assert csv_rows(tmp_path / "r.csv")[0]["text"] in {"a", "b"}


def test_a_row_larger_than_16_mib(tmp_path: Path) -> None:
    large = {"text": "x" * (17 << 20), "new": "y" * (1 << 20)}
    for form in ("csv", "parquet", "jsonl"):
        assert exported(dumped([{"text": "a"}, large]), tmp_path, form).rows == 2
    lines: list[Any] = pq.read_table(tmp_path / "r.parquet").to_pylist()
    assert restored(lines[1]) == json_lines(tmp_path / "r.jsonl")[1] == large
    assert csv_rows(tmp_path / "r.csv")[1]["text"] == large["text"]
    assert table_of(dumped([large])).num_rows == 1


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=5)
    | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
FIELDS = st.sampled_from([*TYPES, "Text", "additional", "later"]) | st.text(st.characters(), max_size=3)
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=5),
        "flag": st.booleans(),
        "count": st.integers(-(2**63), 2**63 - 1),
        "points": st.floats(allow_nan=False, allow_infinity=False),
        "time": st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.isoformat()),
        "any": JSON,
    },
)


def same(name: str, sent: Any, found: Any) -> bool:
    """Whether a value of a column is the one that was sent."""
    if isinstance(found, dt.datetime):
        return parse_timestamp(sent) == found
    return bool(found == sent)


@settings(max_examples=100)
@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | FITTING, max_size=5))
@example([{"count": -0.0, "points": 2**53, "any": "\x00"}])
@example([{"time": "0001-01-01T00:00:00+00:00"}, {"time": "2024-06-30T12:00:00+23:59"}])
def test_columns_and_additional_hold_what_was_sent(rows: list[dict[str, Any]]) -> None:
    for row, line in zip(rows, table_of(dumped(rows)).to_pylist(), strict=True):
        found = restored(line)
        missing = {name for name in row if name not in found}
        assert all(row[name] is None and name in TYPES for name in missing)
        assert found.keys() <= row.keys()
        assert all(same(name, row[name], value) for name, value in found.items())


@settings(max_examples=60)
@given(st.text("0123456789-:.+TtZz ", max_size=30) | st.from_regex(
    r"\A(0001|9999|2026|0000)-(01|12|13)-(01|31|00)[Tt ]\d\d:[0-6]\d:[0-6]\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-6]\d)\Z"
))  # fmt: skip
def test_whatever_msgspec_accepts_as_a_time_duckdb_does_too(string: str) -> None:
    (line,) = table_of(dumped([{"time": string}])).to_pylist()
    try:
        moment = msgspec.convert(string, dt.datetime)
    except msgspec.ValidationError:
        moment = None
    if line["additional"] is not None:
        assert json.loads(line["additional"]) == {"time": string}
    else:
        assert moment is not None
        assert moment.tzinfo is not None
        assert abs(line["time"] - moment) <= dt.timedelta(microseconds=1)


def test_csv_cells(tmp_path: Path) -> None:
    rows = [{**ROW, "text": 'a "b", c\r\nd\ne', "any": {"x": "é"}, "time": "2026-03-04t15:30:00+02:00", "new": "n"}, {}]
    exported(dumped(rows), tmp_path, "csv")
    first, second = csv_rows(tmp_path / "r.csv")
    assert list(first) == list(ARROW)
    assert (first["text"], first["flag"], first["count"], first["points"]) == (rows[0]["text"], "true", "1", "0.5")
    # Times stay strings in CSV.
    assert first["time"] == rows[0]["time"]
    assert (json.loads(first["any"]), json.loads(first["additional"])) == (rows[0]["any"], {"new": "n"})
    assert set(second.values()) == {""}


def test_csv_safe_turns_formulas_into_strings(tmp_path: Path) -> None:
    formulas = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1", "\xa0\u3000@x", "\ufeff=1", "\x01+1"]
    formulas += [f"{blank}{sign}1" for blank in ("", " ") for sign in "\uff1d\uff0b\uff0d\uff20"]
    others = ["x=1", " x=1", " ", "", "'=1"]
    rows = dumped([{"text": string, "points": -1, "any": "=1"} for string in [*formulas, *others]])
    exported(rows, tmp_path, "csv")
    assert [row["text"] for row in csv_rows(tmp_path / "r.csv")] == [*formulas, *others]
    exported(rows, tmp_path, "csv", csv_safe=True, overwrite=True)
    safe = csv_rows(tmp_path / "r.csv")
    assert [row["text"] for row in safe] == [*(f"'{string}" for string in formulas), *others]
    assert {(float(row["points"]), row["any"]) for row in safe} == {(-1.0, '"=1"')}


def test_a_label_of_a_formula_is_made_safe_too(tmp_path: Path) -> None:
    with proctoring(page_of(dumped([{"=name": 1}]))) as client:
        source = {"=1+1": client.paginate("/v1/x", pagination=PAGINATION)}
        export(source, tmp_path / "r.csv", csv_safe=True)
    (row,) = csv_rows(tmp_path / "r.csv")
    assert (row["label"], row["additional"]) == ("'=1+1", '{"=name":1}')


def test_pandas_polars_and_duckdb_accept_tables() -> None:
    rows = dumped([{**ROW, "count": number, "flag": [True, False, None][number]} for number in range(3)])
    with proctoring(page_of(rows)) as client, duckdb.connect() as connection:
        pager = client.paginate("/v1/x", pagination=PAGINATION)
        relation = pager.to_duckdb(connection)
        query = "select count(*), sum(count), max(epoch(time)), any_value(\"any\"->>'$.a[0]') from r"
        assert relation.query("r", query).fetchall() == [(3, 3, 1772638200.0, "1")]
        assert pager.to_duckdb().count("*").fetchall() == [(3,)]
        frame = pager.to_arrow().to_pandas()
        assert frame["time"][0] == pd.Timestamp("2026-03-04T15:30:00Z")
        arrow_frame = pl.from_arrow(pager.to_arrow())
        assert isinstance(arrow_frame, pl.DataFrame)
        assert arrow_frame.schema["time"] == pl.Datetime("us", "UTC")
        assert arrow_frame["flag"].to_list() == [True, False, None]


def test_parquet_is_reproducible_and_has_row_groups(tmp_path: Path) -> None:
    rows = dumped([{"count": number, "new": number} if number % 3 else ROW for number in range(40_000)])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        exported(rows, tmp_path / name, "parquet")
    assert (tmp_path / "a" / "r.parquet").read_bytes() == (tmp_path / "b" / "r.parquet").read_bytes()
    found = pq.ParquetFile(tmp_path / "a" / "r.parquet").metadata
    groups = [found.row_group(index).num_rows for index in range(found.num_row_groups)]
    assert (len(groups), sum(groups)) == (2, 40_000)


def test_a_warning_as_an_error_does_not_come_from_columns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert table_of(ODD_ROWS[:4]).num_rows == 4
