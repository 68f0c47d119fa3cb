"""Columns: nothing is lost, whatever the value of a field is."""

from __future__ import annotations

import copy
import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invigilate.export import ExportArgumentError, to_table
from invigilate.export.columns import FIELDS, MAX_KEYS, OBJECTS, ColumnType, SeenKeys, fields_of, layout
from invigilate.export.csv_file import CsvFile
from invigilate.export.json_lines import to_json, to_line
from invigilate.export.parquet_file import ParquetFile
from smarterproctoring_client.models import ServiceDistributionRow
from tests.support.fakes import Reply, Script, proctoring

ROW: dict[str, Any] = {
    "sid": "ES" + "0" * 32, "status": "Closed", "statusReason": None, "billable": True,
    "schedulingModule": "b-virtual", "workflowModule": "live",
    "appointmentDate": "2026-03-04T15:30:00.000Z", "dateClosed": "2026-03-04T17:02:11Z", "dateCancelled": None,
    "exam": {"sid": "EX1", "title": "Größe, \"und\"\nmehr"}, "course": {}, "user": None,
    "courseOffering": {"sid": "CO1", "weeks": 12, "online": True, "price": 9.5, "sections": [1, 2], "term": {"y": 1}},
    "serviceType": "live",
}  # fmt: skip
NAMES = list(ROW)


def additional(table: Any) -> list[Any]:
    """The last column, decoded."""
    return [None if string is None else json.loads(string) for string in table["additional"].to_pylist()]


def as_csv(rows: list[dict[str, Any]], **options: Any) -> tuple[list[dict[str, str]], dict[str, int], bytes]:
    """Rows written as CSV and read back, the misfits, and the bytes."""
    seen, misfits = SeenKeys(), dict[str, int]()
    copies = json.loads(json.dumps(rows))
    for row in copies:
        seen.observe(row)
    file, nested = io.BytesIO(), options.pop("nested", "flatten")
    writer = CsvFile(file, layout(seen, nested), None, nested, safe=options.pop("safe", False), misfits=misfits)
    writer.write(copies)
    writer.finish()
    content = io.StringIO(file.getvalue().decode(), newline="")
    return list(csv.DictReader(content, strict=True)), misfits, file.getvalue()


def test_columns_are_those_of_the_generated_model() -> None:
    assert [field.name for field in FIELDS] == NAMES
    names = {type_: [field.name for field in FIELDS if field.type is type_] for type_ in ColumnType}
    assert names[ColumnType.TIMESTAMP] == ["appointmentDate", "dateClosed", "dateCancelled"]
    assert names[ColumnType.OBJECT] == ["exam", "course", "user", "courseOffering"]
    assert names[ColumnType.BOOLEAN] == ["billable"]
    assert len(names[ColumnType.STRING]) == 6


def test_fields_of_a_row() -> None:
    some = {"extra": 1, "sid": "ES1", "exam": None}
    row = ServiceDistributionRow.from_dict(some)
    assert fields_of(row) == row.to_dict() == some
    assert list(fields_of(row)) == ["sid", "exam", "extra"]
    assert fields_of(ServiceDistributionRow.from_dict(ROW)) == ROW


def test_a_table_of_a_row() -> None:
    original = ServiceDistributionRow.from_dict(copy.deepcopy(ROW))
    table = to_table([original])
    assert original.to_dict() == ROW
    assert table.column_names == [*NAMES, "additional"]
    row = table.to_pylist()[0]
    assert row["appointmentDate"] == datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
    assert row["dateClosed"] == datetime(2026, 3, 4, 17, 2, 11, tzinfo=UTC)
    assert row["exam"] == ROW["exam"]
    # An object that has no keys in any row is a column of JSON.
    assert (row["course"], row["user"]) == ("{}", None)
    assert row["courseOffering"] == ROW["courseOffering"] | {"sections": "[1,2]", "term": '{"y":1}'}
    keys = {field.name: field.type for field in table.schema.field("courseOffering").type}
    assert keys == {
        "sid": pa.string(), "weeks": pa.int64(), "online": pa.bool_(), "price": pa.float64(),
        "sections": pa.string(), "term": pa.string(),
    }  # fmt: skip
    assert row["additional"] is None
    flat = to_table([ROW], nested="flatten").to_pylist()[0]
    assert (flat["exam.sid"], flat["courseOffering.weeks"], "course" in flat) == ("EX1", 12, False)
    as_json = to_table([ROW], nested="json").to_pylist()[0]
    assert json.loads(as_json["courseOffering"]) == ROW["courseOffering"]
    assert as_json["user"] is None


