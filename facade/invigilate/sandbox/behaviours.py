"""Ways in which a server may behave that no page documents: all of them are invented.

They differ in what a session looks like when it is read back, and serve to test code that draws conclusions from that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from .inventions import infer

_MINUTE = timedelta(minutes=1)
EVERY_INVENTION = frozenset({"*"})
CONTRARY = "contrary"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a server behaves.

    Args:
        approval: whether a booking has to be approved first: it is Pending Approval then, and becomes Scheduled later,
            or never.
        approved_after_reads: number of reads that still show Pending Approval.
        approved_after: seconds for which it stays Pending Approval.
        visible_after_reads: number of reads that do not show a booking or a move yet.
        visible_after: seconds for which reads do not show it.
        scheduled_before: share of the sessions that have been scheduled since an hour ago with the very values that a
            request to schedule or to reschedule them asks for. The seed decides which.
        cancelled_to: status of a session that was canceled.
        rounds_times: whether appointments are kept in whole minutes.
        touches_edit_date: whether something unrelated sets a session's editDate before each read of it.
        refuses_headers: whether undocumented request headers are refused, other than those of HTTP and of tracing.
        contrary: names of the inventions in `INVENTED` whose contrary reading applies; `"*"` stands for all.
    """

    approval: Literal["none", "later", "never"] = "none"
    approved_after_reads: int = 2
    approved_after: float = 0.0
    visible_after_reads: int = 0
    visible_after: float = 0.0
    scheduled_before: float = 0.0
    cancelled_to: Literal["Cancelled", "Needs Proctor"] = "Cancelled"
    rounds_times: bool = False
    touches_edit_date: bool = False
    refuses_headers: bool = False
    contrary: frozenset[str] = frozenset()

    @property
    def is_late(self) -> bool:
        """Whether reads show changes late."""
        return self.visible_after_reads > 0 or self.visible_after > 0

    def flips(self, invention: str) -> bool:
        """Whether the contrary reading of an invention applies. The current response rests on the invention."""
        infer(invention)
        return invention in self.contrary or "*" in self.contrary

    def appointment(self, moment: datetime) -> datetime:
        """The time of an appointment as the server keeps it."""
        if not self.rounds_times:
            return moment
        whole = moment.replace(second=0, microsecond=0)
        # At the end of the year 9999 there is no next minute.
        return whole + _MINUTE if moment - whole >= _MINUTE / 2 and whole.year < 9999 else whole

    def with_(self, other: Self) -> Self:
        """This behavior with everything that another one changes."""
        changes = {
            each.name: value
            for each in dataclasses.fields(other)
            if (value := getattr(other, each.name)) != each.default
        }
        if self.contrary:
            changes["contrary"] = self.contrary | other.contrary
        return dataclasses.replace(self, **changes)


BEHAVIOURS: dict[str, tuple[Behaviour, str]] = {
    "default": (Behaviour(), "A change is made at once, and the next read shows it."),
    CONTRARY: (
        Behaviour(contrary=EVERY_INVENTION),
        "Each invention that has a contrary reading takes it. `contrary:NAME` flips a single one.",
    ),
    "approval_later": (
        Behaviour(approval="later"),
        "A booking is Pending Approval, and becomes Scheduled after two reads.",
    ),
    "approval_never": (
        Behaviour(approval="never"),
        "A booking is Pending Approval, and stays so.",
    ),
    "late_by_reads": (
        Behaviour(visible_after_reads=2),
        "The first two reads after a booking or a move show the session as it was before.",
    ),
    "late_by_time": (
        Behaviour(visible_after=0.2),
        "For 0.2 seconds after a booking or a move, reads show the session as it was before.",
    ),
    "scheduled_before": (
        Behaviour(scheduled_before=0.5),
        "Half of the sessions are scheduled already, with the very values that a request will ask for.",
    ),
    "canceled_to_needs_proctor": (
        Behaviour(cancelled_to="Needs Proctor"),
        "A canceled session waits for a booking again.",
    ),
    "rounded_times": (Behaviour(rounds_times=True), "Appointments are rounded to whole minutes."),
    "touched_edit_date": (
        Behaviour(touches_edit_date=True),
        "Something unrelated sets a session's editDate before each read of it.",
    ),
    "documented_headers": (
        Behaviour(refuses_headers=True),
        "Undocumented request headers are refused with 400, too, so that nothing but what a spec names is accepted."
        " Headers of HTTP and of tracing are left alone.",
    ),
}
"""Behaviours by name, with what they do."""


def behaviour_of(value: Behaviour | str) -> Behaviour:
    """Return a behavior as it is, or by its name; names joined by `+` are combined.

    Raises:
        ValueError: there is no behavior of that name.
    """
    if isinstance(value, Behaviour):
        return value
    combined = Behaviour()
    for name in value.split("+"):
        behaviour, colon, invention = name.partition(":")
        if behaviour not in BEHAVIOURS or (colon and behaviour != CONTRARY):
            raise ValueError(f"unknown behavior {name!r}; expected one of {', '.join(BEHAVIOURS)}")
        found = Behaviour(contrary=frozenset({invention})) if colon else BEHAVIOURS[behaviour][0]
        combined = combined.with_(found)
    return combined
