"""Ways in which a server may behave that no page documents: all of them are invented.

They differ in what a session looks like when it is read back, and so serve to judge those who draw conclusions from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a server behaves.

    Args:
        approval: whether a booking has to be approved first: it stands at Pending Approval then, and becomes Scheduled
            later, or never.
        approved_after_reads: number of reads that still show Pending Approval.
        approved_after: seconds for which it stays so.
        visible_after_reads: number of reads that do not show a booking or a move yet.
        visible_after: seconds for which reads do not show it.
        scheduled_before: share of the sessions that stand scheduled since an hour ago with the very values that a
            request to schedule or to reschedule them asks for. The seed decides which.
        cancelled_to: status of a session that was cancelled.
        rounds_times: whether appointments are kept in whole minutes.
        touches_edit_date: whether something unrelated sets a session's editDate before each read of it.
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

    @property
    def is_late(self) -> bool:
        """Whether reads show changes late."""
        return self.visible_after_reads > 0 or self.visible_after > 0

    def appointment(self, moment: datetime) -> datetime:
        """The time of an appointment as the server keeps it."""
        if not self.rounds_times:
            return moment
        whole = moment.replace(second=0, microsecond=0)
        # At the end of the year 9999 there is no next minute.
        return whole + _MINUTE if moment - whole >= _MINUTE / 2 and whole.year < 9999 else whole

    def with_(self, other: Self) -> Self:
        """This behaviour with everything that another one changes."""
        changes = {
            each.name: value
            for each in dataclasses.fields(other)
            if (value := getattr(other, each.name)) != each.default
        }
        return dataclasses.replace(self, **changes)


BEHAVIOURS: dict[str, tuple[Behaviour, str]] = {
    "default": (Behaviour(), "A change is made at once, and seen by the next read."),
    "approval_later": (
        Behaviour(approval="later"),
        "A booking stands at Pending Approval, and becomes Scheduled after two reads.",
    ),
    "approval_never": (
        Behaviour(approval="never"),
        "A booking stands at Pending Approval, and stays there.",
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
        "Half of the sessions stand scheduled already, with the very values that will be asked for.",
    ),
    "cancelled_to_needs_proctor": (
        Behaviour(cancelled_to="Needs Proctor"),
        "A session that is cancelled waits for a booking again.",
    ),
    "rounded_times": (Behaviour(rounds_times=True), "Appointments are rounded to whole minutes."),
    "touched_edit_date": (
        Behaviour(touches_edit_date=True),
        "Something unrelated sets a session's editDate before each read of it.",
    ),
}
"""Behaviours by name, with what they do."""


def behaviour_of(given: Behaviour | str) -> Behaviour:
    """A behaviour, or the one that has a name; names joined by `+` are combined.

    Raises:
        ValueError: if there is none of that name.
    """
    if isinstance(given, Behaviour):
        return given
    combined = Behaviour()
    for name in given.split("+"):
        if name not in BEHAVIOURS:
            raise ValueError(f"there is no behaviour {name!r}; there are {', '.join(BEHAVIOURS)}")
        combined = combined.with_(BEHAVIOURS[name][0])
    return combined