@pytest.mark.parametrize("value", [3, 2.5, True, ["x"], {"a": 1}, "\ud800"])
def test_a_string_column_holds_only_strings(value: Any) -> None:
    table = to_table([ROW | {"status": value}, ROW])
    assert table["status"].to_pylist() == [None, "Closed"]
    assert additional(table) == [{"status": value}, None]
    assert pq_again(table).equals(table)


@pytest.mark.parametrize("value", [0, 1, "true", "", [], {}])
def test_a_boolean_column_holds_only_booleans(value: Any) -> None:
    table = to_table([ROW | {"billable": value}, ROW])
    assert table["billable"].to_pylist() == [None, True]
    assert additional(table) == [{"billable": value}, None]


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2026-03-04", "2026-03-04T15:30:00", "2026-02-30T00:00:00Z", "2026-W10-4T15:30:00.000Z",
     "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+10:00", 1772638200, True, {"at": 1}],
)  # fmt: skip
def test_a_time_that_cannot_be_parsed_is_additional(value: Any) -> None:
    table = to_table([ROW | {"dateClosed": value}, ROW])
    assert table["dateClosed"].to_pylist()[0] is None
    assert additional(table) == [{"dateClosed": value}, None]


@pytest.mark.parametrize(
    ("string", "moment", "whole"),
    [
        ("2026-03-04T15:30:00Z", datetime(2026, 3, 4, 15, 30, tzinfo=UTC), True),
        ("2026-03-04t15:30:00.25z", datetime(2026, 3, 4, 15, 30, 0, 250_000, tzinfo=UTC), True),
        ("2026-03-04T15:30:00.123456Z", datetime(2026, 3, 4, 15, 30, 0, 123_456, tzinfo=UTC), True),
        ("2026-03-04T15:30:00.123456000Z", datetime(2026, 3, 4, 15, 30, 0, 123_456, tzinfo=UTC), True),
        ("2026-03-04T15:30:00.1234567Z", datetime(2026, 3, 4, 15, 30, 0, 123_456, tzinfo=UTC), False),
        ("2026-03-04T15:30:00+00:00", datetime(2026, 3, 4, 15, 30, tzinfo=UTC), True),
        ("2026-03-04T15:30:00+02:00", datetime(2026, 3, 4, 15, 30, tzinfo=timezone(timedelta(hours=2))), False),
    ],
)
def test_a_time_that_holds_more_than_an_instant_is_additional_too(string: str, moment: datetime, whole: bool) -> None:
    table = to_table([ROW | {"appointmentDate": string}])
    assert table["appointmentDate"].to_pylist() == [moment]
    assert additional(table) == [None if whole else {"appointmentDate": string}]


def test_keys_with_values_of_several_types_have_the_widest() -> None:
    values = ["string", 1.5, 7, True, [1], None, 2**53 + 1, 2**70, "\ud800"]
    table = to_table([ROW | {"exam": {"value": value}} for value in values])
    assert [row["value"] for row in table["exam"].to_pylist()] == ["string", *[None] * 8]
    assert additional(table) == [None if value in ("string", None) else {"exam": {"value": value}} for value in values]
    numbers = to_table([ROW | {"exam": {"value": value}} for value in values[1:-1]])
    assert numbers["exam"].type.field("value").type == pa.float64()
    assert [row["value"] for row in numbers["exam"].to_pylist()] == [1.5, 7.0, *[None] * 5]
    integers = to_table([ROW | {"exam": {"value": value}} for value in values[2:-1]])
    assert [row["value"] for row in integers["exam"].to_pylist()] == [7, None, None, None, 2**53 + 1, None]
    assert additional(integers)[5] == {"exam": {"value": 2**70}}
    # The order of rows does not matter.
    backwards = to_table([ROW | {"exam": {"value": value}} for value in reversed(values)])
    assert backwards.schema == table.schema


