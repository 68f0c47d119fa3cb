"""Faults of connections: they end, are refused, or stay silent for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from invigilate.sandbox.exchange import Exchange, Hangup, Phase, Response

from .plan import Fault, Turn


@dataclass(frozen=True, kw_only=True)
class Refuse(Fault):
    """Closes the listening socket for `seconds` as soon as it is added, so that connections are refused.

    It takes the key of an API or `*`, and none of the other options. Idle connections are ended. Removing the fault
    from the plan opens the socket again.
    """

    name: ClassVar[str] = "refuse"
    to_connections: ClassVar[bool] = True
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if (self.times, self.after, self.probability) != (None, 0, 1.0):
            raise ValueError("refuse begins when it is added; seconds is its only option")

    def window(self) -> float:
        """See `Fault`."""
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class ResetOnConnect(Fault):
    """Resets a connection as soon as it is established. It takes the key of an API or `*`, and counts connections."""

    name: ClassVar[str] = "reset_on_connect"
    to_connections: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ResetBeforeReading(Fault):
    """Resets the connection once the head of the request was read, and before its body is."""

    name: ClassVar[str] = "reset_before_reading"
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

    name: ClassVar[str] = "reset_after_reading"
    phase: ClassVar[Phase] = Phase.RECEIVED


@dataclass(frozen=True, kw_only=True)
class Outage(Fault):
    """Resets the connection and refuses new ones for `seconds`: a server that restarts. Applies first if `applied`."""

    name: ClassVar[str] = "outage"
    seconds: float = 0.5
    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.faults.refuse(turn.exchange.api, self.seconds)
            raise Hangup(reset=True)


@dataclass(frozen=True, kw_only=True)
class DropResponse(Fault):
    """Applies the change, and resets the connection instead of responding."""

    name: ClassVar[str] = "drop_response"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        raise Hangup(reset=True)


@dataclass(frozen=True, kw_only=True)
class CloseWithoutResponse(Fault):
    """Applies the change, and closes the connection properly instead of responding."""

    name: ClassVar[str] = "close_without_response"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        raise Hangup


@dataclass(frozen=True, kw_only=True)
class ApplyLate(Fault):
    """Applies the change `delay` seconds later, after resetting or closing the connection, or responding 504.

    `sandbox.faults.settle()` waits until it is applied; `sandbox.faults.apply_now()` applies it at once.
    """

    name: ClassVar[str] = "apply_late"
    phase: ClassVar[Phase] = Phase.VALIDATED
    delay: float = 0.2
    response: Literal["reset", "close", "504"] = "reset"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return True

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.apply_late(self.delay)
        if self.response != "504":
            raise Hangup(reset=self.response == "reset")
        page = b"<html><head><title>504 Gateway Time-out</title></head></html>"
        turn.exchange.response = Response(504, page, {"Content-Type": "text/html"})


@dataclass(frozen=True, kw_only=True)
class Stall(Fault):
    """Waits for `seconds`, before the change is applied or (`applied`) after it, and then responds as usual."""

    name: ClassVar[str] = "stall"
    seconds: float = 30.0
    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.wait(self.seconds)
