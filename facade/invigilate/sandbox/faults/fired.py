"""The record of faults that fired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from invigilate.sandbox.records import Journal

_RECORDED = 10_000


@dataclass(slots=True)
class FiredFault:
    """One fault that fired.

    Attributes:
        api: key of the API.
        operation_id: the operation; None for a connection, and for an unknown path.
        name: name of the fault.
        applied: whether the operation has been executed by now.
    """

    api: str
    operation_id: str | None
    name: str
    applied: bool


class FiredFaults(Journal[FiredFault]):
    """The last 10,000 faults that fired, and the number of all."""

    def __init__(self) -> None:
        super().__init__(_RECORDED)
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def add(self, record: FiredFault) -> None:
        """Add a record."""
        super().add(record)
        with self._lock:
            self._counts[record.name, record.operation_id] += 1

    def clear(self) -> None:
        """Remove all records."""
        super().clear()
        with self._lock:
            self._counts.clear()

    @property
    def counts(self) -> Counter[tuple[str, str | None]]:
        """How often each fault fired for each operation: `counts["drop_response", "scheduleExamSession"]`."""
        with self._lock:
            return self._counts.copy()

    def total(self, name: str | None = None, operation_id: str | None = None) -> int:
        """How often a fault, or all of them, fired for one operation, or for all."""
        return sum(
            number
            for (each, operation), number in self.counts.items()
            if name in (None, each) and operation_id in (None, operation)
        )
