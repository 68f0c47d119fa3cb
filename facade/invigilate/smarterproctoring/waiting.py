"""Polls an exam session until its status is final, as the vendor's reporting guide prescribes."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from invigilate._binding import Runner
from invigilate._identifiers import describe_value
from invigilate._shapes import is_number
from invigilate._values import Sleep, Steps
from invigilate.errors import APITimeoutError, InvalidArgumentError
from smarterproctoring_client.api.exam_sessions import get_exam_session

FINAL = ("Closed", "Cancelled", "Canceled")
FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_PAUSE = 2.0, 60.0, 0.5


def wait(client: Runner, session: Mapping[str, Any], until: Collection[str], timeout: float | None) -> Steps[Any]:
    """Poll a session; see `ExamSessions.wait`."""
    passed: Any = until if isinstance(until, str) else tuple(until)
    if passed == ():
        raise InvalidArgumentError("until", "at least one status", describe_value(passed))
    if isinstance(passed, str) or not all(isinstance(status, str) for status in passed):
        raise InvalidArgumentError("until", "a list of statuses", describe_value(passed))
    if timeout is not None and not (is_number(timeout) and 0 < timeout < float("inf")):
        raise InvalidArgumentError("timeout", "seconds above 0, or None for no limit", describe_value(timeout))
    wanted = {status.casefold() for status in passed}
    ends_at = float("inf") if timeout is None else time.monotonic() + timeout
    seen, pause = "no status was received", FIRST_PAUSE
    call = get_exam_session.describe(**session)
    while True:
        try:
            response = yield from client.steps(call, deadline=None if timeout is None else ends_at)
        except APITimeoutError as error:
            if time.monotonic() < ends_at:
                raise
            raise _expired(error, timeout, seen) from error
        status = response.parsed.to_dict().get("status")
        if isinstance(status, str) and status.casefold() in wanted:
            return response.parsed
        # A status of another type may hold anything.
        seen = f"the last status was {status[:40]!r}" if isinstance(status, str) else "the last session had no status"
        left = ends_at - time.monotonic()
        if left < SHORTEST_PAUSE:
            operation = call.operation
            last = APITimeoutError("", method=operation.method, path=operation.path, operation=operation.id, sent=True)
            raise _expired(last, timeout, seen)
        # Half of what is left, so that the last poll is close to the end.
        yield Sleep(min(pause, left / 2))
        pause = min(LONGEST_PAUSE, pause * 2)


def _expired(error: APITimeoutError, timeout: float | None, seen: str) -> APITimeoutError:
    return APITimeoutError(
        f"the session was not final after {timeout:g} s: {seen}",
        method=error.method,
        path=error.path,
        operation=error.operation,
        attempts=error.attempts,
        sent=error.sent,
    )
