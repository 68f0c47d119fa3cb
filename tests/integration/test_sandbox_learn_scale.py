"""Cursors and filters of iSpring Learn in the sandbox, with 100,000 users. Cost is counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from invigilate.sandbox.cursors import Cursors
from invigilate.sandbox.problems import Problem
from invigilate.sandbox.store import Table
from tests.support.learner import Learner, learning

MANY = 100_000


@pytest.fixture(scope="module")
def large() -> Iterator[Learner]:
    with learning() as learner:
        with httpx.Client(base_url=learner.sandbox.control_url, timeout=120) as control:
            assert control.post(f"/users/populate/{MANY}").status_code == 204
        yield learner


def examined(learner: Learner, table: str) -> int:
    return int(getattr(learner.sandbox.learning, table).examined)


def test_all_users_by_cursor(large: Learner) -> None:
    total = large.post("/user/list", {"pageSize": 1})["totalUsersNumber"]
    assert total > MANY
    before, seen = examined(large, "users"), set[str]()
    pages = list(large.walk("/users/v2", "userProfiles", pageSize=10_000))
    for page in pages:
        seen |= {each["userId"] for each in page}
    assert len(seen) == total == sum(map(len, pages))
    # Each row once, and one more per page to see whether there is another page.
    assert examined(large, "users") - before <= total + len(pages)


def test_a_page_costs_the_same_anywhere(large: Learner) -> None:
    costs: list[int] = []
    for number in (1, 500, 1000):
        before = examined(large, "users")
        rows = large.post("/user/list", {"page": number, "pageSize": 100})["userProfiles"]
        assert len(rows) == 100
        costs.append(examined(large, "users") - before)
    assert max(costs) <= 101


def test_filters_examine_what_they_return(large: Learner) -> None:
    department = large.get("/departments", pageSize=1000)["departments"][-1]
    branch = next(each for each in large.get("/department") if each["name"] == "Branch 7")["departmentId"]
    before, found = examined(large, "users"), 0
    for page in large.walk("/users", "userProfiles", pageSize=1000, **{"departments[]": [branch]}):
        assert {each["departmentId"] for each in page} == {branch}
        found += len(page)
    assert found == MANY // 20
    assert examined(large, "users") - before <= found + 5
    before = examined(large, "users")
    query = {"logins[]": ["learner099999", "nobody"], "departments[]": [branch, department["departmentId"]]}
    large.get("/users/v2", **query)
    (user,) = large.get("/user/v2", **{"logins[]": ["learner099999", "nobody"]})
    assert {"name": "EMAIL", "value": "learner099999@example.com"} in user["fields"]
    assert examined(large, "users") - before <= 2

    before = examined(large, "enrollments")
    (row,) = large.get("/learners/results", **{"userIds[]": [user["userId"]]})["results"]
    assert (row["completionStatus"], row["courseTitle"]) == ("not_started", "Floor Sales")
    modules = large.get("/learners/modules/results", **{"enrollmentIds[]": [row["enrollmentId"]]})["results"]
    assert len(modules) == 3
    assert examined(large, "enrollments") - before <= 2


def test_module_results_by_cursor(large: Learner) -> None:
    users = [each["userId"] for each in large.post("/user/list", {"page": 700, "pageSize": 50})["userProfiles"]]
    pages = list(large.walk("/learners/modules/results", "results", pageSize=7, **{"userIds[]": users}))
    assert [len(page) for page in pages] == [7] * 21 + [3]
    assert len({(each["userId"], each["moduleId"]) for page in pages for each in page}) == 150


def test_changes_between_pages(large: Learner) -> None:
    """A row that goes away moves no other one, and a new one comes at the end."""
    query: dict[str, Any] = {"departments[]": [large.sandbox.identifiers["department_id"]], "pageSize": 2}
    walked = large.walk("/users/v2", "userProfiles", **query)
    first = next(walked)
    assert large.send("DELETE", f"/user/{first[0]['userId']}").status == 204
    added = large.user(large.sandbox.identifiers["department_id"], "late")
    rest = [each["userId"] for page in walked for each in page]
    assert rest[-1] == added
    everyone = [each["userId"] for each in large.get("/user/v2", **{"departments[]": query["departments[]"]})]
    assert [first[1]["userId"], *rest] == everyone


def test_page_tokens(large: Learner) -> None:
    token = large.get("/users/v2", pageSize=3)["nextPageToken"]
    assert large.get("/users/v2", pageSize=5, pageToken=token)["userProfiles"]
    other = {"logins[]": ["learner000001"]}
    wrong = ("", "x", "AAAA", token[:-1], f"{token}=", token.swapcase(), "é")
    assert {large.send("GET", "/users/v2", pageToken=each).status for each in wrong} == {400}
    assert large.send("GET", "/users/v2", pageToken=token, **other).status == 400
    assert large.send("GET", "/users", pageToken=token).status == 400
    token = large.post("/enrollments", {"pageSize": 1})["nextPageToken"]
    assert len(large.post("/enrollments", {"pageSize": 4, "pageToken": token})["enrollments"]) == 4
    large.sandbox.expire_cursors()
    assert large.send("POST", "/enrollments", {"pageToken": token}).status == 400


def test_cursors_of_other_keys() -> None:
    cursors = Cursors("a")
    assert cursors.read("list", cursors.issue("list", 7)) == 7
    with pytest.raises(Problem):
        Cursors("b").read("list", cursors.issue("list", 7))


class Row:
    def __init__(self, name: str, *tags: str) -> None:
        self.id, self.tags = name, tags


def test_selections() -> None:
    table: Table[Row] = Table(tag=lambda row: row.tags)
    for name, *tags in (("a", "x"), ("b", "x", "y"), ("c", "y"), ("d",)):
        table.add(Row(name, *tags))
    assert [row.id for row in table.rows(tag={"x", "y"})] == ["a", "b", "c"]
    assert [row.id for row in table.rows(tag={"x"}, id=["b", "c", "z"])] == ["b"]
    assert table.rows(tag=set()) == []
    with table.changing("d") as row:
        row.tags = ("x",)
    table.remove("a")
    assert [row.id for row in table.rows(tag={"x"})] == ["b", "d"]
    assert [row.id for _, row in table.select(after=1)] == ["c", "d"]
    assert (table.get("a"), len(table), table.has("tag", "z")) == (None, 3, False)
