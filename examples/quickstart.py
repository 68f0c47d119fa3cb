"""Book an exam session, reschedule it, and find it in the report.

Start `python -m invigilate.sandbox` in another terminal, paste the `export` lines that it prints, and run this with the
identifiers that it prints as comments:

    python examples/quickstart.py EXAM_SID SESSION_SID
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

from invigilate import APIError, InvalidArgumentError, OutcomeUnknownError, SmarterProctoring

EXAM_DAY = datetime(2026, 12, 7, 9, 30, tzinfo=timezone(timedelta(hours=-5)))


def main(exam_sid: str, session_sid: str) -> None:
    with SmarterProctoring() as client:
        session = client.exam_sessions.schedule(
            exam_sid=exam_sid,
            session_sid=session_sid,
            type_="automated",
            appointment_date_time=EXAM_DAY,
        )
        print(f"booked: {session.sid}, {session.appointment_date}")

        client.exam_sessions.reschedule(
            exam_sid=exam_sid,
            session_sid=session_sid,
            appointment_date_time=EXAM_DAY + timedelta(days=1),
        )
        for row in client.reports.service_distribution(exam_sid=exam_sid, statuses=["Scheduled"]):
            if row.sid == session_sid:
                print(f"in the report: {row.sid}, {row.appointment_date}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2])
    except InvalidArgumentError as error:
        sys.exit(f"Nothing was sent. {error}")
    except OutcomeUnknownError as error:
        sys.exit(f"Check before retrying. {error}")
    except APIError as error:
        sys.exit(f"Failed. {error}")
