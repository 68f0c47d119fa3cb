"""What is remembered of faults that were done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from invigilate.sandbox.records import Journal

_RECORDED = 10_000


@dataclass(slots=True)
class FiredFault:
    """One fault that was done.

    Attributes:
        api: the API.
        operation_id: the operation; None for a connection, and for a path that there is not.
        kind: name of the fault.
        applied: whether the operation was carried out, by now.
    """

    api: str
    operation_id: str | None
    kind: str
    applied: bool


class FiredFaults(Journal[FiredFault]):
    """The last 10,000 faults that were done, and the number of all."""

    def __init__(self) -> None:
        super().__init__(_RECORDED)
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def add(self, record: FiredFault) -> None:
        """Add a record."""
        super().add(record)
        with self._lock:
            self._counts[record.kind, record.operation_id] += 1

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        with self._lock:
            self._counts.clear()

    @property
    def counts(self) -> Counter[tuple[str, str | None]]:
        """How often each kind was done to each operation: `counts["drop_answer", "scheduleExamSession"]`."""
        with self._lock:
            return self._counts.copy()

    def total(self, kind: str | None = None, operation_id: str | None = None) -> int:
        """How often faults were done, of one kind or of all, to one operation or to all."""
        return sum(
            number
            for (each, operation), number in self.counts.items()
            if kind in (None, each) and operation_id in (None, operation)
        )
