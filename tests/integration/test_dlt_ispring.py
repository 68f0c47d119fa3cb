"""The dlt source for iSpring Learn: real dlt, from the sandbox into files of DuckDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from invigilate import ConfigurationError, InvalidArgumentError
from invigilate.dlt import ispring_source
from invigilate.dlt.ispring import KEYS, paged_operations
from invigilate.export import arrow_schema
from invigilate.sandbox import Sandbox, faults
from tests.support.loading import Edited, loaded, pipeline_in, select

NAMES = {
    "answer_breakdown", "assignments", "content", "courses_modules", "departments", "enrollments", "groups",
    "module_results", "quizzes", "results", "users",
}  # fmt: skip


def test_each_list_is_a_resource() -> None:
    operations = paged_operations()
    assert set(operations) == NAMES
    for name, key in KEYS.items():
        assert arrow_schema(operations[name][0]).field(key).type == "string", name


def test_all_of_it_twice(sandbox_for_dlt: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    pipeline.run(ispring_source(page_size=20))
    first = loaded(pipeline)
    assert set(first) == NAMES
    assert all(first.values())
    assert first["answer_breakdown"] == 25 * first["quizzes"]
    pipeline.run(ispring_source())
    for name, rows in first.items():
        assert select(tmp_path, f"select count(*) from {name}") == [(rows,)], name
    ((logins,),) = select(tmp_path, "select count(distinct fields) from users")
    assert logins == first["users"]
    assert select(tmp_path, "select count(distinct quiz_id) from answer_breakdown") == [(first["quizzes"],)]


def test_users_are_merged_and_results_are_replaced(sandbox_for_dlt: Sandbox, tmp_path: Path) -> None:
    def load() -> dict[str, Any]:
        pipeline_in(tmp_path).run(ispring_source().with_resources("users", "results"))
        return dict(select(tmp_path, "select user_id, role from users"))

    before = load()
    changed, gone = sorted(before)[:2]
    results = select(tmp_path, "from results")
    sandbox_for_dlt.interceptors += [
        Edited(lambda row: None if row["userId"] == gone else row | {"role": "author"}, "userProfiles"),
        Edited(lambda row: None if row["userId"] == results[0][0] else row | {"extra": 1}, "results"),
    ]
    after = load()
    assert len(before) == len(after)
    assert (after[changed], after[gone]) == ("author", before[gone])
    left = select(tmp_path, "select user_id, additional from results")
    assert 0 < len(left) < len(results)
    assert {(row[0] == results[0][0], row[1]) for row in left} == {(False, '{"extra":1}')}


def test_empty_lists_are_empty_tables(sandbox_for_dlt: Sandbox, tmp_path: Path) -> None:
    sandbox_for_dlt.interceptors.append(Edited(lambda _: None, "groups"))
    pipeline_in(tmp_path).run(ispring_source().with_resources("groups"))
    assert select(tmp_path, "select group_id from groups") == []


def test_one_list_that_fails_loads_nothing(sandbox_for_dlt: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    source = ispring_source(filters={"results": {"completion_statuses": ["complete", "passed"]}}, page_size=5)
    with (
        sandbox_for_dlt.faults.during("listResults", faults.status(status=403)),
        pytest.raises(PipelineStepFailed, match="resource `results`"),
    ):
        pipeline.run(source.with_resources("users", "results"))
    assert not pipeline.has_pending_data
    assert not pipeline.state.get("sources")


def test_filters(sandbox_for_dlt: Sandbox, tmp_path: Path) -> None:
    source = ispring_source(filters={"results": {"completion_statuses": ["complete", "passed"]}}, page_size=5)
    pipeline_in(tmp_path).run(source.with_resources("results"))
    assert set(select(tmp_path, "select distinct completion_status from results")) <= {("complete",), ("passed",)}
    (query, *_) = [each.query for each in sandbox_for_dlt.requests if each.operation_id == "listResults"]
    assert "completionStatuses" in query


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": {"people": {}}}, r"filters: expected the keys .*users.*, got 'people'"),
        ({"filters": []}, r"filters: expected a mapping"),
        ({"filters": {"users": []}}, r"filters\.users: expected a mapping"),
        ({"filters": {"users": {"page_token": "x"}}}, r"filters\.users: expected the keys .*, got 'page_token'"),
        ({"filters": {"answer_breakdown": {"quiz_id": "x"}}}, r"filters\.answer_breakdown: .*, got 'quiz_id'"),
        ({"filters": {"users": {"departments": []}}}, r"departments: expected "),
        ({"page_size": 0}, r"page_size: expected "),
    ],
)
def test_bad_input_raises_before_anything_is_sent(sandbox_for_dlt: Sandbox, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        ispring_source(**arguments)
    assert not sandbox_for_dlt.requests


def test_missing_credentials(sandbox_for_dlt: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISPRING_CLIENT_SECRET")
    with pytest.raises(ConfigurationError, match="no credentials"):
        ispring_source()


def test_no_secret_in_files(sandbox_for_dlt: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = sandbox_for_dlt.client_secret
    monkeypatch.delenv("ISPRING_CLIENT_SECRET")
    monkeypatch.setenv("SOURCES__ISPRING__CLIENT_SECRET", secret)
    pipeline = pipeline_in(tmp_path)
    source = ispring_source().with_resources("groups")
    pipeline.run(source)
    assert secret not in repr(source) + str(source) + json.dumps(pipeline.last_trace.asdict(), default=str)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10
    assert [file for file in files if secret.encode() in file.read_bytes()] == []
