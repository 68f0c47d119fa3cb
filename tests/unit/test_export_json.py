"""JSON Lines hold rows exactly as they came; numbers that JSON cannot represent are null, with a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import ResponseDecodeError
from invigilate.export import export, raw, record_batches
from invigilate_runtime import PagedCall
from tests.support.exporting import csv_rows, json_lines
from tests.support.fakes import INSTALL, Reply, Script, proctoring

ROWS = [
    b'{"sid":"ES1","b" : 1,"b":2,"unknown":{"z":null,"a":[1,{}]},"billable":"no","status":null}',
    '{"sid":"ES2","title":"Größe \\u00e9 \\ud83d\\ude00 \u2028 😀"}'.encode(),
    b'{"sid":"ES4","numbers":[1.0,1e2,-0.0,-0,12345678901234567890123456789,0.1000000000000000055511151231257827]}',
    b'{"sid":"ES5","nul":"\\u0000","slash":"\\/","quote":"\\""}',
    b'{"sid":7}', b"{}", b"[]", b"null", b'"row"',
]  # fmt: skip
NOT_JSON = (
    b'{"total": 3, "results": ['
    b'{"sid": "ES1", "exam": {"points": NaN, "most": 1e999, "title": "NaN", "deep": [{"low": -Infinity}, 1.5]}},'
    b'{"sid": "ES2", "exam": {"points": 2.5, "most": 1e300}, "later": Infinity},'
    b'{"sid": "ES3", "exam": {"points": 1.5}}]}'
)


def exported(content: bytes, path: Path, **options: Any) -> Any:
    with proctoring(Script(Reply(200, content))) as client:
        return export(client.reports.service_distribution(), path, **options)


def test_rows_beside_one_that_is_no_json_keep_their_values(tmp_path: Path) -> None:
    """Python reads such a page, and its rows are encoded again."""
    page = b'{"results": 1, "x": [{"results": [NaN]}], "results": [%s,{"a": NaN, "b": 1e999}], "total": 10}'
    with pytest.warns(UserWarning, match=r"^3 numbers"):
        exported(page % b",".join(ROWS), tmp_path / "r.jsonl")
    assert json_lines(tmp_path / "r.jsonl") == [*map(json.loads, ROWS), {"a": None, "b": None}]


def test_other_encodings(tmp_path: Path) -> None:
    exported(b'{"results": [{"a": "\\ud800", "\\udfff": 1.5}], "total": 1}', tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == b'{"a":"\\ud800","\\udfff":1.5}\n'
    exported('{"results": [{"sid": "Größe"}], "total": 1}'.encode("utf-16"), tmp_path / "r.jsonl", overwrite=True)
    assert json_lines(tmp_path / "r.jsonl") == [{"sid": "Größe"}]


@pytest.mark.parametrize("separator", [b",", b" ,\t"])
def test_rows_are_written_byte_for_byte(tmp_path: Path, separator: bytes) -> None:
    result = exported(b'{"total": 9, "results": [%s]}' % separator.join(ROWS), tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes().splitlines(keepends=True)[0] == ROWS[0] + b"\n"
    assert (tmp_path / "r.jsonl").read_bytes() == b"".join(row + b"\n" for row in ROWS)
    assert (result.rows, result.total, result.warnings) == (9, 9, ())


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_pretty_printed_rows_take_one_line_each(tmp_path: Path, newline: str) -> None:
    rows = [json.loads(row) for row in ROWS]
    content = json.dumps({"results": rows, "total": 9}, indent=2).replace("\n", newline).encode()
    exported(content, tmp_path / "r.jsonl")
    assert json_lines(tmp_path / "r.jsonl") == rows
    assert (tmp_path / "r.jsonl").read_bytes().count(b"\n") == 9


def test_a_label_comes_first(tmp_path: Path) -> None:
    with proctoring(Script(Reply(200, b'{"total": 2, "results": [{"sid":"ES1"},{}]}'))) as client:
        export({'a"b': client.reports.service_distribution()}, tmp_path / "r.jsonl", label="from")
    assert (tmp_path / "r.jsonl").read_bytes() == b'{"from":"a\\"b","sid":"ES1"}\n{"from":"a\\"b"}\n'


def strict(document: str | bytes) -> Any:
    """Decode JSON as other parsers do, which reject `NaN`."""
    return json.loads(document, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_numbers_that_json_cannot_represent_are_null_with_a_warning(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"r.{form}"
    with pytest.warns(UserWarning, match=r"^4 numbers that JSON cannot represent, as NaN, were replaced by null"):
        result = exported(NOT_JSON, path)
    assert [warning.partition(",")[0] for warning in result.warnings] == ["4 numbers that JSON cannot represent"]
    if form == "jsonl":
        rows = [strict(line) for line in path.read_bytes().splitlines()]
        assert rows[0]["exam"] == {"points": None, "most": None, "title": "NaN", "deep": [{"low": None}, 1.5]}
        assert rows[1] == {"sid": "ES2", "exam": {"points": 2.5, "most": 1e300}, "later": None}
    elif form == "csv":
        cells = csv_rows(path)
        assert strict(cells[0]["exam"])["most"] is None
        assert strict(cells[1]["additional"]) == {"later": None}


def test_a_label_is_in_the_warning(tmp_path: Path) -> None:
    with proctoring(Script(Reply(200, NOT_JSON))) as client, pytest.warns(UserWarning, match="replaced by null"):
        result = export({INSTALL: client.reports.service_distribution()}, tmp_path / "r.jsonl")
    assert result.warnings[0].startswith(f"{INSTALL}: 4 numbers")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b'{"rows": []}', b'{"results": null}', b'{"results": {}}', b'{"results": [1,]}',
     b'{"results": []} x', b"<html>", b'{"results": [{"sid": "\xff"}]}', b'{"results": ' + b"[" * 100_000],
)  # fmt: skip
def test_a_page_that_is_none_raises_the_error_of_a_pager(tmp_path: Path, content: bytes) -> None:
    with proctoring(Script(Reply(200, content))) as client:
        with pytest.raises(ResponseDecodeError) as expected:
            client.reports.service_distribution().collect()
        with pytest.raises(ResponseDecodeError) as caught:
            export(client.reports.service_distribution(), tmp_path / "r.jsonl")
        with pytest.raises(ResponseDecodeError):
            record_batches(client.reports.service_distribution()).read_all()
    assert str(caught.value) == str(expected.value)
    assert list(tmp_path.iterdir()) == []


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore:.*replaced by null")
@given(st.lists(JSON, max_size=4), st.booleans(), st.sampled_from([None, 2]))
def test_slices_are_what_json_reads(rows: list[Any], escaped: bool, indent: int | None) -> None:
    with proctoring(Script(Reply(500))) as client:
        call: PagedCall[Any] = client.reports.service_distribution().call
    pages = raw.RawPages(call)
    content = json.dumps({"results": rows, "total": 1}, ensure_ascii=escaped, indent=indent)
    try:
        found, envelope = pages.decode_page(content.encode())
    except UnicodeEncodeError:
        return  # without escapes, UTF-8 cannot hold half of a pair
    lines = [bytes(row) for row in found]
    assert envelope == {"total": 1}
    assert all(b"\n" not in line for line in lines)
    if "NaN" in content or "Infinity" in content:
        assert len(lines) == len(rows)
        assert all(strict(line) is None or line for line in lines)
        assert bool(pages.warnings) is (strict_or_none(content) is None)
    else:
        assert [strict(line) for line in lines] == rows
        assert pages.warnings == []
    assert found.sids == [row["sid"] for row in rows if isinstance(row, dict) and isinstance(row.get("sid"), str)]


def strict_or_none(content: str) -> Any:
    """The document, or `None` if it has numbers that JSON cannot represent."""
    found: list[str] = []
    value = json.loads(content, parse_constant=found.append)
    return None if found else value
