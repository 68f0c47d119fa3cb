"""iSpring Learn in the sandbox: state, from a department to the results of its learners, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from invigilate.sandbox import faults
from tests.support.learner import Learner, learning

NOBODY = "12345678-1234-4234-8234-123456789012"
DAY = {"dueDateType": "unlimited", "accessDate": "2026-03-02 09:00:00"}


@pytest.fixture
def learner() -> Iterator[Learner]:
    with learning(clock=lambda: datetime(2026, 4, 1, 12, tzinfo=UTC)) as learner:
        yield learner


def known(learner: Learner, name: str) -> str:
    return learner.sandbox.identifiers[name]


def enroll(learner: Learner, course: str, *learners: str, **others: Any) -> list[str]:
    learner.post("/enrollment", {"courseIds": [course], "learnerIds": list(learners), **DAY, **others})
    found = learner.get("/enrollments", **{"courseIds[]": [course], "learnerIds[]": list(learners)})
    return [each["enrollmentId"] for each in found["enrollments"]]


def materials(learner: Learner, course: str) -> list[str]:
    modules = learner.get(f"/course/{course}/modules")["modules"]
    return [each["itemId"] for each in modules if each["type"] == "material"]


def grade(learner: Learner, course: str, enrollments: list[str], items: list[str], status: str = "passed") -> Any:
    statuses = [{"contentItemId": each, "date": "2026-03-20", "status": status, "awardedScore": 90} for each in items]
    body = {"enrollmentIds": enrollments, "courseId": course, "moduleStatuses": statuses}
    return learner.post("/statistics/module", body)


def test_from_department_to_results(learner: Learner) -> None:
    root = learner.get("/department")[0]["departmentId"]
    department = learner.post("/department", {"name": "Bakery", "parentDepartmentId": root, "code": "BAK"})
    assert learner.get("/department", code="BAK") == [learner.get(f"/department/{department}")]
    user = learner.user(department, "noa.north", role="learner")
    course = known(learner, "course_id")
    (enrollment,) = enroll(learner, course, user, dueDateType="due_date", dueDate="2026-03-10", lockAfterDueDate=True)
    shown = learner.get(f"/enrollment/{enrollment}")
    assert (shown["accessDate"], shown["dueDate"], shown["expirationDate"]) == (
        "2026-03-02",
        "2026-03-10",
        "2026-03-10",
    )

    only = {"userIds[]": [user]}
    (row,) = learner.get("/learners/results", **only)["results"]
    assert (row["completionStatus"], row["progress"], row["isOverdue"]) == ("not_started", 0, True)
    items = materials(learner, course)
    task = grade(learner, course, [enrollment], items[:1])["taskId"]
    assert learner.get(f"/task/{task}/status") == {"status": "complete"}
    (row,) = learner.get("/learners/results", **only)["results"]
    assert (row["completionStatus"], row["progress"]) == ("in_progress", 33.33)
    modules = learner.get("/learners/modules/results", **only)["results"]
    assert [each["completionStatus"] for each in modules] == ["passed", "not_started", "not_started"]
    assert modules[0]["completionDate"] == "2026-03-20T00:00:00+00:00"

    course_query = {"courseId": course, "enrollmentIds[]": [enrollment]}
    learner.post("/statistics/course", None, **course_query, status="complete", date="2026-03-21", awardedScore=75)
    (row,) = learner.get("/learners/results", **only)["results"]
    assert (row["completionStatus"], row["progress"], row["awardedScore"]) == ("complete", 100, 75)
    certificate = learner.get(f"/enrollment/{enrollment}")["certificate"]["issuedCertificateId"]
    assert certificate in learner.get(f"/certificate/{certificate}")["url"]
    statuses = learner.get(f"/content/{course}/final_statuses")
    assert {
        "userId": user,
        "status": "Complete",
        "progress": 100,
        "completionDate": "2026-03-21T00:00:00+00:00",
    } in statuses

    learner.post("/statistics/course", None, **course_query, status="automatic")
    assert learner.get("/learners/results", **only)["results"][0]["completionStatus"] == "in_progress"
    assert learner.send("GET", f"/certificate/{certificate}").status == 404
    reset = {**course_query, "contentItemIds[]": items}
    assert learner.send("DELETE", "/statistics/module", **reset).status == 200
    assert learner.get("/learners/results", **only)["results"][0]["completionStatus"] == "not_started"

    grade(learner, course, [enrollment], items, "completed")
    learner.post(f"/enrollment/{enrollment}/reenroll", {**DAY, "accessDate": "2026-03-03"})
    assert learner.get("/learners/results", **only)["results"][0]["progress"] == 0
    learner.post("/enrollment/delete", {"enrollmentIds": [enrollment]})
    assert learner.get("/learners/results", **only)["results"] == []


def test_a_course_of_material_is_passed_or_failed_with_its_modules(learner: Learner) -> None:
    course, user = known(learner, "course_id"), known(learner, "user_id")
    items = materials(learner, course)
    enrollment = known(learner, "enrollment_id")
    # The third module is a training, which statistics cannot set.
    grade(learner, course, [enrollment], items)
    assert learner.get("/learners/results", **{"userIds[]": [user]})["results"][0]["progress"] == 66.67
    training = [each["itemId"] for each in learner.get(f"/course/{course}/modules")["modules"]][-1]
    body = {"contentItemId": training, "date": "2026-03-20", "status": "passed", "awardedScore": 1}
    body = {"enrollmentIds": [enrollment], "courseId": course, "moduleStatuses": [body]}
    assert learner.send("POST", "/statistics/module", body).status == 400


def test_users(learner: Learner) -> None:
    department, group = known(learner, "department_id"), known(learner, "group_id")
    user = learner.user(department, "noa.north", groupIds=[group], password="secret-Passw0rd")
    path = f"/user/{user}"
    shown = learner.get(f"{path}/v2")
    assert (shown["status"], shown["groups"], shown["role"]) == (1, [group], "learner")
    assert {"name": "LOGIN", "value": "noa.north"} in shown["fields"]
    assert "secret-Passw0rd" not in str(shown)
    assert user in learner.get(f"/group/{group}")["userIds"]

    learner.post(path, {"fields": {"login": "noa", "job_title": "Baker"}})
    fields = {each["name"]: each["value"] for each in learner.get(path)["fields"]}
    assert fields == {"LOGIN": "noa", "EMAIL": "noa.north@example.com", "JOB_TITLE": "Baker"}
    learner.post(f"{path}/groups/remove", {"groupIds": [group]})
    assert learner.get(path)["groups"] == []
    learner.post(f"{path}/password", {"password": "another-Passw0rd"})
    learner.post("/users/deactivate", {"userIds": [user]})
    assert learner.get(path)["status"] == 3
    learner.post("/users/terminate", {"userIds": [user]})
    # The first version does not tell the two apart.
    assert (learner.get(path)["status"], learner.get(f"{path}/v2")["status"]) == (3, 5)
    learner.post(f"{path}/status", {"status": 1})
    learner.post("/users/work-leave-status", {"workLeaveStatuses": [{"userId": user, "workLeaveReason": "SickLeave"}]})
    assert learner.get(path)["workLeaveStatus"] == {"workLeaveReason": "SickLeave", "startDate": "2026-04-01"}
    learner.post("/users/work-leave-status/delete", {"userIds": [user]})
    assert "workLeaveStatus" not in learner.get(path)
    supervisor = {"subordinationType": "manual", "supervisorId": known(learner, "user_id")}
    learner.post(f"{path}/subordination", {"subordination": supervisor})
    assert learner.get(path)["subordination"] == supervisor
    assert learner.post("/users/find_existing", {"userIds": [user, NOBODY]}) == [user]
    learner.post("/gamification/points/award", {"userId": user, "amount": 10, "reason": "Quiz"})
    learner.post("/gamification/points/withdraw", {"userId": user, "amount": 2.5, "reason": "Prize"})
    assert learner.get("/gamification/points", **{"userIds[]": [user]}) == [{"userId": user, "points": 7.5}]
    assert learner.send("DELETE", path).status == 204
    assert learner.send("GET", path).status == 404


def test_scheduled_statuses() -> None:
    day = datetime(2026, 3, 30, 8, tzinfo=UTC)
    with learning(clock=lambda: day) as learner:
        path = f"/user/{known(learner, 'user_id')}"
        learner.post(f"{path}/scheduled_deactivation", {"date": "2026-03-31"})
        learner.post(f"{path}/scheduled_termination", {"date": "2026-04-02"})
        assert learner.get(f"{path}/v2")["status"] == 1
        day = datetime(2026, 3, 31, tzinfo=UTC)
        assert learner.get(f"{path}/v2")["status"] == 3
        assert learner.send("DELETE", f"{path}/scheduled_termination").status == 200
        day = datetime(2026, 4, 3, tzinfo=UTC)
        assert learner.get(f"{path}/v2")["status"] == 3
        learner.post(f"{path}/scheduled_termination", {"date": "2026-04-03"})
        assert learner.get(f"{path}/v2")["status"] == 5


def test_departments_and_groups(learner: Learner) -> None:
    root = learner.get("/department")[0]["departmentId"]
    first, second = (learner.post("/department", {"name": name, "parentDepartmentId": root}) for name in ("A", "B"))
    learner.post(f"/department/{first}/department/move", {"departmentIds": [second]})
    assert learner.get(f"/department/{second}")["parentDepartmentId"] == first
    for moved, target in ((first, second), (root, second)):
        assert learner.send("POST", f"/department/{target}/department/move", {"departmentIds": [moved]}).status == 409
        assert learner.send("POST", f"/department/{moved}", {"parentDepartmentId": target}).status == 409
    user = known(learner, "user_id")
    learner.post(f"/department/{second}/user/move", {"userIds": [user]})
    assert [each["userId"] for each in learner.get("/user/v2", **{"departments[]": [second]})] == [user]
    for used in (root, first, second):
        assert learner.send("DELETE", f"/department/{used}").status == 409
    learner.post(f"/department/{root}/user/move", {"userIds": [user]})
    assert [learner.send("DELETE", f"/department/{each}").status for each in (second, first)] == [204, 204]

    group = learner.post("/group", {"name": "Bakers", "userIds": [user]})
    assert learner.get(f"/group/{group}") == {
        "groupId": group, "name": "Bakers", "isSmart": False, "usersCount": 1, "userIds": [user]
    }  # fmt: skip
    learner.post(f"/group/{group}/members", {"userIds": []})
    assert learner.get(f"/group/{group}")["usersCount"] == 0
    rules = {"and": [{"or": [{"rule": {"attributeType": 1, "operator": 1, "value": root}}]}]}
    smart = learner.post("/group/smart", {"name": "Root", "rules": rules})
    assert learner.get(f"/group/smart/{smart}/rules")["smartGroupRules"] == {"groupId": smart, "rules": rules}
    assert learner.send("GET", f"/group/smart/{group}/rules").status == 409
    assert learner.send("DELETE", f"/group/{group}").status == 204
    listed = {each["groupId"]: each["isSmart"] for each in learner.get("/groups")["groups"]}
    assert (listed.get(group), listed[smart]) == (None, True)


def test_content(learner: Learner) -> None:
    course = learner.post("/content/create/Course", {"folder_id": NOBODY, "title": "Baking"})
    assert learner.get(f"/content/{course}")["contentItem"]["title"] == "Baking"
    found = learner.get("/contents", **{"contentTypes[]": ["Course"], "contentItemIds[]": [course]})["contentItems"]
    assert [each["contentItemId"] for each in found] == [course]
    assert learner.get(f"/course/{course}/modules") == {"modules": []}


def refused(learner: Learner, *requests: tuple[Any, ...]) -> list[int]:
    return [learner.send(*request).status for request in requests]


def test_what_does_not_exist(learner: Learner) -> None:
    someone, course = known(learner, "user_id"), known(learner, "course_id")
    enrollment, item = known(learner, "enrollment_id"), known(learner, "content_item_id")
    due = {**DAY, "courseIds": [course]}
    statuses = [{"contentItemId": item, "date": "2026-01-20", "status": "passed", "awardedScore": 1}]
    paths: tuple[tuple[Any, ...], ...] = (
        ("GET", f"/user/{NOBODY}"), ("GET", f"/user/{NOBODY}/v2"), ("DELETE", f"/user/{NOBODY}"),
        ("POST", f"/user/{NOBODY}", {}), ("POST", f"/user/{NOBODY}/status", {"status": 3}),
        ("DELETE", f"/user/{NOBODY}/scheduled_deactivation"), ("GET", f"/department/{NOBODY}"),
        ("DELETE", f"/department/{NOBODY}"), ("GET", f"/group/{NOBODY}"), ("DELETE", f"/group/{NOBODY}"),
        ("GET", f"/enrollment/{NOBODY}"), ("POST", f"/enrollment/{NOBODY}", DAY), ("GET", f"/content/{NOBODY}"),
        ("GET", f"/content/{NOBODY}/final_statuses"), ("GET", f"/course/{NOBODY}/modules"),
        ("GET", f"/certificate/{NOBODY}"), ("GET", "/task/99/status"),
        ("POST", f"/department/{NOBODY}/user/move", {"userIds": []}),
    )  # fmt: skip
    assert refused(learner, *paths) == [404] * len(paths)
    lists: tuple[tuple[Any, ...], ...] = (
        ("POST", "/users/deactivate", {"userIds": [someone, NOBODY]}),
        ("POST", "/users/work-leave-status/delete", {"userIds": [someone, NOBODY]}),
        ("POST", f"/user/{someone}", {"groupIds": [NOBODY]}),
        ("POST", "/user", {"departmentId": NOBODY, "fields": {"login": "x"}}),
        ("POST", "/group", {"name": "x", "userIds": [someone, NOBODY]}),
        ("POST", "/enrollment", {**due, "learnerIds": [someone, NOBODY]}),
        ("POST", "/enrollment/delete", {"enrollmentIds": [enrollment, NOBODY]}),
        ("POST", "/enrollments", {"learnerIds": [someone, NOBODY]}),
        ("POST", "/user/list", {"departments": [NOBODY]}),
        ("POST", "/gamification/points/award", {"userId": NOBODY, "amount": 1, "reason": "x"}),
        ("POST", "/statistics/module", {"enrollmentIds": [NOBODY], "courseId": course, "moduleStatuses": statuses}),
        *(("GET", f"/{path}={someone}&{path.partition('?')[2]}={NOBODY}") for path in (
            "users/v2?userIds[]", "learners/results?userIds[]", "learners/modules/results?userIds[]",
            "enrollments?learnerIds[]", "gamification/points?userIds[]",
        )),
    )  # fmt: skip
    assert refused(learner, *lists) == [400] * len(lists)
    # Nothing was changed for the others.
    assert learner.get(f"/user/{someone}")["status"] == 1
    assert learner.get(f"/enrollment/{enrollment}")


def test_what_does_not_fit(learner: Learner) -> None:
    someone, course = known(learner, "user_id"), known(learner, "course_id")
    department = known(learner, "department_id")
    new: dict[str, Any] = {"departmentId": department, "fields": {"login": "x"}}
    both = {"courseIds": [course], "learnerIds": [someone]}
    manual = {"subordinationType": "manual"}
    leave = {"userId": someone, "workLeaveReason": "SickLeave", "startDate": "2026-02-02", "endDate": "2026-02-01"}
    requests: tuple[tuple[Any, ...], ...] = (
        ("POST", "/user", {**new, "fields": {"login": "x", "shoe_size": "43"}}),
        ("POST", "/user", {**new, "fields": {"login": ""}}),
        ("POST", "/user", {**new, "sendLoginEmail": True}),
        ("POST", "/user", {**new, "role": "publisher"}),
        ("POST", "/user", {**new, "role": "king"}),
        ("POST", f"/user/{someone}/password", {"password": ""}),
        ("POST", f"/user/{someone}/status", {"status": 2}),
        ("POST", f"/user/{someone}/subordination", {"subordination": manual}),
        ("POST", "/users/work-leave-status", {"workLeaveStatuses": [leave]}),
        ("POST", "/user/list", {"page": 0}),
        ("POST", "/enrollment", {**both, "dueDateType": "due_date"}),
        ("POST", "/enrollment", {**both, "dueDateType": "due_period"}),
        ("POST", "/enrollment", {**both, "dueDateType": "unlimited", "accessDate": "soon"}),
        ("POST", "/content/create/Quiz", {"folder_id": NOBODY, "title": "x"}),
        ("POST", "/gamification/points/award", {"userId": someone, "amount": -1, "reason": "x"}),
        ("GET", "/users/v2?pageSize=0"),
        ("GET", "/users/v2?userIds=1"),
        ("GET", "/learners/results?completionDate[startDate]=soon"),
        ("GET", "/learners/results?completionDate[middle]=2026-01-01T00:00:00Z"),
    )
    assert refused(learner, *requests) == [400] * len(requests)
    learner.user(department, "twin")
    assert learner.send("POST", "/user", {**new, "fields": {"login": "twin"}}).status == 409


def test_a_second_enrollment_is_one_more(learner: Learner) -> None:
    assert len(enroll(learner, known(learner, "course_id"), known(learner, "user_id"))) == 2


def test_faults_of_pages_know_lists_with_a_cursor(learner: Learner) -> None:
    sandbox = learner.sandbox
    sandbox.faults.add("listUsers", faults.empty_page(times=1))
    sandbox.faults.add("listUsers", faults.wrong_results(times=1))
    empty = learner.get("/users/v2", pageSize=2)
    assert (empty["userProfiles"], bool(empty["nextPageToken"])) == ([], True)
    assert "userProfiles" not in learner.get("/users/v2")
    sandbox.faults.add("listUsers", faults.wrong_total())
    assert len(learner.get("/users/v2", pageSize=2)["userProfiles"]) == 2
    assert sandbox.faults.fired.total("wrong_total") == 0
