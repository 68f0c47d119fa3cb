"""What people do in a world: book sessions, make any call, read pages, export, run over files, share tokens."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Coroutine
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from invigilate import APIError, CheckResult, OutcomeUnknownError, ReportWarning, Verdict
from invigilate.cli.exits import Failure
from invigilate.cli.rows import read_plans
from invigilate.cli.runs import Run
from invigilate.export import ExportArgumentError, export
from invigilate.sandbox.smarterproctoring.report import ReportQuery
from smarterproctoring_client.api import exam_sessions
from tests.support.bound import CLIENTS, arguments_of, module_of, reachable
from tests.support.documented import ALL

from .network import CALL, ON_EXCHANGES, Received
from .world import ISPRING, SMARTERPROCTORING, Killed, Made, World, sandbox_of

Scenario = Callable[[World], Coroutine[Any, Any, None]]

CARD, VOUCHER, PHONE = "tok_CanaryCard4242", "CANARYVOUCHER77", "+15550199876"
SPECS = {SMARTERPROCTORING: "smarterproctoring", ISPRING: "ispring-learn"}
TWICE = "contrary:second-booking"
"""A server that books and charges again whoever asks twice: it hides nothing that the library does wrong."""
BEHAVIOURS = (
    TWICE, "default", "late_by_reads", f"late_by_time+{TWICE}", "approval_later", "approval_never",
    "canceled_to_needs_proctor", f"rounded_times+{TWICE}", "touched_edit_date",
)  # fmt: skip
TIMES = ("2030-03-04T15:30:00.000Z", "2030-03-05T10:00:00.000Z", "2030-03-05T10:00:29.000Z", "2030-03-04T15:30:31.000Z")
_SHOWN = {"scheduleExamSession": "appointmentDate", "rescheduleExamSession": "appointmentDate"}


# Booking.


async def booking(world: World) -> None:
    """People schedule, move and cancel sessions, retry what certainly failed, and check what is unknown."""
    choices = world.choices
    behaviour = choices.of(BEHAVIOURS) if world.percent else TWICE
    state = world.open(SMARTERPROCTORING, behaviour)
    if behaviour not in {TWICE, "default"}:
        world.fault("late server")
    world.secrets |= {CARD, VOUCHER, PHONE}
    client = world.client(SMARTERPROCTORING, uses_async=world.uses_async, max_retries=choices.of((2, 0, 4)))
    people = [Person(world, client, state, number) for number in range(1 + choices.draw(2))]
    if world.uses_async:
        await asyncio.gather(*(person.act() for person in people))
    else:
        for person in people:
            await person.act()


class Person:
    """Someone who books sessions. Another one edits the same sessions meanwhile."""

    def __init__(self, world: World, client: Any, state: Any, number: int) -> None:
        self.world, self.client, self.state = world, client, state
        self.session = state.install.open_sessions[number]
        self.place = {"exam_sid": self.session.exam.sid, "session_sid": self.session.sid}
        self.number = number

    async def act(self) -> None:
        """Make one to three decisions."""
        choices = self.world.choices
        first = self.schedule
        for turn in range(1 + choices.draw(3)):
            self._editor()
            decide = choices.of((first, self.reschedule, self.cancel) if turn else (first, first, self.reschedule))
            await decide(self.number * 10 + turn)

    async def schedule(self, decision: int) -> None:
        """Book the session, and pay."""
        choices = self.world.choices
        arguments = {**self.place, "appointment_date_time": choices.of(TIMES), "type_": "b-virtual", "phone": PHONE}
        if choices.chance(80):
            arguments |= {"card_token": CARD, "amount": 12.5}
        elif choices.chance(50):
            arguments |= {"voucher_code": VOUCHER}
        await self._decide(decision, "exam_sessions.schedule", arguments)

    async def reschedule(self, decision: int) -> None:
        """Move the session."""
        arguments = {**self.place, "appointment_start_date_time": self.world.choices.of(TIMES)}
        await self._decide(decision, "exam_sessions.reschedule", arguments)

    async def cancel(self, decision: int) -> None:
        """Cancel the session."""
        await self._decide(
            decision, "exam_sessions.cancel", {**self.place, "reason": "other-reason", "cancellation_memo": "none"}
        )

    async def _decide(self, decision: int, path: str, arguments: dict[str, Any]) -> None:
        """Make a call, again if it certainly failed, and check an unknown outcome."""
        world, choices = self.world, self.world.choices
        before = None
        if choices.chance(75):
            read = await world.call(
                self.client, _operation(SMARTERPROCTORING, "exam_sessions.get"), "exam_sessions.get", self.place
            )
            before = read.value
        if choices.chance(8) and before is not None and world.percent and world.behaviour != "touched_edit_date":
            # The same change by someone else, long enough before to be told apart by its time.
            self._edit(path, arguments)
            await world.pause(300.0)
        made = None
        for _ in range(1 + choices.draw(3)):
            made = await world.call(self.client, _operation(SMARTERPROCTORING, path), path, arguments, decision)
            if made.error is None or isinstance(made.error, OutcomeUnknownError):
                break
            await world.pause(choices.seconds(30.0))
        if made is not None and isinstance(made.error, OutcomeUnknownError):
            for _ in range(1 + choices.draw(2)):
                await world.pause(choices.seconds(400.0))
                await self._check(made, arguments, before)

    async def _check(self, made: Made, arguments: dict[str, Any], before: Any) -> None:
        world = self.world
        mark = f"c{len(world.calls)}"
        world.calls[mark] = check = Made(mark, "getExamSession", True)
        sessions = self.client.with_options(headers={CALL: mark}).exam_sessions
        found = sessions.check(made.error, before=before)
        result: CheckResult = await found if world.uses_async else found
        check.outcome = result.verdict.value
        world.search([repr(result), result.reason])
        applied = bool(world.of(made.mark))
        # The same appointment, requested twice within the minute that clocks may differ by, looks alike.
        twins = [m.mark for m in world.calls.values() if _appointment(m.values) == _appointment(arguments)]
        if made.operation == "cancelExamSession":
            twins.append("editor")
        twin = any(each.at > made.at - 90.0 for mark in twins for each in world.of(mark))
        if result.verdict is Verdict.APPLIED:
            world.check("APPLIED is true", applied or twin, f"{made.operation}, {world.behaviour}: {result.reason}")
        elif result.verdict is Verdict.NOT_VISIBLE:
            bodies = [each.body for each in world.received if each.call == mark and each.status == 200]
            # Without one, it judged the response of another request.
            visible = applied and (not bodies or _shows(made.operation, arguments, json.loads(bodies[-1])))
            world.check("NOT_VISIBLE is true", not visible, f"{made.operation}, {world.behaviour}: {result.reason}")

    def _editor(self) -> None:
        """Let someone else change the session, perhaps, at any time: to values that nobody here asks for."""
        world, choices = self.world, self.world.choices
        if not world.percent or not choices.chance(25):
            return
        path = choices.of(("exam_sessions.reschedule", "exam_sessions.schedule", "exam_sessions.cancel"))
        arguments = {
            "exam_sessions.schedule": {"appointment_date_time": "2031-01-01T08:00:00.000Z"},
            "exam_sessions.reschedule": {"appointment_start_date_time": "2031-02-02T09:00:00.000Z"},
            "exam_sessions.cancel": {"reason": "no-show", "cancellation_memo": "none"},
        }[path]
        world.clock.after(choices.seconds(120.0), lambda: self._edit(path, {**self.place, **arguments}))

    def _edit(self, path: str, arguments: dict[str, Any]) -> None:
        world, operation = self.world, _operation(SMARTERPROCTORING, path)
        world.fault("concurrent editor")
        paid = ("card_token", "amount", "voucher_code")
        plain = {name: value for name, value in arguments.items() if name not in paid}
        request = operation.request({**plain, "install_sid": self.state.install.sid})
        headers = {"token": self.state.token, **{name.lower(): value for name, value in request.headers.items()}}
        exchange, _ = world.execute(request.method, request.target, headers, request.content or b"")
        world.received.append(
            Received("editor", world.clock.now, request.target, exchange.operation_id, exchange.applied)
        )


def _appointment(arguments: dict[str, Any]) -> tuple[Any, Any]:
    times = arguments.get("appointment_date_time"), arguments.get("appointment_start_date_time")
    return arguments.get("session_sid"), next(filter(None, times), arguments.get("reason"))


def _shows(operation: str, arguments: dict[str, Any], session: dict[str, Any]) -> bool:
    """Whether a session that was read shows what was requested, by the minute."""
    if operation == "cancelExamSession":
        return session.get("status") in {"Cancelled", "Needs Proctor"}
    requested = _appointment(arguments)[1]
    shown = session.get("appointmentDate")
    if shown is None:
        return False
    first, second = datetime.fromisoformat(requested), datetime.fromisoformat(shown)
    return abs((first - second).total_seconds()) < 60


# Any call.


@functools.cache
def _reachable(api: str) -> dict[str, tuple[str, str]]:
    return reachable(CLIENTS[SPECS[api]][0])


@functools.cache
def _operation(api: str, path: str) -> Any:
    wanted = tuple(path.split("."))
    identifier = next(key for key, place in _reachable(api).items() if place == wanted)
    return module_of(next(each for each in ALL if each.spec == SPECS[api] and each.id == identifier)).OPERATION


@functools.cache
def _callable(api: str) -> list[tuple[Any, str, dict[str, Any]]]:
    """Return the operations that do not page: each with its name in the client, and the examples of its arguments."""
    found = [(module_of(each).OPERATION, each) for each in ALL if each.spec == SPECS[api]]
    return [
        (
            operation,
            ".".join(_reachable(api)[each.id]),
            _known(arguments_of(each)) if api == ISPRING else arguments_of(each),
        )
        for operation, each in found
        if operation.pagination is None
    ]


def _known(arguments: dict[str, Any]) -> dict[str, Any]:
    """Replace identifiers by those that the sandbox knows; the account is that of the client."""
    known = {key: value for key, value in sandbox_of("default").identifiers.items() if key.endswith("_id")}
    known |= {"learner_id": known["user_id"], "supervisor_id": known["user_id"]}
    many = {f"{key}s": [value] for key, value in known.items()}
    found = {**known, **many, "departments": many["department_ids"], "groups": many["group_ids"]}
    return {name: found.get(name, value) for name, value in arguments.items() if name != "account_url"}


async def any_call(world: World) -> None:
    """Make a few calls of any operations, with the examples of the spec as arguments."""
    choices = world.choices
    api = choices.of((SMARTERPROCTORING, ISPRING, ISPRING))
    state = world.open(api)
    options: dict[str, Any] = {"max_retries": choices.of((2, 0, 3)), "deadline": choices.of((None, 60.0, 5.0))}
    world.longest = (options["deadline"] or 600.0) + 1.0
    if api == ISPRING:
        token = state.credentials["bearer"]  # another one each time
        options |= {"access_token": token, "account_url": state.environment["account_url"]}
        world.secrets.add(token)
    client = world.client(api, uses_async=world.uses_async, **options)

    async def one() -> None:
        operation, path, arguments = choices.of(_callable(api))
        plain = [str(arguments.get(field.name)) for field in operation.fields if not field.sensitive]
        for field in operation.fields:
            value = arguments.get(field.name)
            # A single word may be part of another value.
            if field.sensitive and isinstance(value, str) and not value.isalpha() and value not in plain:
                world.secrets.add(value)
        await world.call(client, operation, path, arguments)

    for _ in range(1 + choices.draw(3)):
        if world.uses_async and choices.chance(50):
            await asyncio.gather(one(), one())
        else:
            await one()


# Pages.


async def paging(world: World) -> None:
    """Read the rows of a list, with pages in flight, while others change it perhaps."""
    choices = world.choices
    api = choices.of((SMARTERPROCTORING, ISPRING))
    state = world.open(api)
    if api == SMARTERPROCTORING:
        client = world.client(api, uses_async=world.uses_async)
        pager = client.reports.service_distribution(limit=1 + choices.draw(5))
        expected = [row["sid"] for row in _report(state)]
        key = "sid"
    else:
        token = state.credentials["bearer"]
        client = world.client(api, uses_async=world.uses_async, access_token=token)
        world.secrets.add(token)
        pager = client.users.list(page_size=4 + choices.draw(20))
        expected = [user.id for user in state.users]
        key = "user_id"
    ahead = choices.draw(5)
    if ahead:
        pager = pager.prefetch(ahead)
    changes = 0
    if api == SMARTERPROCTORING and world.percent and choices.chance(25):
        changes = 1 + choices.draw(2)
        for number in range(changes):
            world.clock.after(choices.seconds(30.0), functools.partial(_book, world, state, number))
    outcome, rows = "ok", []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            rows = await _read(pager, uses_async=world.uses_async)
        except APIError as error:
            outcome = type(error).__name__
            world.show(error)
    found = [getattr(row, key) for row in rows]
    if outcome == "ok":
        told = any(issubclass(each.category, ReportWarning) for each in warned) or bool(pager.warnings)
        if not changes and not world.doubled_late:
            world.check("rows complete", found == expected and not told, f"{len(found)} of {len(expected)}, {told}")
        missing = set(expected) - set(found)
        what = f"{len(missing)} of {len(expected)} rows are missing, {changes} changes"
        world.check("rows complete", told or not missing, what)
        double = len(found) - len(set(found))
        world.check("rows complete", told or not double, f"{double} rows came twice, {changes} changes")
    name = "getServiceDistribution" if api == SMARTERPROCTORING else "listUsers"
    for fault in world.faults or {"none": 1}:
        world.coverage[name, fault, outcome] += 1


async def _read(pager: Any, *, uses_async: bool) -> list[Any]:
    """Read on after an error, as a caller may do."""
    if uses_async:
        return [row async for row in pager]
    return list(pager)


def _report(state: Any) -> list[dict[str, Any]]:
    _, rows = state.report(state.install).page(ReportQuery.read({}, state.install), 0, 1000)
    return list(rows)


def _book(world: World, state: Any, number: int) -> None:
    """Book a session, so that the report has one more row."""
    world.fault("concurrent editor")
    session = state.install.open_sessions[number]
    session = state.install.to_change(session.exam.sid, session.sid)
    session.schedule({"appointmentDateTime": "2027-01-01T08:00:00.000Z"}, state.clock, state.behaviour)
    state.install.changed(session)


# Processes that are killed, and continue from their files.


async def exporting(world: World) -> None:
    """Export a report, in one process after another."""
    choices = world.choices
    state = world.open(SMARTERPROCTORING)
    world.uses_async = False
    expected = [row["sid"] for row in _report(state)]
    path = world.folder() / "report.jsonl"
    size = 1 + choices.draw(5)
    outcome, changes, told = "", 0, False
    for number in range(5):
        last = number == 4
        world.live_again(None if last or not choices.chance(60) else 1 + choices.draw(120))
        if world.percent and choices.chance(10):
            changes += 1
            world.clock.after(choices.seconds(30.0), functools.partial(_book, world, state, changes - 1))
        try:
            with world.process(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = world.client(SMARTERPROCTORING, uses_async=False, max_retries=2)
                result = export(client.reports.service_distribution(limit=size), path, overwrite=number % 2 == 0)
                outcome, told = "ok", bool(result.warnings)
        except Killed:
            outcome = "killed"
        except ExportArgumentError:
            # An earlier process was killed when all was done.
            world.check("file complete", path.exists(), "there is no file, but it would be overwritten")
            outcome = "ok"
        except APIError as error:
            outcome = type(error).__name__
            world.show(error)
        if outcome == "ok" or path.exists():
            found = _sids(path)
            # Rows that changed, or a page that a proxy sent twice: the result has warnings, if the process lived on.
            moved = changes > 0 or world.doubled_late
            complete = set(expected) <= set(found) and len(set(found)) == len(found)
            whole = complete or (moved and (told or outcome != "ok"))
            world.check("file complete", whole, f"{len(found)} of {len(expected)} rows, {changes} changes, {outcome}")
        else:
            world.check("file complete", True, "")
        for fault in world.faults or {"none": 1}:
            world.coverage["export", fault, outcome] += 1
        if outcome == "ok":
            break


def _sids(path: Path) -> list[str]:
    """Return the rows of a file; a line that is not JSON is none of them."""
    try:
        return [json.loads(line)["sid"] for line in path.read_bytes().splitlines()]
    except (ValueError, TypeError, KeyError):
        return ["damaged"]


async def running(world: World) -> None:
    """Book the sessions of a CSV file, in one process after another."""
    choices = world.choices
    state = world.open(SMARTERPROCTORING, choices.of((TWICE, TWICE, "default", f"late_by_time+{TWICE}")))
    world.uses_async = False
    world.secrets.add(CARD)
    folder = world.folder()
    sessions = state.install.open_sessions[: 1 + choices.draw(3)]
    rows = tuple((each.exam.sid, each.sid, choices.of(TIMES)) for each in sessions)
    plans = _plans(rows)
    outcome = ""
    for number in range(4):
        world.live_again(1 + choices.draw(100) if number < 3 and choices.chance(60) else None)
        output = io.StringIO()
        try:
            with world.process(), redirect_stdout(output), redirect_stderr(output):
                Run(plans, folder / "rows.results.jsonl", retry_refused=False).start(
                    as_json=True, dry_run=False, yes=True, confirmed=[], retry=[]
                )
            outcome = "ok"
        except Killed:
            outcome = "killed"
        except (Failure, typer.Exit) as error:
            outcome = type(error).__name__
            output.write(str(error))
        world.search([output.getvalue()])
        if outcome == "ok":
            break
        await world.pause(choices.seconds(300.0))
    world.live_again(None)
    world.clock.finish()
    for session in sessions:
        booked = [
            each
            for each in world.received
            if each.operation == "scheduleExamSession" and each.applied and session.sid in each.target
        ]
        charges = sum(each.charges for each in booked)
        what = f"{len(booked)} bookings and {charges} charges for one row"
        world.check("row sent once", len(booked) <= 1 and charges <= 1, what)
        if outcome == "ok":
            world.check("row sent once", len(booked) == 1, f"{what}, and the run ended well")
    for fault in world.faults or {"none": 1}:
        world.coverage["scheduleExamSession --from", fault, outcome] += 1


@functools.cache
def _plans(rows: tuple[tuple[str, str, str], ...]) -> list[Any]:
    names = ("exam_sid", "session_sid", "appointment_date_time", "type", "card_token", "amount")
    lines = [",".join(names), *(",".join((*row, "b-virtual", CARD, "12.5")) for row in rows)]
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        with redirect_stderr(io.StringIO()):
            return read_plans(Path(file.name), exam_sessions.schedule_exam_session.describe, {}, None)


# Tokens.


async def tokens(world: World) -> None:
    """Requests share an access token, which expires and is refused."""
    choices = world.choices
    state = world.open(ISPRING)
    options = state.environment
    world.secrets |= {options["client_secret"]}
    client = world.client(
        ISPRING, uses_async=world.uses_async, client_id=options["client_id"], client_secret=options["client_secret"],
        account_url=options["account_url"],
    )  # fmt: skip
    operation, long = _operation(ISPRING, "users.list_roles"), 0
    for _ in range(1 + choices.draw(3)):
        number = 1 + choices.draw(4)
        calls = (world.call(client, operation, "users.list_roles", {}) for _ in range(number))
        if world.uses_async:
            await asyncio.gather(*calls)
        else:
            for each in calls:
                await each
        gap = choices.of((0.0, 1.0, 1000.0, 1750.0, 4000.0))
        long += gap >= 1000
        await world.pause(gap)
    fetched = [each for each in world.received if each.operation == "createAccessToken" and each.applied]
    world.secrets |= {json.loads(each.body)["access_token"] for each in fetched}
    if not world.percent:
        refused = [each for each in world.received if each.status == 401]
        what = f"{len(fetched)} tokens were fetched, and the token was refused {len(refused)} times"
        world.check("token once", len(fetched) <= 1 + long and not refused, what)
    else:
        # Each lifetime and each fault of a fetch or refusal can cost one more.
        most = 1 + long + sum(world.faults[name] for name in ON_EXCHANGES)
        world.check("token once", len(fetched) <= most, f"{len(fetched)} tokens for {world.faults}")


SCENARIOS: tuple[Scenario, ...] = (booking, booking, any_call, paging, tokens, exporting, running)
