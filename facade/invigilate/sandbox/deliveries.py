"""Sends events to the callback URLs of subscribers: real POST requests, to loopback only, in order, with retries."""

from __future__ import annotations

import http.client
import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from .api import Control, whole
from .listener import LOOPBACK
from .records import Journal
from .times import Clock

RETRY_AFTER = 0.2
"""Seconds between the attempts of a delivery."""
MOST_ATTEMPTS = 10
"""After so many attempts a delivery is abandoned."""
_RECORDED = 10_000
_PATIENCE = 5.0
_NOT_CONTACTED = "not contacted: only http:// URLs on loopback are"

Batch = tuple[str, bytes]
"""A delivery: the type of its events, and its body."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver: to whom, what, and how it ended.

    Attributes:
        signature: None when the receiver has no secret.
        status: status of the response; None without a response.
        outcome: `delivered`, or why it was not.
    """

    receiver: str
    url: str
    type: str
    body: str
    signature: str | None
    status: int | None
    outcome: str
    time: datetime


@dataclass(slots=True, eq=False)
class Receiver:
    """What events are sent to.

    Attributes:
        name: its name.
        url: the callback URL.
        write: builds the body of a delivery from a type and the payloads of its events.
        headers: builds headers for a body; `X-Hub-Signature` is recorded.
        abandoned: called when a delivery is abandoned; all that waits is dropped then.
        paused: whether what waits is kept back.
        attempts: number of failed attempts of the first delivery that waits.
    """

    name: str
    url: str
    write: Callable[[str, list[object]], bytes]
    headers: Callable[[bytes], Mapping[str, str]]
    abandoned: Callable[[], None]
    paused: bool = False
    attempts: int = 0
    events: deque[tuple[str, object]] = field(default_factory=deque[tuple[str, object]])
    ready: deque[Batch] = field(default_factory=deque[Batch])
    last: Batch | None = None
    due: float = 0.0

    @property
    def waits(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self.ready or self.events) and not self.paused

    def first(self) -> Batch:
        """The next delivery: one that failed, unchanged, or else neighboring events of one type."""
        if not self.ready:
            type_ = self.events[0][0]
            payloads: list[object] = []
            while self.events and self.events[0][0] == type_:
                payloads.append(self.events.popleft()[1])
            self.ready.append((type_, self.write(type_, payloads)))
        return self.ready[0]

    def clear(self) -> None:
        """Drop everything that waits."""
        self.events.clear()
        self.ready.clear()
        self.attempts, self.due = 0, 0.0


