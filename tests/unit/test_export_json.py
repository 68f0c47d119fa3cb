"""Numbers that JSON cannot represent are replaced by null, with a warning; see RFC 8259, section 6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate.export import export_report, to_table
from invigilate.export.json_lines import replace_non_finite, to_json, to_line
from smarterproctoring_client.models import ServiceDistributionRow
from tests.support.exporting import csv_rows
from tests.support.fakes import INSTALL, Reply, Script, proctoring

ROWS = (
    b'{"total": 3, "results": ['
    b'{"sid": "ES1", "exam": {"points": NaN, "most": 1e999, "title": "NaN", "deep": [{"low": -Infinity}, 1.5]}},'
    b'{"sid": "ES2", "exam": {"points": 2.5, "most": 1e300}, "later": Infinity},'
    b'{"sid": "ES3", "exam": {"points": 1.5}}]}'
)
NO_SID = b'{"total": 1, "results": [{"sid": {"of": "somebody"}, "later": NaN}]}'
WARNING_WITHOUT_SID = "numbers that JSON cannot represent were replaced by null: later is NaN in a row without SID"
WARNING = (
    "numbers that JSON cannot represent were replaced by null: exam.points is NaN in row 'ES1'; "
    "exam.most is Infinity in row 'ES1'; exam.deep[0].low is -Infinity in row 'ES1', and 1 more"
)


def strict(document: str | bytes) -> Any:
    """Decode JSON as other parsers do, which reject `NaN`."""

    def refuse(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    return json.loads(document, parse_constant=refuse)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_an_export_reports_numbers_that_json_cannot_represent(tmp_path: Path, form: Any) -> None:
    path = tmp_path / f"r.{form}"
    with proctoring(Script(Reply(200, ROWS))) as client, pytest.warns(UserWarning, match="replaced by null") as caught:
        result = export_report(client, path)
    assert result.warnings == (WARNING,)
    assert [str(warning.message) for warning in caught] == [WARNING]
    if form == "jsonl":
        rows = [strict(line) for line in path.read_bytes().splitlines()]
        assert rows[0]["exam"] == {"points": None, "most": None, "title": "NaN", "deep": [{"low": None}, 1.5]}
        assert rows[1] == {"sid": "ES2", "exam": {"points": 2.5, "most": 1e300}, "later": None}
    elif form == "csv":
        cells = csv_rows(path)
        assert [row["exam.points"] for row in cells] == ["", "2.5", "1.5"]
        assert strict(cells[0]["exam.deep"]) == [{"low": None}, 1.5]
        assert strict(cells[1]["additional"]) == {"later": None}
    else:
        lines = pq.read_table(path).to_pylist()
        assert [line["exam"]["points"] for line in lines] == [None, 2.5, 1.5]
        assert [line["exam"]["most"] for line in lines] == [None, 1e300, None]
        assert strict(lines[1]["additional"]) == {"later": None}


def test_a_row_without_a_sid(tmp_path: Path) -> None:
    with proctoring(Script(Reply(200, NO_SID))) as client, pytest.warns(UserWarning, match="replaced by null"):
        assert export_report(client, tmp_path / "r.jsonl").warnings == (WARNING_WITHOUT_SID,)


def test_the_warning_names_the_install(tmp_path: Path) -> None:
    with (
        proctoring(Script(Reply(200, ROWS))) as client,
        pytest.warns(UserWarning, match=f"^install {INSTALL}: numbers"),
    ):
        export_report(client, tmp_path / "r.jsonl", installs=[INSTALL])


def test_tables_hold_such_numbers_but_their_texts_do_not() -> None:
    rows = [ServiceDistributionRow.from_dict(row) for row in json.loads(ROWS)["results"]]
    with pytest.warns(UserWarning, match=r"^numbers .* replaced by null: \[0\]\.low is -Infinity$"):
        table = to_table(rows[:1])
    exam = table["exam"].to_pylist()[0]
    assert exam["points"] != exam["points"]
    assert exam["most"] == float("inf")
    assert strict(exam["deep"]) == [{"low": None}, 1.5]
    with pytest.warns(UserWarning, match=r"^numbers .* replaced by null: later is Infinity$"):
        assert strict(to_table(rows[1:])["additional"].to_pylist()[0]) == {"later": None}


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_what_is_finite_is_strict_json(value: Any) -> None:
    before, found = repr(value), list[str]()
    written = strict(to_line(replace_non_finite(value, found)))
    assert repr(value) == before
    assert bool(found) is (json.dumps(value) != json.dumps(written))
    assert len(found) == sum(json.dumps(value).count(name) for name in ("NaN", "Infinity")) or "N" in before
    if found:
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_line(value)
        with pytest.warns(UserWarning, match="replaced by null"):
            assert strict(to_json(value)) == written
    else:
        assert written == value == strict(to_json(value))
