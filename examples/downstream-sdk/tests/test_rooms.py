"""The package against its gateway: what the gateway adds, what is inherited, and the types."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import pytest
from gateway import ROOMS, Gateway
from invigilate import (
    AsyncPager,
    InvalidArgumentError,
    InvalidSidError,
    InvalidTimestampError,
    NotFoundError,
    OutcomeUnknownError,
    Page,
    Pager,
    PermissionDeniedError,
    RawResponse,
    Verdict,
)
from invigilate.sandbox import faults

from northfield_client.models import Room, Seat
from northfield_proctoring import AsyncNorthfield, Northfield

NEEDS = "wheelchair, imaginary"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Northfield]:
    sandbox = gateway.sandbox
    with Northfield(sandbox.token, sandbox.install_sid, base_url=gateway.url) as made:
        yield made


def test_rooms_come_page_by_page(client: Northfield) -> None:
    pager = client.rooms.list(limit=2)
    assert_type(pager, Pager[Room])
    assert [len(page) for page in pager.pages()] == [2, 2, 1]
    assert [room.name for room in pager] == [room["name"] for room in ROOMS]
    assert [room.seats for room in client.rooms.list(building="science", minimum_seats=10)] == [64]


def test_rooms_are_exported(client: Northfield, tmp_path: Path) -> None:
    result = client.rooms.list(building="science", minimum_seats=10).export(tmp_path / "rooms.jsonl")
    assert (result.rows, result.total) == (1, 1)
    (row,) = (tmp_path / "rooms.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(row)["seats"] == 64


def test_a_seat_is_reserved(client: Northfield, gateway: Gateway) -> None:
    room = client.rooms.list(building="library").first()
    assert room is not None
    exam, session = gateway.sandbox.exam_sid, gateway.sandbox.session_sid
    seat = client.rooms.reserve_seat(exam_sid=exam, session_sid=session, room_sid=room.sid, needs=NEEDS)
    assert_type(seat, Seat)
    assert (seat.seat, seat.door_code) == (1, "4711-example")
    assert "4711" not in repr(seat)
    assert gateway.seats == [{"session": session, "roomSid": room.sid, "needs": NEEDS}]


def test_raw_responses(client: Northfield) -> None:
    raw = client.rooms.with_raw_response.list(limit=3)
    assert_type(raw, RawResponse[Page[Room]])
    assert (raw.status_code, raw.parsed.total, len(raw.parsed)) == (200, 5, 3)


def test_without_blocking(gateway: Gateway) -> None:
    async def main() -> None:
        sandbox = gateway.sandbox
        async with AsyncNorthfield(sandbox.token, sandbox.install_sid, base_url=gateway.url) as client:
            pager = client.rooms.list(limit=2)
            assert_type(pager, AsyncPager[Room])
            found = [room async for room in pager]
            seat = await client.rooms.reserve_seat(
                exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, room_sid=found[0].sid
            )
            raw = await client.rooms.with_raw_response.list()
            session = await client.exam_sessions.get(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)
        assert (len(found), seat.seat, raw.parsed.total, session.sid) == (5, 1, 5, sandbox.session_sid)

    asyncio.run(main())


def test_inherited_calls_go_through_the_gateway(client: Northfield, gateway: Gateway) -> None:
    sandbox = gateway.sandbox
    session = client.exam_sessions.schedule(
        exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, appointment_date_time="2026-12-07T14:30:00Z"
    )
    assert session.status == "Scheduled"
    assert len(client.reports.service_distribution(limit=100).collect()) > 200


def test_a_view_for_another_install_has_rooms_of_its_own(client: Northfield, gateway: Gateway) -> None:
    sandbox = gateway.sandbox
    wrong = client.for_install("nonsense")
    with pytest.raises(InvalidSidError, match="install_sid"):
        wrong.rooms.reserve_seat(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, room_sid=ROOMS[0]["sid"])
    assert gateway.seats == []
    client.rooms.reserve_seat(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, room_sid=ROOMS[0]["sid"])
    assert len(gateway.seats) == 1


def test_mistakes_are_found_before_they_are_sent(client: Northfield, gateway: Gateway) -> None:
    exam, session, room = gateway.sandbox.exam_sid, gateway.sandbox.session_sid, ROOMS[0]["sid"]
    with pytest.raises(InvalidSidError, match="exam_sid and session_sid seem to be swapped"):
        client.rooms.reserve_seat(exam_sid=session, session_sid=exam, room_sid=room)
    with pytest.raises(InvalidSidError, match="room_sid: expected a room SID"):
        client.rooms.reserve_seat(exam_sid=exam, session_sid=session, room_sid=exam)
    with pytest.raises(InvalidTimestampError, match="free_at"):
        client.rooms.list(free_at="2026-12-07")
    with pytest.raises(InvalidArgumentError, match="minimum_seats"):
        client.rooms.list(minimum_seats=0)
    assert gateway.seats == []


def test_a_lost_response_takes_no_second_seat(client: Northfield, gateway: Gateway) -> None:
    gateway.lose_responses = 1
    exam, session = gateway.sandbox.exam_sid, gateway.sandbox.session_sid
    with pytest.raises(OutcomeUnknownError) as caught:
        client.rooms.reserve_seat(exam_sid=exam, session_sid=session, room_sid=ROOMS[0]["sid"], needs=NEEDS)
    assert len(gateway.seats) == len(caught.value.attempts) == 1
    assert caught.value.operation == "reserveSeat"
    for text in (str(caught.value), repr(caught.value), pickle.dumps(caught.value).decode("latin-1")):
        assert NEEDS not in text


def test_refusals_are_the_errors_of_invigilate(client: Northfield, gateway: Gateway) -> None:
    exam, session = gateway.sandbox.exam_sid, gateway.sandbox.session_sid
    with pytest.raises(NotFoundError) as refused:
        client.rooms.reserve_seat(exam_sid=exam, session_sid=session, room_sid="NR" + "f" * 32, needs=NEEDS)
    assert refused.value.code == "NOROOM"
    assert NEEDS not in str(refused.value)
    with Northfield("wrong", base_url=gateway.url) as stranger, pytest.raises(PermissionDeniedError):
        stranger.rooms.list().first()


def test_check_of_a_booking_whose_response_was_lost_behind_the_gateway(client: Northfield, gateway: Gateway) -> None:
    sandbox, sessions = gateway.sandbox, client.exam_sessions
    before = sessions.get(exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid)
    sandbox.faults.add("scheduleExamSession", faults.drop_response(times=1))
    with pytest.raises(OutcomeUnknownError) as caught:
        sessions.schedule(
            exam_sid=sandbox.exam_sid,
            session_sid=sandbox.session_sid,
            appointment_date_time="2026-12-07T14:30:00Z",
            amount=25,
            card_token="tok_visa",
        )
    assert caught.value.status_code == 502
    assert sessions.check(caught.value, before=before).verdict is Verdict.APPLIED
    assert len(sandbox.ledger) == 1
