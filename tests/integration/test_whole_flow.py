"""The whole documented flow through the public clients: from an empty course to the report."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from invigilate import ConflictError, NotFoundError
from invigilate.sandbox import Sandbox
from tests.support.modes import MODES, Mode, ispring, proctoring, run, settle

every_mode = pytest.mark.parametrize("mode", MODES)

COURSE = {"ids": {"api": "bio-110"}, "title": "Human Anatomy II", "code": "BIO-111"}
EXAM = {
    "ids": {"external": "bio-110-midterm"},
    "title": "Midterm",
    "limitedScope": True,
    "configuration": {
        "url": "https://exam.example.com/start",
        "access": {"open": "2030-03-02T08:00:00.000Z", "close": "2030-03-06T20:00:00.000Z"},
        "duration": 90,
        "password": "example-password",
        "proctorTypes": {},
    },
}


def person(name: str) -> dict[str, Any]:
    return {"ids": {"lms": name}, "firstName": name, "lastName": "Example", "email": f"{name}@example.com"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=11, report_rows=30) as running:
        yield running
        assert running.defects == []


def client_of(mode: Mode, sandbox: Sandbox) -> Any:
    url = sandbox.smarterproctoring_url
    return proctoring(mode, url, token=sandbox.token, install_sid=sandbox.install_sid)


async def provision(client: Any, name: str, **more: Any) -> Any:
    given: dict[str, Any] = {"course": COURSE, "user": person(name), "enrollment": {}, "exam": EXAM, **more}
    return await settle(client.provisioning.provision(**given))


async def listed(client: Any, exam_sid: str, enrollment_sid: str, **filters: Any) -> list[Any]:
    pager = client.exam_sessions.list_for_enrollment(exam_sid=exam_sid, enrollment_sid=enrollment_sid, **filters)
    rows: list[Any] = await settle(pager.collect())
    return rows


@every_mode
def test_from_provisioning_to_the_report(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            signon = {"integrationSid": sandbox.integration_sid}
            first = (await provision(client, "ada", signon=signon)).to_dict()
            assert {first[name]["result"] for name in first if name != "signon"} == {"Created"}
            assert first["signon"]["token"] in first["signon"]["redirect"]
            second = (await provision(client, "grace")).to_dict()
            assert {name: second[name]["result"] for name in second} == {
                "course": "Found Existing",
                "user": "Created",
                "enrollment": "Created",
                "exam": "Found Existing",
                "configuration": "Found Existing",
            }
            exam = first["exam"]["sid"]
            people = [first["enrollment"]["sid"], second["enrollment"]["sid"]]

            # Limited scope: nobody has the exam before it is assigned.
            assert await listed(client, exam, people[0]) == []
            text = await settle(client.exams.update_assignments(exam_sid=exam, added={"enrollmentSid": people}))
            assert text == "Successful"
            waiting = [(await listed(client, exam, each, status=["Needs Proctor"])) for each in people]
            (one,), (other,) = waiting

            booking = {"exam_sid": exam, "type_": "b-virtual", "appointment_date_time": "2030-03-04T15:30:00.000Z"}
            session = await settle(
                client.exam_sessions.schedule(
                    session_sid=one.sid, amount=Decimal("12.50"), card_token="tok_example", **booking
                )
            )
            assert (session.status, session.duration) == ("Scheduled", 90)
            await settle(client.exam_sessions.schedule(session_sid=other.sid, **booking))
            read = await settle(client.exam_sessions.get(exam_sid=exam, session_sid=one.sid))
            assert read.to_dict() == session.to_dict()

            urls = [
                (await settle(client.exam_sessions.onboarding_url(exam_sid=exam, session_sid=one.sid))).url
                for _ in range(2)
            ]
            assert len(set(urls)) == sandbox.onboarding_urls_issued == 2

            moved = "2030-03-05T09:00:00.000Z"
            await settle(
                client.exam_sessions.reschedule(exam_sid=exam, session_sid=one.sid, appointment_date_time=moved)
            )
            away = {"exam_sid": exam, "session_sid": other.sid, "cancellation_memo": "withdrawn"}
            assert await settle(client.exam_sessions.cancel(**away, reason="other-reason")) == "Successful"
            with pytest.raises(ConflictError):
                await settle(client.exam_sessions.cancel(**away))
            with pytest.raises(ConflictError):
                await settle(client.exam_sessions.onboarding_url(exam_sid=exam, session_sid=other.sid))
            assert await listed(client, exam, people[1], include_active=True) == []
            assert [row.status for row in await listed(client, exam, people[1])] == ["Cancelled"]
            sandbox.close_session(one.sid)

            rows = await settle(client.reports.service_distribution(exam_sid=exam).collect())
            told = {row.sid: (row.status, row.status_reason, row.appointment_date) for row in rows}
            assert told == {
                one.sid: ("Closed", "Completed", moved),
                other.sid: ("Cancelled", "other-reason", "2030-03-04T15:30:00.000Z"),
            }
            assert [bool(row.date_closed) for row in rows] == [row.sid == one.sid for row in rows]
            everything = await settle(client.reports.service_distribution().collect())
            assert len(everything) == 32

            again = (await provision(client, "ada")).to_dict()
            assert {name: each["sid"] for name, each in again.items()} == {
                name: first[name]["sid"] for name in first if name != "signon"
            }
            assert {each["result"] for each in again.values()} == {"Found Existing"}

            # One booking had an amount; cancelling the other one paid nothing back.
            assert [(charge.session_sid, charge.amount) for charge in sandbox.ledger] == [(one.sid, Decimal("12.50"))]

    run(mode, scenario)


@every_mode
def test_assignments_make_and_cancel_sessions(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            made = (await provision(client, "ada")).to_dict()
            exam, one = made["exam"]["sid"], made["enrollment"]["sid"]
            two = (await provision(client, "grace")).to_dict()["enrollment"]["sid"]
            update = client.exams.update_assignments_by_enrollment
            await settle(update(exam_sid=exam, added=[one, two]))
            await settle(update(exam_sid=exam, added=[one]))
            assert [row.status for row in await listed(client, exam, one)] == ["Needs Proctor"]
            await settle(update(exam_sid=exam, removed=[one]))
            (row,) = await listed(client, exam, one)
            session = await settle(client.exam_sessions.get(exam_sid=exam, session_sid=row.sid))
            assert (session.status, session.status_reason) == ("Cancelled", "removed-by-limited-scope")
            assert [each.status for each in await listed(client, exam, two)] == ["Needs Proctor"]
            course = made["course"]["sid"]
            await settle(client.exams.update_assignments(exam_sid=exam, added={"courseSid": course}))
            found = await listed(client, exam, one, sort_keys=["createdDate"], sort_order="DESC", limit=1)
            assert sorted(each.status for each in found) == ["Cancelled", "Needs Proctor"]
            # Nothing is changed when one of them is wrong.
            with pytest.raises(NotFoundError):
                await settle(update(exam_sid=exam, removed=[two], added=["EN" + "0" * 32]))
            assert [each.status for each in await listed(client, exam, two)] == ["Needs Proctor"]
            # What was never booked is not in the report.
            assert await settle(client.reports.service_distribution(exam_sid=exam).collect()) == []

    run(mode, scenario)


@every_mode
def test_an_exam_that_is_opened_gives_everybody_a_session(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            made = (await provision(client, "ada")).to_dict()
            exam, one = made["exam"]["sid"], made["enrollment"]["sid"]
            # A repetition that leaves limitedScope out opens nothing, and one that sends false does.
            limited = {name: value for name, value in EXAM.items() if name != "limitedScope"}
            assert (await provision(client, "ada", exam=limited)).exam.result == "Found Existing"
            assert await listed(client, exam, one) == []
            opened = await provision(client, "ada", exam={**EXAM, "limitedScope": False})
            assert opened.exam.result == "Updated"
            assert [row.status for row in await listed(client, exam, one)] == ["Needs Proctor"]
            later = (await provision(client, "grace", exam=limited)).to_dict()["enrollment"]["sid"]
            assert [row.status for row in await listed(client, exam, later)] == ["Needs Proctor"]

    run(mode, scenario)


@every_mode
def test_people_and_configurations_are_kept(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with client_of(mode, sandbox) as client:
            ada = {"first_name": "Ada", "last_name": "Example", "email": "ada@example.com"}
            user = await settle(client.users.create(**ada, exernal_id="ada-1", password="Placeholder1!", latitude=39.5))
            with pytest.raises(ConflictError):
                await settle(client.users.create(**ada))
            await settle(client.users.update_admin(user_sid=user.sid, first_name="Augusta", mobile_phone=None))
            profile = await settle(client.users.get_profile(user_sid=user.sid))
            assert (profile.first_name, profile.last_name, profile.external_id) == ("Augusta", "Example", "ada-1")
            assert "Placeholder1!" not in str(profile.to_dict())
            # Provisioning finds the person by the identifier that creating gave.
            course = {"ids": {"sid": sandbox.course_sid}}
            found = await settle(client.provisioning.provision(course=course, user={"ids": {"external": "ada-1"}}))
            assert (found.user.sid, found.user.result) == (user.sid, "Found Existing")
            assert set(found.to_dict()) == {"course", "user"}

            where = {
                "course_sid": sandbox.course_sid,
                "exam_sid": sandbox.exam_sid,
                "exam_configuration_sid": sandbox.exam_configuration_sid,
            }
            before = (await settle(client.exam_configurations.get(**where))).to_dict()
            await settle(client.exam_configurations.update(**where, duration=75, student_notes="Bring a photo ID"))
            after = (await settle(client.exam_configurations.get(**where))).to_dict()
            assert after == {**before, "duration": 75, "studentNotes": "Bring a photo ID"}
            settings = await settle(client.installs.get_settings())
            assert settings.sid == sandbox.install_sid

    run(mode, scenario)


@every_mode
def test_training_results_add_up(mode: Mode, sandbox: Sandbox) -> None:
    async def scenario() -> tuple[Any, Any, Any, Any]:
        identity = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        async with ispring(mode, sandbox.ispring_url, **identity) as client:
            training = client.job_training
            return (
                await settle(training.list_checklist_sessions()),
                await settle(training.list_session_results()),
                await settle(training.list_criterion_group_results()),
                await settle(training.list_criterion_results()),
            )

    checklists, sessions, groups, criteria = run(mode, scenario)
    assert sorted(each for one in checklists for each in one.session_ids) == sorted(sandbox.training_session_ids)
    assert {one.checklist_status for one in checklists} == {"PUBLISHED", "HIDDEN"}
    completed = {each.session_id: each for each in sessions if each.session_status == "PASSED"}
    assert {each.session_id for each in groups} == {each.session_id for each in criteria} == set(completed)
    assert any(each.skipped for each in criteria)
    for sid, session in completed.items():
        for rows in (groups, criteria):
            own = [row for row in rows if row.session_id == sid]
            assert sum(row.points or 0 for row in own) == session.points
            assert sum(row.total_points or 0 for row in own) == session.total_points
    for group in groups:
        own = [row for row in criteria if (row.session_id, row.group_id) == (group.session_id, group.group_id)]
        assert sum(row.points or 0 for row in own) == (group.points or 0)
        assert all((row.points is None) == row.skipped for row in own)