class Deliveries:
    """Sends what receivers wait for, one delivery after the other, in a thread of its own while there is work.

    Args:
        clock: the time of attempts.

    Attributes:
        attempts: the last 10,000 attempts.
    """

    def __init__(self, clock: Clock) -> None:
        self.attempts: Journal[Attempt] = Journal(_RECORDED)
        self._clock = clock
        self._changed = threading.Condition()
        self._receivers: list[Receiver] = []
        self._thread: threading.Thread | None = None
        self._faults: deque[str] = deque()
        self._closed = False

    def send(self, receiver: Receiver, type_: str, payload: object) -> None:
        """Queue an event."""
        with self._changed:
            receiver.events.append((type_, payload))
            self._wake(receiver)

    def resume(self, receiver: Receiver) -> None:
        """Send what a paused receiver kept back."""
        with self._changed:
            receiver.paused = False
            self._wake(receiver)

    def drop(self, receiver: Receiver) -> None:
        """Drop what waits for a receiver."""
        with self._changed:
            receiver.clear()
            self._changed.notify_all()

    def fail(self, times: int) -> None:
        """Fail the next attempts: the receiver does not hear of them."""
        self._plan("failed: on demand", times)

    def lose(self, times: int) -> None:
        """Lose the response to the next attempts: the receiver gets them again."""
        self._plan("failed: the response was lost on demand", times)

    def retry(self) -> None:
        """Retry at once, without waiting."""
        with self._changed:
            for receiver in self._receivers:
                receiver.due = 0.0
            self._changed.notify_all()

    def repeat(self) -> None:
        """Send the last delivery of each receiver once more."""
        with self._changed:
            for receiver in list(self._receivers):
                if receiver.last is not None:
                    type_, body = receiver.last
                    receiver.ready.appendleft((type_, body))
                    self._wake(receiver)

    def abandon(self) -> None:
        """Abandon what has failed, as happens after a day."""
        with self._changed:
            for receiver in self._receivers:
                if receiver.attempts:
                    self._abandon(receiver)
            self._changed.notify_all()

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until nothing waits for an attempt any more, retries included. Returns whether that is so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def close(self) -> None:
        """Stop. Nothing is sent afterwards."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def controls(self, prefix: str) -> dict[str, Control]:
        """What the control endpoint offers."""

        def counted(action: Callable[[int], None]) -> Control:
            return lambda variables: action(whole(variables["times"]))

        return {
            f"GET {prefix}": lambda _: list(self.attempts),
            f"POST {prefix}/fail/{{times}}": counted(self.fail),
            f"POST {prefix}/lose/{{times}}": counted(self.lose),
            f"POST {prefix}/retry": lambda _: self.retry(),
            f"POST {prefix}/repeat": lambda _: self.repeat(),
            f"POST {prefix}/abandon": lambda _: self.abandon(),
            f"POST {prefix}/settle": lambda _: {"settled": self.settle()},
        }

    def _plan(self, outcome: str, times: int) -> None:
        with self._changed:
            self._faults.extend([outcome] * times)

    def _wake(self, receiver: Receiver) -> None:
        if receiver not in self._receivers:
            self._receivers.append(receiver)
        if self._thread is None and receiver.waits and not self._closed:
            self._thread = threading.Thread(target=self._run, name="sandbox-deliveries", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                receiver = self._next()
                if receiver is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
                batch = receiver.first()
                fault = self._faults.popleft() if self._faults else None
                url = receiver.url
            headers = receiver.headers(batch[1])
            status, outcome = (None, fault) if fault == "failed: on demand" else _post(url, batch[1], headers)
            outcome = fault or outcome
            with self._changed:
                self._record(receiver, url, batch, headers, status, outcome)

    def _next(self) -> Receiver | None:
        """The receiver whose turn it is; None when none waits. Waits for retries that are not due yet."""
        while not self._closed:
            waiting = [each for each in self._receivers if each.waits]
            if not waiting:
                return None
            receiver = min(waiting, key=lambda each: each.due)
            early = receiver.due - time.monotonic()
            if early <= 0:
                return receiver
            self._changed.wait(early)
        return None

    def _record(
        self, receiver: Receiver, url: str, batch: Batch, headers: Mapping[str, str], status: int | None, outcome: str
    ) -> None:
        body, signature = batch[1].decode(), headers.get("X-Hub-Signature")
        self.attempts.add(Attempt(receiver.name, url, batch[0], body, signature, status, outcome, self._clock()))
        others = [each for each in receiver.ready if each is not batch]
        if len(others) == len(receiver.ready):
            return  # dropped in the meantime
        if outcome in ("delivered", _NOT_CONTACTED):
            receiver.ready = deque(others)
            receiver.last, receiver.attempts, receiver.due = batch, 0, 0.0
            return
        receiver.attempts += 1
        receiver.due = time.monotonic() + RETRY_AFTER
        if receiver.attempts >= MOST_ATTEMPTS:
            self._abandon(receiver)

    def _abandon(self, receiver: Receiver) -> None:
        receiver.clear()
        receiver.abandoned()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return None, _NOT_CONTACTED
    if host == "localhost":
        host = LOOPBACK  # a hosts file may point it elsewhere
    if parts.scheme != "http" or not _is_loopback(host):
        return None, _NOT_CONTACTED
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, f"failed: {type(error).__name__}"
    finally:
        connection.close()
    return status, "delivered" if status == 200 else f"failed: status {status}"
