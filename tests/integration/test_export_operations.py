"""Every paged operation of every API exports to every format, with the rows of its pager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from invigilate.export import arrow_schema
from invigilate.sandbox import Sandbox
from tests.support.bound import CLIENTS, generated_module, reachable
from tests.support.exporting import FORMATS, client_of, csv_rows, json_lines, learn_client_of

NEEDED: dict[str, Any] = {
    "listEnrollmentExamSessions": lambda sandbox: {
        "enrollment_sid": sandbox.enrollment_sid, "exam_sid": sandbox.exam_sid, "include_active": True
    },
    "listAnswerBreakdown": lambda sandbox: {"quiz_id": str(UUID(int=7))},
}  # fmt: skip


def paged() -> list[Any]:
    """The API, resource and method of each paged operation, found in the clients."""
    found: list[Any] = []
    for api, (kind, _) in CLIENTS.items():
        for id_, (resource, method) in reachable(kind).items():
            module = generated_module(getattr(getattr(kind, resource), method))
            if module.OPERATION.pagination is not None:
                found.append(pytest.param(api, id_, resource, method, module, id=id_))
    return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=60) as started:
        started.populate(30)
        yield started


def test_all_are_found() -> None:
    assert len(paged()) == 15


@pytest.mark.parametrize(("api", "id_", "resource", "method", "module"), paged())
def test_an_operation(
    tmp_path: Path, sandbox: Sandbox, api: str, id_: str, resource: str, method: str, module: Any
) -> None:
    connected: Any = client_of(sandbox) if api == "smarterproctoring" else learn_client_of(sandbox)
    with connected as client:
        pager = getattr(getattr(client, resource), method)(**NEEDED.get(id_, lambda _: {})(sandbox))
        rows = [json.loads(json.dumps(row.to_dict())) for row in pager]
        results = {form: pager.export(tmp_path / f"r.{form}") for form in FORMATS}
        table = pager.to_arrow()
    assert {result.rows for result in results.values()} == {len(rows)}
    assert len(rows) > 0
    assert all(result.misfits == {} for result in results.values())
    assert json_lines(tmp_path / "r.jsonl") == rows
    assert table.schema == arrow_schema(module.describe) == arrow_schema(pager)
    assert pq.read_table(tmp_path / "r.parquet").cast(table.schema).equals(table)
    # What is documented has a column, and the sandbox sends nothing else.
    assert table.column_names == [*dict(module.OPERATION.pagination.columns), "additional"]
    assert table["additional"].null_count == len(rows)
    cells = csv_rows(tmp_path / "r.csv")
    for row, line, cell in zip(rows, table.to_pylist(), cells, strict=True):
        assert {name for name, value in row.items() if value is not None} == {
            name for name, value in line.items() if value is not None
        }
        assert all(cell[name] != "" for name, value in row.items() if value not in (None, ""))
    assert sandbox.defects == []
