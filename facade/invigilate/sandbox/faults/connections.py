"""Faults of connections: what becomes of a request when the connection ends, or nothing comes for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from invigilate.sandbox.exchange import Answer, Exchange, Hangup, Phase

from .plan import Fault, Turn


@dataclass(frozen=True, kw_only=True)
class Refuse(Fault):
    """Closes the listening socket for `seconds` as soon as it is added, so that connections are refused.

    It takes the name of an API or `*`, and none of the other options. Idle connections are ended. Taking the fault out
    of the plan opens the socket again.
    """

    kind: ClassVar[str] = "refuse"
    to_connections: ClassVar[bool] = True
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if (self.times, self.after, self.probability) != (None, 0, 1.0):
            raise ValueError("refuse begins when it is added; of the options it takes seconds only")

    def window(self) -> float:
        """See `Fault`."""
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class ResetOnConnect(Fault):
    """Resets a connection as soon as it is made. It takes the name of an API or `*`, and counts connections."""

    kind: ClassVar[str] = "reset_on_connect"
    to_connections: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ResetBeforeReading(Fault):
    """Resets the connection once the head of the request was read, and before its body is."""

    kind: ClassVar[str] = "reset_before_reading"
    phase: ClassVar[Phase] = Phase.ANNOUNCED

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return True

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        raise Hangup(reset=True)


@dataclass(frozen=True, kw_only=True)
class ResetAfterReading(ResetBeforeReading):
    """Resets the connection once the whole request was read; nothing is applied."""

    kind: ClassVar[str] = "reset_after_reading"
    phase: ClassVar[Phase] = Phase.RECEIVED


@dataclass(frozen=True, kw_only=True)
class Outage(Fault):
    """Resets the connection and refuses new ones for `seconds`: a server that restarts. Applies first if `applied`."""

    kind: ClassVar[str] = "outage"
    seconds: float = 0.5
    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.faults.refuse(turn.exchange.api, self.seconds)
            raise Hangup(reset=True)


@dataclass(frozen=True, kw_only=True)
class DropAnswer(Fault):
    """Applies the change, and resets the connection in place of the answer."""

    kind: ClassVar[str] = "drop_answer"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        raise Hangup(reset=True)


@dataclass(frozen=True, kw_only=True)
class CloseUnanswered(Fault):
    """Applies the change, and closes the connection properly in place of the answer."""

    kind: ClassVar[str] = "close_unanswered"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        raise Hangup


@dataclass(frozen=True, kw_only=True)
class ApplyLate(Fault):
    """Applies the change `delay` seconds later; at once the connection is reset or closed, or a 504 is given.

    `sandbox.faults.settle()` waits until it is applied, `sandbox.faults.apply_now()` does not wait.
    """

    kind: ClassVar[str] = "apply_late"
    phase: ClassVar[Phase] = Phase.VALIDATED
    delay: float = 0.2
    answer: Literal["reset", "close", "504"] = "reset"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return True

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.apply_late(self.delay)
        if self.answer != "504":
            raise Hangup(reset=self.answer == "reset")
        page = b"<html><head><title>504 Gateway Time-out</title></head></html>"
        turn.exchange.answer = Answer(504, page, {"Content-Type": "text/html"})


@dataclass(frozen=True, kw_only=True)
class Stall(Fault):
    """Says nothing for `seconds`, before the change is applied or (`applied`) after it, and then answers as always."""

    kind: ClassVar[str] = "stall"
    seconds: float = 30.0
    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.wait(self.seconds)