def test_values_that_are_not_objects_are_additional() -> None:
    rows = [ROW, ROW | {"exam": "EX1"}, ROW | {"exam": [1]}, ROW | {"exam": None}, ROW | {"exam": {}}]
    table = to_table(rows)
    assert table["exam"].to_pylist() == [ROW["exam"], None, None, None, {"sid": None, "title": None}]
    assert additional(table) == [None, {"exam": "EX1"}, {"exam": [1]}, None, None]
    found, misfits, _ = as_csv(rows)
    assert [row["exam.sid"] for row in found] == ["EX1", "", "", "", ""]
    assert [row["additional"] for row in found] == ["", '{"exam":"EX1"}', '{"exam":[1]}', "", ""]
    assert misfits == {"exam": 2}


def test_undocumented_fields_are_kept() -> None:
    rows = [ROW | {"later": {"deep": [1, None]}, "additional": 3, "exam.sid": "x"}]
    assert additional(to_table(rows)) == [{"later": {"deep": [1, None]}, "additional": 3, "exam.sid": "x"}]
    found, misfits, _ = as_csv(rows)
    assert json.loads(found[0]["additional"]) == {"later": {"deep": [1, None]}, "additional": 3, "exam.sid": "x"}
    assert misfits == {}


def test_keys_become_columns_up_to_a_limit() -> None:
    many = {f"key-{number}": number for number in range(MAX_KEYS + 5)} | {"\ud800": 1}
    rows = [ROW, ROW | {"exam": many}]
    table = to_table(rows, nested="flatten")
    columns = [name for name in table.column_names if name.startswith("exam.")]
    assert len(columns) == MAX_KEYS
    rest = additional(table)[1]["exam"]
    assert len(rest) == 8
    assert {name.removeprefix("exam."): table[name].to_pylist()[1] for name in columns[2:]} | rest == many
    found, misfits, _ = as_csv(rows)
    assert json.loads(found[1]["additional"])["exam"] == rest
    assert sum(misfits.values()) == 8


def test_csv_cells() -> None:
    rows = [
        ROW | {"status": 'a "b", c', "statusReason": "x\r\ny\rz\nw", "serviceType": "\ud800", "workflowModule": 2.50}
    ]
    found, misfits, content = as_csv(rows)
    row = found[0]
    assert (row["status"], row["statusReason"], row["workflowModule"]) == ('a "b", c', "x\r\ny\rz\nw", "2.5")
    assert row["billable"] == "true"
    assert not [name for name in row if name.startswith("user")]
    assert (row["serviceType"], json.loads(row["additional"])) == ("", {"serviceType": "\ud800"})
    assert misfits == {"serviceType": 1}
    assert row["courseOffering.sections"] == "[1,2]"
    assert row["exam.title"] == ROW["exam"]["title"]
    assert b'"a ""b"", c"' in content
    assert "Größe".encode() in content


def test_csv_safe_turns_formulas_into_strings() -> None:
    formulas = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1", "\xa0\u3000@x", "\ufeff=1", "\0+1"]
    formulas += [f"{blank}{sign}1" for blank in ("", " ") for sign in "\uff1d\uff0b\uff0d\uff20"]
    others = ["x=1", " x=1", " ", "", "'=1"]
    rows = [ROW | {"status": string, "exam": {"title": string, "points": -1}} for string in [*formulas, *others]]
    plain, _, _ = as_csv(rows)
    assert [row["status"] for row in plain] == [*formulas, *others]
    safe, _, _ = as_csv(rows, safe=True)
    assert [row["status"] for row in safe] == [*(f"'{string}" for string in formulas), *others]
    assert [row["exam.title"] for row in safe] == [*(f"'{string}" for string in formulas), *others]
    assert {row["exam.points"] for row in safe} == {"-1"}


