"""Book an exam session and reserve a seat for it: one inherited call, and two of the gateway."""

import os

from northfield_proctoring import Northfield

exam_sid, session_sid = os.environ["EXAM_SID"], os.environ["SESSION_SID"]

with Northfield() as northfield:
    booked = northfield.exam_sessions.schedule(
        exam_sid=exam_sid, session_sid=session_sid, appointment_date_time="2026-12-07T14:30:00Z"
    )
    room = northfield.rooms.list(building="library", free_at="2026-12-07T14:30:00Z").first()
    if room is None:
        raise SystemExit("No room is free.")
    seat = northfield.rooms.reserve_seat(exam_sid=exam_sid, session_sid=session_sid, room_sid=room.sid)

print(booked.status, booked.appointment_date)
print(room.name, seat)
