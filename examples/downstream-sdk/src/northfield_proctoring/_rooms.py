"""Exam rooms: a resource of the gateway, bound like those of invigilate."""

from __future__ import annotations

from typing import TypeVar

from invigilate import AsyncRaw, RawView, Resource, SyncRaw, operation

from northfield_client.api import rooms

M = TypeVar("M")


class Rooms(Resource[M]):
    """Exam rooms, and seats in them."""

    with_raw_response: RawView[Rooms[SyncRaw], Rooms[AsyncRaw]] = RawView()
    list = operation(lambda: rooms.list_rooms.describe)
    reserve_seat = operation(lambda: rooms.reserve_seat.describe)