def pq_again(table: Any) -> Any:
    """A table, written to Parquet and read back."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(io.BytesIO(file.getvalue()))


def test_parquet_of_many_rows_is_reproducible() -> None:
    rows = [ROW | {"sid": str(number), "later": number} if number % 3 else ROW for number in range(40_000)]
    seen = SeenKeys()
    seen.observe(ROW)
    files: list[bytes] = []
    for _ in range(2):
        file, left = io.BytesIO(), json.loads(json.dumps(rows))
        writer = ParquetFile(file, layout(seen, "struct"), None, "struct", misfits={})
        for start in range(0, len(left), 1024):
            writer.write(left[start : start + 1024])
        writer.finish()
        files.append(file.getvalue())
    assert files[0] == files[1]
    found = pq.ParquetFile(io.BytesIO(files[0]))
    assert [found.metadata.row_group(index).num_rows for index in range(found.num_row_groups)] == [32768, 7232]
    assert found.read().equals(to_table(rows))


def test_an_empty_report_has_columns() -> None:
    table = to_table([])
    assert (table.num_rows, table.column_names) == (0, [*NAMES, "additional"])
    assert as_csv([])[2].startswith(b"sid,status,")


def test_pandas_polars_and_duckdb_accept_tables() -> None:
    rows = [ROW | {"sid": f"ES{number}", "billable": None if number == 2 else number % 2 == 0} for number in range(5)]
    table = to_table(rows)
    frame = table.to_pandas()
    assert str(frame["appointmentDate"].dtype) == "datetime64[us, UTC]"
    assert frame["appointmentDate"][0] == pd.Timestamp("2026-03-04T15:30:00Z")
    assert frame["exam"][0] == ROW["exam"]
    arrow_frame = pl.from_arrow(table)
    assert isinstance(arrow_frame, pl.DataFrame)
    assert arrow_frame.schema["appointmentDate"] == pl.Datetime("us", "UTC")
    assert arrow_frame["exam"].struct.field("title").to_list() == [ROW["exam"]["title"]] * 5
    assert arrow_frame["billable"].to_list() == [True, False, None, False, True]
    connection = duckdb.connect()
    billable = "count(*) filter (where billable)"
    query = f"select exam.title, count(*), {billable}, max(epoch(appointmentDate)) from rows group by 1"
    found = connection.register("rows", table).execute(query).fetchall()
    assert found == [(ROW["exam"]["title"], 5, 2, 1772638200.0)]
    connection.close()


def test_a_pager_is_accepted() -> None:
    script = Script(Reply(200, {"total": 1, "results": [ROW]}))
    with proctoring(script) as client:
        assert to_table(client.reports.service_distribution()).to_pylist()[0]["sid"] == ROW["sid"]
        assert to_table(client.paginate("/v1/x")).equals(to_table([ROW]))


@pytest.mark.parametrize("rows", [None, 3, "rows", b"rows", ROW])
def test_rows_that_are_not_an_iterable_of_rows(rows: Any) -> None:
    with pytest.raises(ExportArgumentError, match="rows: expected an iterable of report rows"):
        to_table(rows)


@pytest.mark.parametrize("row", [None, 3, "row", {"sid": object()}])
def test_a_row_that_is_not_a_row(row: Any) -> None:
    with pytest.raises(ExportArgumentError, match=r"rows\[1\]: expected"):
        to_table([ROW, row])
    with pytest.raises(ExportArgumentError, match="nested"):
        to_table([ROW], nested="deep")  # type: ignore[arg-type]


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
ROWS: Any = st.lists(st.dictionaries(st.sampled_from([*NAMES, "later", "SID"]), JSON, max_size=8), max_size=6)


@settings(deadline=None, max_examples=150)
@given(ROWS)
def test_every_value_is_in_the_table(rows: list[dict[str, Any]]) -> None:
    table = to_table(rows)
    assert pq_again(table).equals(table)
    for original, row in zip(rows, table.to_pylist(), strict=True):
        more = json.loads(row.pop("additional") or "{}")
        for name, value in original.items():
            if name in OBJECTS and table.schema.field(name).type == pa.string() and row[name] is not None:
                # No row has an object with keys there.
                row[name] = json.loads(row[name])
            if name in row and row[name] is not None and name not in more:
                assert same(value, row[name]), name
            elif isinstance(value, dict) and name in more and isinstance(row.get(name), dict):
                for key, item in value.items():
                    assert same(item, more[name].get(key, row[name].get(key)))
            elif value is not None:
                assert more[name] == value, name


def same(original: Any, found: Any) -> bool:
    """Whether a value of a table is that of a row."""
    if isinstance(found, dict):
        return isinstance(original, dict) and all(same(item, found.get(key)) for key, item in original.items())
    if isinstance(found, str) and not isinstance(original, str):
        return bool(json.loads(found) == original)
    return bool(found == original)


@given(JSON)
def test_json_round_trips(value: Any) -> None:
    to_json(value).encode()
    assert json.loads(to_json(value)) == value
    line = to_line(value)
    assert line.count(b"\n") == 1
    assert json.loads(line) == value
